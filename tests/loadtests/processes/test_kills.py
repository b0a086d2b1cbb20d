"""A run that loses its folder, a server or a process ends with one line and keeps its finished cells."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pyarrow as pa
import pytest

from stampede.core.errors import BenchFailed, WriteFailed
from stampede.core.files import write_whole
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_bench import run_bench
from stampede.loadtests.bench.run_plan.planning import prepare_run
from stampede.loadtests.locustfiles.run_config import RunConfig
from stampede.reports.output.html_report import render
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import SAMPLES
from stampede.run_folder.write import RunWriter
from stampede.scenarios.plans import find_plan
from stampede.scenarios.workload import WorkloadFile
from stampede.stack.providers.embedded import open_embedded
from stampede.stack.servers import Stack
from tests.reports.planted_runs.planted import plant
from tests.stack.supervisor.test_ended import process_of

REPO = Path(__file__).resolve().parents[3]
SCENARIO = "stampede-one-process"
SMALL = {"records": 2_000, "rate_per_s": 100.0, "ttl_s": 0.1, "load_cpu_ms": 0.5, "load_wait_ms": 1.0}
Event = Mapping[str, Any]


def prepared_config(stack: Stack, runs: Path, rounds: int = 3) -> RunConfig:
    bench_config = BenchConfig(
        plan=replace(find_plan("smoke"), rounds=rounds, scenarios=(SCENARIO,), experiments=()),
        workload=WorkloadFile(common={"records": 2_000}, by_scenario={SCENARIO: SMALL}),
        contenders=("cache-aside",),
        processes=1,
        runs=runs,
    )
    return prepare_run(bench_config, stack, lambda _line: None)[0]


def after_a_cell(action: Callable[[], object]) -> Callable[[Event], None]:
    """An event handler that runs `action` when the first cell is finished."""
    waiting = [action]

    def on_event(event: Event) -> None:
        if event["event"] == "done" and waiting:
            waiting.pop()()

    return on_event


@pytest.fixture
def own_stack() -> Iterator[Stack]:
    """Servers that the test may kill."""
    with open_embedded("tests", say=lambda _line: None) as stack:
        yield stack


@pytest.mark.slow
def test_a_run_whose_folder_is_removed_ends_with_an_error_about_the_folder(stack: Stack, tmp_path: Path) -> None:
    config = prepared_config(stack, tmp_path / "runs")
    with pytest.raises(BenchFailed, match="folder is gone"):
        run_bench(config, stack, after_a_cell(lambda: shutil.rmtree(config.folder)))
    assert not Path(config.folder).exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mounted, capture_output=True, check=False).returncode != 0:
        pytest.skip("cannot mount a small file system: needs root and the right to mount")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Fill the file system completely."""
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


@pytest.mark.slow
def test_a_run_on_a_full_disk_ends_with_an_error_about_the_disk_and_keeps_finished_cells(
    stack: Stack, small_disk: Path, tmp_path: Path
) -> None:
    config = prepared_config(stack, small_disk / "runs")
    with pytest.raises(BenchFailed, match="the disk is full"):
        run_bench(config, stack, after_a_cell(lambda: fill(small_disk)))
    assert len(read_run(Path(config.folder)).done) >= 1
    with pytest.raises(WriteFailed, match=r"the disk is full, report\.html cannot be written"):
        write_whole(Path(config.folder) / "report.html", bytes(100_000))
    assert not list(Path(config.folder).rglob("*.part"))
    copy = Path(shutil.copytree(config.folder, tmp_path / "copy"))
    assert render(copy).exists()


@pytest.mark.slow
def test_a_run_whose_server_is_killed_ends_with_the_servers_name_and_its_last_log_line(
    own_stack: Stack, tmp_path: Path
) -> None:
    config = prepared_config(own_stack, tmp_path / "runs")
    postmaster = process_of(own_stack, "/postgres -D")
    with pytest.raises(BenchFailed, match=r"PostgreSQL ended \(by SIGKILL\); the last line of its log: \S+"):
        run_bench(config, own_stack, after_a_cell(postmaster.kill))
    run = read_run(Path(config.folder))
    assert len(run.done) >= 1
    assert run.info.status == "failed"
    assert any("PostgreSQL ended" in remark["what"] for remark in run.info.remarks)


@pytest.mark.slow
def test_a_run_continues_after_its_database_connections_are_terminated(own_stack: Stack, tmp_path: Path) -> None:
    """The current cell may fail; later cells run."""
    config = prepared_config(own_stack, tmp_path / "runs", rounds=4)

    def end_connections() -> None:
        with psycopg.connect(own_stack.postgres.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'"
                " AND pid <> pg_backend_pid()"
            )

    run_bench(config, own_stack, after_a_cell(end_connections))
    run = read_run(Path(config.folder))
    assert run.info.status == "finished"
    assert run.info.cells[-1].status == "done"


@pytest.mark.slow
def test_a_bench_stopped_by_sigterm_reports_finished_cells_and_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text("records = 2000\n")
    command = [sys.executable, "-m", "stampede", "bench", "--plan", "smoke", "--stack", "embedded", "--rtt", "0"]
    command += ["--scenario", SCENARIO, "--only", "cache-aside", "--workload", str(tmp_path / "w.toml")]
    command += ["--runs", str(tmp_path / "runs"), "--rounds", "20"]
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen(command, cwd=REPO, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    give_up = time.monotonic() + 300
    while not list((tmp_path / "runs").glob("*/timeline/*.parquet")):
        assert process.poll() is None, (tmp_path / "output").read_text()
        assert time.monotonic() < give_up
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=120) == 128 + signal.SIGTERM
    lines = (tmp_path / "output").read_text().splitlines()
    assert lines[-1] == "stampede: stopped by SIGTERM; what was finished is kept"
    assert "Traceback" not in "".join(lines)
    (folder,) = (tmp_path / "runs").iterdir()
    assert read_run(folder).info.status == "cut"
    assert (folder / "report.html").exists()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert [each for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.slow
def test_the_services_command_ends_with_the_name_of_a_server_that_ended(tmp_path: Path) -> None:
    with (tmp_path / "output").open("wb") as output:
        command = [sys.executable, "-m", "stampede", "services", "--stack", "embedded"]
        process = subprocess.Popen(command, cwd=REPO, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    give_up = time.monotonic() + 120
    while "redis://" not in (tmp_path / "output").read_text():
        assert process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.05)
    (valkey,) = [p for p in psutil.Process(process.pid).children(recursive=True) if "valkey-server" in p.cmdline()[0]]
    valkey.terminate()
    assert process.wait(timeout=120) == 1
    last = (tmp_path / "output").read_text().splitlines()[-1]
    assert re.match(r"stampede: Valkey ended \(.*\); the last line of its log: .*bye", last), last


def test_a_cell_with_a_table_that_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    """The reader refuses a finished cell with a missing table, and half a cell would fill a full disk further."""
    folder = plant(tmp_path / "run", rounds=1)
    writer = RunWriter(folder, read_run(folder).info)
    shutil.rmtree(folder / "timeline")
    (folder / "timeline").touch()
    with pytest.raises(WriteFailed, match="timeline"):
        writer.add_cell(99, SAMPLES.empty_table(), [], [])
    assert [path for path in folder.rglob("*") if "99" in path.name or path.suffix == ".part"] == []


def test_a_removed_folder_is_not_created_again(tmp_path: Path) -> None:
    folder = plant(tmp_path / "run", rounds=1)
    writer = RunWriter(folder, read_run(folder).info)
    shutil.rmtree(folder)
    with pytest.raises(WriteFailed, match="the folder is gone"):
        writer.save()
    with pytest.raises(WriteFailed, match="the folder is gone"):
        writer.add_cell(99, pa.Table.from_pylist([], schema=SAMPLES), [], [])
    assert not folder.exists()
