"""What make passes on, and what the bootstrap says when it cannot begin."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OUTER = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON"))}

SETTINGS = [
    ("PLAN", "smoke", ["--plan", "smoke"]),
    ("STACK", "embedded", ["--stack", "embedded"]),
    ("WORKLOAD", "my load.toml", ["--workload", "my load.toml"]),
    ("RTT", "0", ["--rtt", "0"]),
    ("CONTENDER", "my.py", ["--contender", "my.py"]),
    ("SOURCE", "my source.py", ["--source", "my source.py"]),
    ("SERIALIZER", "json+zstd", ["--serializer", "json+zstd"]),
    ("ARGS", "--seed 7", ["--seed", "7"]),
]


def passed_on(tmp_path: Path, *words: str, **environment: str) -> list[str]:
    """The words with which make calls the front door, seen by a front door that writes them down."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "setup.sh").touch()  # there is nothing to set up here
    shutil.copy(ROOT / "Makefile", tmp_path)
    front_door = tmp_path / ".venv" / "bin" / "stampede"
    front_door.parent.mkdir(parents=True)
    front_door.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > passed\nenv > environment\n')
    front_door.chmod(0o755)
    made = subprocess.run(["make", *words], cwd=tmp_path, check=True, capture_output=True, env={**OUTER, **environment})
    (tmp_path / "output").write_bytes(made.stdout + made.stderr)
    return (tmp_path / "passed").read_text().splitlines()


@pytest.mark.parametrize("target", ["bench", "web", "report", "services"])
def test_settings_that_are_not_given_pass_nothing(target: str, tmp_path: Path) -> None:
    """The front door's own defaults hold, whatever variables of these names the user's environment happens to have."""
    assert passed_on(tmp_path, target, PLAN="full", REDIS="x", ARGS="--oops", RUN="y") == [target]


@pytest.mark.parametrize(("name", "value", "words"), SETTINGS)
def test_a_setting_becomes_its_option(name: str, value: str, words: list[str], tmp_path: Path) -> None:
    """Each setting reaches the front door whole, as the one option that it stands for."""
    assert passed_on(tmp_path, "bench", f"{name}={value}") == ["bench", *words]


@pytest.mark.parametrize("target", ["bench", "monitor", "services", "races"])
def test_urls_go_by_the_environment_and_are_not_printed(target: str, tmp_path: Path) -> None:
    """make shows the commands that it gives: a URL in them would show its password, there and in the process list."""
    urls = {"POSTGRES": "postgresql://u:p%40ss-one@h/d?a=1&b=2", "REDIS": "redis://:p&ss-two@h"}
    assert passed_on(tmp_path, target, *(f"{name}={url}" for name, url in urls.items())) == [target]
    given = (tmp_path / "environment").read_text().splitlines()
    assert {f"STAMPEDE_{name}_URL={url}" for name, url in urls.items()} <= set(given)
    assert "ss-" not in (tmp_path / "output").read_text()


@pytest.mark.parametrize(("former", "target"), [("selfcheck", "selftest"), ("harness", "overhead")])
def test_a_former_name_of_a_target_calls_the_same_command(former: str, target: str, tmp_path: Path) -> None:
    """Scripts that use it go on working; `make help` lists the present name alone."""
    assert passed_on(tmp_path, former, "STACK=embedded") == [target, "--stack", "embedded"]
    listed = subprocess.run(
        ["make", "help"], cwd=tmp_path, check=True, capture_output=True, text=True, env=OUTER
    ).stdout
    assert f"make {target}" in listed
    assert f"make {former}" not in listed


def test_all_settings_together(tmp_path: Path) -> None:
    """Settings do not get into each other's way."""
    given = [f"{name}={value}" for name, value, _ in SETTINGS]
    assert passed_on(tmp_path, "bench", *given) == ["bench", *(word for *_, words in SETTINGS for word in words)]


def test_a_run_to_report_is_named(tmp_path: Path) -> None:
    """make report RUN=… hands over the folder."""
    assert passed_on(tmp_path, "report", "RUN=runs/a b") == ["report", "runs/a b"]


def test_a_python_that_will_not_do_is_named_in_one_line(tmp_path: Path) -> None:
    """Setup ends with one line that names the interpreter and the way out, and leaves nothing behind."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "pyproject.toml").touch()
    before = sorted(tmp_path.rglob("*"))
    old = "/bin/false"
    done = subprocess.run(
        ["sh", "scripts/setup.sh"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**OUTER, "PYTHON": old},
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert old in line
    assert "3.11" in line
    assert "PYTHON=" in line
    assert sorted(tmp_path.rglob("*")) == before
