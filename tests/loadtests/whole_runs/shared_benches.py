"""Benches of several test files, run in turn by the same Locust processes: each start takes seconds of CPU."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_bench import run_bench
from stampede.loadtests.bench.run_plan.planning import prepare_run
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig
from stampede.run_folder.read import Run, read_run
from stampede.run_folder.schema import ContenderInfo, RunInfo
from stampede.run_folder.write import RunWriter
from stampede.stack.servers import Stack

ONE_PROCESS = "one application server of 8 threads"
TWO_PROCESSES = "two application servers of 32 threads"


@dataclass(frozen=True, kw_only=True)
class SharedBench:
    """A bench that may share its Locust processes. A test module lists its own in BENCHES."""

    name: str
    processes: str
    """Which Locust processes run it."""
    order: Callable[[Path], BenchConfig]
    """What is ordered, with its runs below that folder, where it may write files of its own."""
    keep: Callable[[CellPlan], bool] = lambda _cell: True
    """Which of the planned cells are run."""


@dataclass(frozen=True)
class Part:
    """A bench that is prepared: its orders, and its run folder as it was planned."""

    bench: SharedBench
    spec: RunConfig
    info: RunInfo
    first_id: int
    """What is added to its cells' numbers in the common run."""

    def common_name(self, scenario: str) -> str:
        return f"{self.bench.name}, {scenario}"

    @property
    def names(self) -> set[str]:
        return {contender_spec.name for contender_spec in self.spec.contender_specs}


def shared_benches(items: Sequence[pytest.Item]) -> list[SharedBench]:
    """The benches of all modules that these tests are from."""
    modules = {item.module.__name__: item.module for item in items if isinstance(item, pytest.Function)}
    return [bench for name in sorted(modules) for bench in getattr(modules[name], "BENCHES", ())]


def run_benches(benches: Sequence[SharedBench], stack: Stack, home: Path) -> None:
    """Run all of them together. Each then has a run folder of its own in home/NAME, as if it had run alone."""
    parts: list[Part] = []
    first_id = 0
    for bench in benches:
        order = bench.order(home)
        runs = home / bench.name
        spec, info = prepare_run(replace(order, runs=runs), stack, lambda _line: None)
        parts.append(Part(bench, spec, info, first_id))
        first_id += len(spec.cells)
    spec, planned = common_run(parts, home / "common")
    RunWriter(Path(spec.folder), planned)
    before = len(planned.remarks)
    run_bench(spec, stack, lambda _event: None)
    whole = read_run(Path(spec.folder))
    for part in parts:
        take_part(part, whole, whole.info.remarks[before:], set().union(*(other.names for other in parts)))


def common_run(parts: Sequence[Part], folder: Path) -> tuple[RunConfig, RunInfo]:
    """The orders and the run of all parts: scenarios under names of their own, cells numbered through."""
    scenarios = [replace(s, name=part.common_name(s.name)) for part in parts for s in part.spec.scenarios]
    cells = [numbered(cell, part) for part in parts for cell in part.spec.cells if part.bench.keep(cell)]
    contender_specs = {
        contender_spec.name: contender_spec for part in parts for contender_spec in part.spec.contender_specs
    }
    first = parts[0]
    spec = replace(
        first.spec,
        folder=str(folder),
        scenarios=tuple(scenarios),
        cells=tuple(cells),
        contender_specs=tuple(contender_specs.values()),
    )
    kept = {cell.id for cell in cells}
    info = replace(
        first.info,
        scenarios=[replace(s, name=part.common_name(s.name)) for part in parts for s in part.info.scenarios],
        contenders=list(common_contenders(parts).values()),
        cells=[cell for part in parts for c in part.info.cells if (cell := numbered(c, part)).id in kept],
        experiments=[],
        remarks=[remark for part in parts for remark in part.info.remarks],
    )
    return spec, info


def common_contenders(parts: Sequence[Part]) -> dict[str, ContenderInfo]:
    """Each contender once, by name, with its contracts under the scenarios' common names."""
    found: dict[str, ContenderInfo] = {}
    for part in parts:
        for contender in part.info.contenders:
            contracts = {part.common_name(name): contract for name, contract in contender.contracts.items()}
            before = found[contender.name].contracts if contender.name in found else {}
            found[contender.name] = replace(contender, contracts=before | contracts)
    return found


def numbered(cell: Any, part: Part) -> Any:
    """A cell of a part as it is called in the common run."""
    return replace(cell, id=cell.id + part.first_id, scenario=part.common_name(cell.scenario))


def take_part(part: Part, whole: Run, remarks: Sequence[dict[str, str]], names: set[str]) -> None:
    """Fill a part's run folder with what the common run recorded of it."""
    recorded = {cell.id: cell for cell in whole.info.cells}
    folder = Path(part.spec.folder)
    cells = []
    for cell in part.info.cells:
        name = cell.scenario
        cells.append(replace(recorded.get(cell.id + part.first_id, numbered(cell, part)), scenario=name))
    info = replace(
        part.info,
        cells=cells,
        status=whole.info.status,
        finished_utc=whole.info.finished_utc,
        metadata=whole.info.metadata | part.info.metadata,
        remarks=part.info.remarks + [r for r in remarks if r["name"] in part.names or r["name"] not in names],
    )
    RunWriter(folder, info)
    for cell in cells:
        if cell.status != "done":
            continue
        for table in ("servers", "timeline"):
            file = whole.folder / table / f"cell-{cell.id:05d}.parquet"
            os.link(file, folder / table / file.name)
        samples = renamed(whole.sample_table(cell.id), cell.scenario)
        pq.write_table(samples, folder / "samples" / f"cell-{cell.id:05d}.parquet")


def renamed(samples: pa.Table, scenario: str) -> pa.Table:
    """The same samples under their scenario's own name."""
    place = samples.schema.get_field_index("scenario")
    field = samples.schema.field(place)
    names = pa.array([scenario] * len(samples)).dictionary_encode().cast(field.type)
    return samples.set_column(place, field, names)
