"""Benches on real servers and real Locust processes, shared by several test files."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from stampede.run_folder.read import Run, read_run
from stampede.stack.servers import Stack
from tests.loadtests.whole_runs.shared_benches import SharedBench, run_benches, shared_benches
from tests.shared import made_once

CONTENDERS = Path(__file__).parent / "contenders"


@pytest.fixture(scope="session")
def run_shared(
    request: pytest.FixtureRequest, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[SharedBench], Run]:
    """Returns the run of a bench that shares its Locust processes with the other benches of the selected tests."""
    wanted = shared_benches(request.session.items)

    def run(bench: SharedBench) -> Run:
        together = [other for other in wanted if other.processes == bench.processes]
        home = made_once(tmp_path_factory, bench.processes, lambda folder: run_benches(together, stack, folder))
        (run_folder,) = (home / bench.name).iterdir()
        return read_run(run_folder)

    return run


def counted(servers: pd.DataFrame, cell: int, source: str) -> dict[str, float]:
    """What one source counted in a cell, by name, without the counters that did not change."""
    rows = servers[(servers["cell"] == cell) & servers["source"].str.startswith(source)]
    moved = rows["after"].fillna(0) - rows["before"].fillna(0)
    sums = moved.groupby(rows["name"].astype(str)).sum()
    return {str(name): float(value) for name, value in sums.items() if value}


def commands(counts: dict[str, float]) -> dict[str, float]:
    """Redis commands only, by name."""
    kept = {name.removeprefix("command."): n for name, n in counts.items() if name.startswith("command.")}
    return {name: n for name, n in kept.items() if not name.endswith((".usec", ".rejected", ".failed"))}


def added(*counts: dict[str, float]) -> dict[str, float]:
    """The sum of several counts, by name."""
    return {name: sum(c.get(name, 0) for c in counts) for name in {name for c in counts for name in c}}
