"""Benches of several test files that share Locust processes, because each start of these takes seconds of CPU."""

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
    """A bench that may share its Locust processes. A test module lists its benches in BENCHES."""

    name: str
    processes: str
    """The kind of Locust processes that run it."""
    config: Callable[[Path], BenchConfig]
    """Makes the configuration. It may write files to the folder that it gets."""
    keep: Callable[[CellPlan], bool] = lambda _cell: True
    """Selects the planned cells that run."""


@dataclass(frozen=True)
class Part:
    """A prepared bench: its run configuration and the planned description of its run."""

    bench: SharedBench
    run_config: RunConfig
    info: RunInfo
    first_id: int
    """The number that is added to its cells' ids in the common run."""

    def common_name(self, scenario: str) -> str:
        return f"{self.bench.name}, {scenario}"

    @property
    def names(self) -> set[str]:
        return {contender_spec.name for contender_spec in self.run_config.contender_specs}


def shared_benches(items: Sequence[pytest.Item]) -> list[SharedBench]:
    """The benches of all modules of these tests."""
    modules = {item.module.__name__: item.module for item in items if isinstance(item, pytest.Function)}
    return [bench for name in sorted(modules) for bench in getattr(modules[name], "BENCHES", ())]


def run_benches(benches: Sequence[SharedBench], stack: Stack, home: Path) -> None:
    """Run all benches together. Each then has its own run folder in home/NAME, as if it had run alone."""
    parts: list[Part] = []
    first_id = 0
    for bench in benches:
        config = bench.config(home)
        runs = home / bench.name
        run_config, info = prepare_run(replace(config, runs=runs), stack, lambda _line: None)
        parts.append(Part(bench, run_config, info, first_id))
        first_id += len(run_config.cells)
    run_config, common_info = common_run(parts, home / "common")
    RunWriter(Path(run_config.folder), common_info)
    before = len(common_info.remarks)
    run_bench(run_config, stack, lambda _event: None)
    whole = read_run(Path(run_config.folder))
    for part in parts:
        take_part(part, whole, whole.info.remarks[before:], set().union(*(other.names for other in parts)))


def common_run(parts: Sequence[Part], folder: Path) -> tuple[RunConfig, RunInfo]:
    """The run configuration and description of all parts: each scenario has its own name, each cell its own id."""
    scenarios = [replace(s, name=part.common_name(s.name)) for part in parts for s in part.run_config.scenarios]
    cells = [numbered(cell, part) for part in parts for cell in part.run_config.cells if part.bench.keep(cell)]
    contender_specs = {
        contender_spec.name: contender_spec for part in parts for contender_spec in part.run_config.contender_specs
    }
    first = parts[0]
    run_config = replace(
        first.run_config,
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
    return run_config, info


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
    """A cell of a part with its id and scenario name in the common run."""
    return replace(cell, id=cell.id + part.first_id, scenario=part.common_name(cell.scenario))


def take_part(part: Part, whole: Run, remarks: Sequence[dict[str, str]], names: set[str]) -> None:
    """Fill a part's run folder with its cells of the common run."""
    recorded = {cell.id: cell for cell in whole.info.cells}
    folder = Path(part.run_config.folder)
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
    """The same samples with the scenario's original name."""
    place = samples.schema.get_field_index("scenario")
    field = samples.schema.field(place)
    names = pa.array([scenario] * len(samples)).dictionary_encode().cast(field.type)
    return samples.set_column(place, field, names)
