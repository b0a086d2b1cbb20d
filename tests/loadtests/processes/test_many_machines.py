"""Distributed runs: workers join over a port and without a configuration, as they would from another machine."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from stampede.cli.app import app
from stampede.core.errors import BenchFailed, ConfigError
from stampede.core.network import free_port
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_bench import run_bench
from stampede.loadtests.bench.run_plan.contenders import ContenderSpec
from stampede.loadtests.bench.run_plan.planning import prepare_run
from stampede.loadtests.instrumentation.clock_offset import (
    INSTANTS,
    ClockOffset,
    Ping,
    estimate_offset,
    to_our_clock,
    uncertainty_between,
)
from stampede.loadtests.locustfiles.run_config import RunConfig
from stampede.loadtests.processes.remote import (
    RUNS_THERE,
    bind_address,
    code_digest,
    code_mismatch,
    expected_digests,
    localized,
    portable,
    read_address,
)
from stampede.loadtests.processes.run_end import end_processes
from stampede.run_folder.read import Run, read_run
from stampede.run_folder.schema import SAMPLES
from stampede.scenarios.plans import Plan
from stampede.scenarios.workload import WorkloadFile
from stampede.stack.servers import Stack
from tests.loadtests.conftest import added, commands, counted

FAR_S = 100_000
"""The clock offset of the other machine, which a Linux time namespace simulates."""
OTHER_CLOCK = ["unshare", "--time", "--monotonic", str(FAR_S), "--fork", "--kill-child=SIGTERM"]
PLAN = Plan(name="far", rounds=1, scenarios=("read-mostly",), contenders=("cache-aside",), aa_copy=False, windows=1)


@pytest.fixture(scope="module")
def prepared(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """The configuration of a few cells, and a run folder that no test changes."""
    bench_config = BenchConfig(
        plan=PLAN,
        workload=WorkloadFile(common={"records": 2_000}),
        processes=2,
        bind="127.0.0.1:1",
        wait_s=60.0,
        runs=tmp_path_factory.mktemp("prepared"),
    )
    return prepare_run(bench_config, stack, lambda _line: None)[0]


def copied(prepared: RunConfig, folder: Path, count: int, wait_s: float = 60.0) -> RunConfig:
    """The same configuration for `count` workers, with a copy of the run folder and a free port."""
    shutil.copytree(prepared.folder, folder)
    return replace(prepared, folder=str(folder), processes=count, bind=f"127.0.0.1:{free_port()}", wait_s=wait_s)


def other_clock() -> list[str]:
    """The prefix that gives a command such a clock; empty if time namespaces are not allowed."""
    if shutil.which(OTHER_CLOCK[0]) is None:
        return []
    return (
        OTHER_CLOCK if subprocess.run([*OTHER_CLOCK, "true"], capture_output=True, check=False).returncode == 0 else []
    )


@contextmanager
def workers(config: RunConfig, count: int, log: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start `count` workers. The second of two has the clock of another machine if possible."""
    prefixes = [[], other_clock()] if count == 2 else [[]] * count
    command = [sys.executable, "-m", "stampede", "worker", "--master", config.bind, "--wait", "60"]
    with log.open("wb") as output:
        children = [
            subprocess.Popen(
                [*prefix, *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=log.parent
            )
            for prefix in prefixes
        ]
    try:
        yield children
    finally:
        end_processes(children)


@pytest.fixture(scope="module")
def far_run(stack: Stack, prepared: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with two remote workers."""
    folder = tmp_path_factory.mktemp("far")
    config = copied(prepared, folder / "run", 2)
    with workers(config, 2, folder / "workers.log") as children:
        run_bench(config, stack, lambda _event: None)
        assert [child.wait(60) for child in children] == [0, 0], (folder / "workers.log").read_text()
    return read_run(Path(config.folder))


def test_a_run_with_remote_workers_is_complete_and_records_their_machines(far_run: Run) -> None:
    assert far_run.info.status == "finished"
    assert [(c.status, c.why) for c in far_run.info.cells] == [("done", "")] * len(far_run.info.cells)
    assert [m["host"] for m in far_run.info.metadata["workers"]["machines"]] == [socket.gethostname()] * 2
    for cell in far_run.done:
        rows = far_run.samples[(far_run.samples["cell"] == cell.id) & (far_run.samples["operation"] != "background")]
        assert cell.locust_requests == len(rows)
        assert set(rows["process"]) == {0, 1}


def test_the_counts_of_remote_workers_equal_the_servers_counts(far_run: Run) -> None:
    for cell in far_run.done:
        ours = added(*(commands(counted(far_run.servers, cell.id, who)) for who in ("process", "coordinator")))
        assert ours == commands(counted(far_run.servers, cell.id, "redis"))
        loads = counted(far_run.servers, cell.id, "process").get("load", 0)
        assert loads == counted(far_run.servers, cell.id, "postgres").get("statement.load.calls", 0)


def test_the_samples_of_all_workers_use_the_clock_of_the_bench(far_run: Run) -> None:
    """The measured clock offsets agree with the known ones, and due times are within the cell."""
    clocks = far_run.timeline[far_run.timeline["name"].astype(str).str.startswith("clock_")]
    table = clocks.pivot_table(index=["cell", "source"], columns="name", values="value", observed=True)
    assert len(table) == 2 * len(far_run.done)
    true_s = {0, FAR_S if other_clock() else 0}
    for _, of_cell in table.groupby("cell"):
        assert {min(true_s, key=lambda s: abs(s * 1e9 - ahead)) for ahead in of_cell["clock_ahead_ns"]} == true_s
    for ahead, warning in zip(table["clock_ahead_ns"], table["clock_uncertainty_ns"], strict=True):
        assert min(abs(ahead - s * 1e9) for s in true_s) <= warning
    assert far_run.info.metadata["workers"]["clock_uncertainty_ns"] == table["clock_uncertainty_ns"].max()
    for cell in far_run.done:
        assert cell.begin_ns is not None
        assert cell.window_end_ns is not None
        due = far_run.samples.loc[far_run.samples["cell"] == cell.id, "due_ns"]
        off = pd.Series(table.xs(cell.id)["clock_uncertainty_ns"]).max()
        assert due.min() >= cell.begin_ns - off
        assert due.max() < cell.window_end_ns + off


def test_a_worker_that_leaves_ends_the_run_with_its_name_and_fails_the_cell(
    stack: Stack, prepared: RunConfig, tmp_path: Path
) -> None:
    config = copied(prepared, tmp_path / "run", 1)
    with workers(config, 1, tmp_path / "workers.log") as children:

        def leave(event: object) -> None:
            if isinstance(event, dict) and event["event"] == "cell":
                children[0].terminate()

        with pytest.raises(BenchFailed, match=r"application server 0 on .* left"):
            run_bench(config, stack, leave)
    run = read_run(Path(config.folder))
    assert run.info.status == "failed"
    assert run.info.cells[0].status == "failed"
    assert "left" in run.info.cells[0].why


def test_a_bench_without_workers_ends_with_an_error_and_leaves_no_folder(
    stack: Stack, prepared: RunConfig, tmp_path: Path
) -> None:
    config = copied(prepared, tmp_path / "run", 1, wait_s=1.0)
    with pytest.raises(ConfigError, match=r"expect: 1 .*within 1 s: none joined"):
        run_bench(config, stack, lambda _event: None)
    assert not Path(config.folder).exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["worker", "--master", "http://nowhere"], "master"),
        (["worker", "--master", "127.0.0.1:0"], "master"),
        (["worker", "--master", "127.0.0.1:1", "--wait", "1"], "within 1 s"),
        (["bench", "--expect", "2"], "--postgres and --redis"),
        (["bench", "--bind", "127.0.0.1:5557"], "--expect"),
        (["bench", "--expect", "0", "--postgres", "postgresql://h/d", "--redis", "redis://h"], "1 to 64"),
    ],
)
def test_invalid_options_give_one_line_and_exit_code_2(arguments: list[str], expected: str) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2, done.output
    (line,) = done.output.strip().splitlines()
    assert line.startswith("stampede: ")
    assert expected in line


def test_a_port_in_use_is_refused_before_the_run_begins() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="bind"):
            bind_address(1, f"127.0.0.1:{taken.getsockname()[1]}", external=True)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("10.0.0.5", "10.0.0.5", 5557), ("bench.example:7", "bench.example", 7), ("[::1]:8", "::1", 8)],
)
def test_an_address_is_a_host_with_an_optional_port(text: str, host: str, port: int) -> None:
    address = read_address("master", text)
    assert (address.host, address.port) == (host, port)


@pytest.mark.parametrize("text", ["", ":5557", "host:", "host:x", "host:70000", "http://host:1", "a b:1"])
def test_an_invalid_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="master"):
        read_address("master", text)


def checkout(folder: Path, contender: str) -> Path:
    for package in RUNS_THERE:
        (folder / package).mkdir(parents=True)
        (folder / package / "module.py").write_text(f"{package} = 1\n")
    (folder / "mine.py").write_text(contender)
    return folder


def run_config(repo: Path) -> RunConfig:
    return RunConfig(
        folder="/runs/1",
        postgres_url="postgresql://bench/db",
        redis_url="redis://bench",
        key_prefix="x:",
        processes=1,
        users_per_process=1,
        seed=1,
        contender_specs=(ContenderSpec(name="mine", kind="contender", file=str(repo / "mine.py")),),
        scenarios=(),
        cells=(),
        progress_fd=3,
        switch_fd=4,
    )


def test_a_sent_configuration_finds_a_contender_file_in_another_checkout(tmp_path: Path) -> None:
    here, there = checkout(tmp_path / "here", "x = 1\n"), checkout(tmp_path / "there", "x = 1\n")
    sent = portable(run_config(here), here)
    assert (sent.folder, sent.progress_fd, sent.switch_fd) == ("", None, None)
    config = localized(sent, (None, "redis://near"), there)
    assert config.contender_specs[0].file == str(there / "mine.py")
    assert (config.postgres_url, config.redis_url) == ("postgresql://bench/db", "redis://near")
    assert code_mismatch(config, expected_digests(run_config(here), here), there) == ""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda there: (there / "stack" / "module.py").write_text("stack = 2\n"), "same checkout"),
        (lambda there: (there / "loadtests" / "new.py").write_text("\n"), "same checkout"),
        (lambda there: (there / "mine.py").unlink(), "cannot be read there"),
        (lambda there: (there / "mine.py").write_text("x = 2\n"), "same contents"),
    ],
)
def test_a_different_checkout_is_refused_with_the_difference(tmp_path: Path, change: object, expected: str) -> None:
    here, there = checkout(tmp_path / "here", "x = 1\n"), checkout(tmp_path / "there", "x = 1\n")
    change(there)  # type: ignore[operator]
    config = localized(portable(run_config(here), here), (None, None), there)
    assert expected in code_mismatch(config, expected_digests(run_config(here), here), there)


def test_the_digest_of_a_checkout_covers_only_its_code(tmp_path: Path) -> None:
    one, other = checkout(tmp_path / "one", "x = 1\n"), checkout(tmp_path / "other", "x = 2\n")
    (other / "runs").mkdir()
    (other / "stampede" / "core").symlink_to(other / "core")
    (other / "patterns" / "notes.md").write_text("mine")
    assert code_digest(one) == code_digest(other)


def test_an_installed_package_has_the_digest_of_the_checkout_it_was_built_from(tmp_path: Path) -> None:
    """The wheel holds the rooms and the files of stampede/ in one folder."""
    repo = checkout(tmp_path / "repo", "x = 1\n")
    installed = tmp_path / "site-packages" / "stampede"
    shutil.copytree(repo / "stampede", installed)
    for room in RUNS_THERE:
        if room != "stampede":
            shutil.copytree(repo / room, installed / room)
    assert code_digest(installed) == code_digest(repo)
    (installed / "module.py").write_text("stampede = 2\n")
    assert code_digest(installed) != code_digest(repo)


DELAY = st.integers(0, 50_000_000)


@given(ahead_ns=st.integers(-(10**15), 10**15), delays=st.lists(st.tuples(DELAY, DELAY), min_size=1, max_size=10))
def test_a_measured_clock_offset_is_within_its_uncertainty_for_any_delays(
    ahead_ns: int, delays: list[tuple[int, int]]
) -> None:
    pings = []
    for number, (out_ns, back_ns) in enumerate(delays):
        sent_ns = 10**12 + number * 10**9
        pings.append(
            Ping(sent_ns=sent_ns, remote_ns=sent_ns + out_ns + ahead_ns, received_ns=sent_ns + out_ns + back_ns)
        )
    found = estimate_offset(pings)
    assert abs(found.offset_ns - ahead_ns) <= found.uncertainty_ns
    assert found.uncertainty_ns <= min(sum(delay) for delay in delays) // 2 + 2


@given(
    before=st.integers(-(10**9), 10**9),
    drift=st.integers(-(10**6), 10**6),
    errors=st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000)),
    share=st.floats(0, 1),
)
def test_a_clock_that_drifts_evenly_stays_within_the_uncertainty_during_the_cell(
    before: int, drift: int, errors: tuple[int, int], share: float
) -> None:
    used = ClockOffset(offset_ns=before + errors[0], uncertainty_ns=1000)
    after = ClockOffset(offset_ns=before + drift + errors[1], uncertainty_ns=1000)
    assert abs(before + share * drift - used.offset_ns) <= uncertainty_between(used, after) + 1


def test_only_instants_are_shifted() -> None:
    times = [name for name in SAMPLES.names if name.endswith("_ns")]
    assert set(times) - set(INSTANTS) == {"simulated_rtt_ns", "retry_after_ns", "reset_after_ns"}
    values = {f.name: pa.array([None if f.nullable else 0, 7], pa.int64()) for f in SAMPLES if f.type == pa.int64()}
    empty = {f.name: pa.array([None, None], f.type) for f in SAMPLES if f.name not in values}
    table = pa.table([{**values, **empty}[name] for name in SAMPLES.names], names=SAMPLES.names)
    moved = to_our_clock(table, 10)
    for name in values:
        first, second = moved[name].to_pylist()
        assert second == (-3 if name in INSTANTS else 7), name
        assert first in (None, -10 if name in INSTANTS else 0), name
