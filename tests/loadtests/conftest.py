"""One smoke run, on the real servers through real Locust processes, that many specs look at."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from artefact.read import Run, read_run
from loadtests.bench.bench_config import BenchOrder
from loadtests.bench.planning import prepare_run
from loadtests.bench.run_bench import run_bench
from scenarios.plans import find_plan
from scenarios.workload import WorkloadFile
from stack.servers import Stack

CONTENDERS = Path(__file__).parent / "contenders"
PLANTED = "uncounted"
"""Runs beside the others; its commands must not add up."""


@pytest.fixture(scope="session")
def smoke_run(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The smoke plan's caching scenarios over 2,000 users, plus a contender whose commands are not all counted."""
    order = BenchOrder(
        plan=replace(find_plan("smoke"), scenarios=("read-heavy", "stampede")),
        workload=WorkloadFile(common={"records": 2_000}),
        own_contenders=(str(CONTENDERS / f"{PLANTED}.py"),),
        runs=tmp_path_factory.mktemp("runs"),
    )
    spec, _ = prepare_run(order, stack, lambda _line: None)
    run_bench(spec, stack, lambda _event: None)
    return read_run(Path(spec.folder))


def counted(servers: pd.DataFrame, cell: int, source: str) -> dict[str, float]:
    """What one side counted in a cell, by name; counters that stood still are left out."""
    rows = servers[(servers["cell"] == cell) & servers["source"].str.startswith(source)]
    moved = rows["after"].fillna(0) - rows["before"].fillna(0)
    sums = moved.groupby(rows["name"].astype(str)).sum()
    return {str(name): float(value) for name, value in sums.items() if value}


def commands(counts: dict[str, float]) -> dict[str, float]:
    """Redis commands only, by name."""
    kept = {name.removeprefix("command."): n for name, n in counts.items() if name.startswith("command.")}
    return {name: n for name, n in kept.items() if not name.endswith((".usec", ".rejected", ".failed"))}


def added(*counts: dict[str, float]) -> dict[str, float]:
    return {name: sum(c.get(name, 0) for c in counts) for name in {name for c in counts for name in c}}
