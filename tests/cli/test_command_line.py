"""The front door: bad input is one clear line and exit code 2, and what was recorded is never lost."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from stampede.cli.app import app
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import SCHEMA
from stampede.stack.servers import Stack

REPO = Path(__file__).resolve().parents[2]
FEW_RECORDS = "records = 2000\n"


def refuse(*arguments: str, says: str) -> None:
    """The command must print one line that names what was wrong, and exit with 2."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 2, result.output
    lines = [line for line in result.output.splitlines() if line.startswith("stampede: ")]
    assert len(lines) == 1, result.output
    assert says in lines[0]
    assert "Traceback" not in result.output


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("bench", "--plan", "nothing"), "plan"),
        (("bench", "--scenario", "nowhere"), "scenario"),
        (("bench", "--only", "absent"), "contender"),
        (("bench", "--contender", "absent.py"), "contender"),
        (("bench", "--reference", "absent"), "reference"),
        (("bench", "--stack", "cloud"), "stack"),
        (("bench", "--rounds", "0"), "rounds"),
        (("bench", "--rtt", "-1"), "rtt"),
        (("bench", "--processes", "0"), "processes"),
        (("bench", "--workload", "nothing.toml"), "workload"),
        (("bench", "--postgres", "postgresql://x@127.0.0.1/x"), "redis"),
        (("report", "no/such/folder"), "no such folder"),
        (("web", "--port", "0"), "port"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments: tuple[str, ...], says: str) -> None:
    refuse(*arguments, says=says)


@pytest.mark.parametrize(
    ("toml", "says"),
    [("rate_per_s = 0", "rate_per_s"), ("ttl_s = -1.0", "ttl_s"), ("rate_per_s = [", "TOML")],
)
def test_a_bad_workload_is_refused_in_one_line(tmp_path: Path, toml: str, says: str) -> None:
    path = tmp_path / "w.toml"
    path.write_text(toml)
    refuse("bench", "--workload", str(path), says=says)


@pytest.mark.parametrize(("code", "says"), [("def (", "line 1"), ("x = 1", "CachePattern")])
def test_a_contender_file_that_cannot_run_is_refused_in_one_line(tmp_path: Path, code: str, says: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(code)
    refuse("bench", "--contender", str(path), says=says)


def test_a_wrong_url_and_a_server_that_does_not_answer_are_refused_in_one_line(stack: Stack, unused_port: int) -> None:
    postgres, redis = stack.postgres.url, stack.redis.url
    refuse("bench", "--postgres", "mysql://localhost/x", "--redis", redis, says="postgres")
    refuse("bench", "--postgres", postgres, "--redis", "http://localhost", says="redis")
    refuse("bench", "--postgres", f"postgresql://x@127.0.0.1:{unused_port}/x", "--redis", redis, says="postgres")
    refuse("bench", "--postgres", postgres, "--redis", f"redis://127.0.0.1:{unused_port}/0", says="redis")


def test_a_port_in_use_is_refused_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refuse("web", "--port", str(taken.getsockname()[1]), says="port")


def test_init_writes_a_workload_that_can_be_read_and_never_overwrites_one(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    assert CliRunner().invoke(app, ["init", str(path)]).exit_code == 0
    assert "rate_per_s" in path.read_text()
    refuse("init", str(path), says="path")


def test_init_and_screen_name_the_values_that_decide(tmp_path: Path) -> None:
    """`init` names three values; `screen` lists all five, those of its workload file, with where an answer changes."""
    path = tmp_path / "w.toml"
    assert "decide the answers most" in CliRunner().invoke(app, ["init", str(path)]).output
    path.write_text("rate_per_s = 40\nkey_skew = 0.4\n")
    printed = CliRunner().invoke(app, ["screen", "--workload", str(path)])
    assert printed.exit_code == 0
    rows = [line for line in printed.output.splitlines() if "queries" in line and " % from " in line]
    assert len(rows) == 5
    assert any(line.startswith("request rate") and "40.0/s" in line for line in rows)
    path.write_text('[sql]\nload = "SELECT 1 AS id WHERE 1 = %(id)s"\nids = "SELECT 1"\n')
    refuse("screen", "--workload", str(path), says="[sql]")


@dataclass(frozen=True)
class Killed:
    """What remains of a bench that was killed."""

    folder: Path
    """Its run folder."""
    started: set[int]
    """The processes that it had started."""
    private: Path
    """Where its temporary files were."""


@pytest.fixture(scope="module")
def killed_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    """A smoke bench that was killed with -9 after its first cell."""
    home = tmp_path_factory.mktemp("killed")
    (home / "w.toml").write_text(FEW_RECORDS)
    command = [sys.executable, "-m", "stampede", "bench", "--plan", "smoke", "--stack", "embedded"]
    command += ["--workload", str(home / "w.toml"), "--runs", str(home / "runs")]
    private = Path(tempfile.mkdtemp())  # outside of pytest's own, which the servers' account may not pass
    private.chmod(0o755)
    with (home / "output").open("wb") as output:
        suite = subprocess.Popen(
            command,
            cwd=REPO,
            env={**os.environ, "TMPDIR": str(private)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started: set[int] = set()
    deadline = time.monotonic() + 300
    while not list((home / "runs").glob("*/samples/*.parquet")):
        assert suite.poll() is None, (home / "output").read_text()
        assert time.monotonic() < deadline, (home / "output").read_text()
        started |= {child.pid for child in psutil.Process(suite.pid).children(recursive=True)}
        time.sleep(0.05)
    started |= {child.pid for child in psutil.Process(suite.pid).children(recursive=True)}
    assert list(private.iterdir()) != []
    os.kill(suite.pid, signal.SIGKILL)
    suite.wait()
    (folder,) = (home / "runs").iterdir()
    yield Killed(folder, started, private)
    shutil.rmtree(home)
    private.rmdir()


def is_running(pid: int) -> bool:
    """Whether the process is there; one that absent has reaped yet is not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
def test_a_killed_bench_leaves_no_process_and_no_temporary_file(killed_run: Killed) -> None:
    assert len(killed_run.started) >= 5  # two servers, a master, two workers
    deadline = time.monotonic() + 60
    while any(map(is_running, killed_run.started)) or list(killed_run.private.iterdir()):
        assert time.monotonic() < deadline, (killed_run.started, list(killed_run.private.iterdir()))
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_bench_leaves_a_run_folder_that_can_still_be_reported(killed_run: Killed) -> None:
    assert CliRunner().invoke(app, ["report", str(killed_run.folder)]).exit_code == 0
    assert (killed_run.folder / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_a_run_folder_of_another_schema_or_with_a_cut_file_is_refused_in_one_line(
    killed_run: Killed, tmp_path: Path
) -> None:
    for name, spoil in (("schema", spoil_schema), ("cut", cut_parquet)):
        folder = tmp_path / name
        shutil.copytree(killed_run.folder, folder)
        spoil(folder)
        refuse("report", str(folder), says="wanted")


def spoil_schema(folder: Path) -> None:
    path = folder / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": SCHEMA + 1}))


def cut_parquet(folder: Path) -> None:
    cell = read_run(folder).done[0]
    path = folder / "samples" / f"cell-{cell.id:05d}.parquet"
    path.write_bytes(path.read_bytes()[:-100])


def test_a_folder_of_the_users_on_pythonpath_hides_no_module(tmp_path: Path) -> None:
    """A module of the user's that is named like ours, a dependency's or Python's own is not imported in its place."""
    for name in ("reports", "core", "stack", "random", "typer", "shlex"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} of the user was imported')")
    front_door = Path(sys.executable).with_name("stampede")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [str(front_door), "report", str(tmp_path / "nothing")]
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1), ended
    assert "no such folder" in ended.stderr
