"""Read a run folder. What is not as the schema says is refused with one line; nothing is guessed or repaired.

A run that was cut or killed is read all the same: the cells that it finished (status `done`) count, the others do not.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from artefact.schema import (
    ADDED,
    EXPERIMENTS,
    SCHEMA,
    TABLES,
    CellInfo,
    ContenderInfo,
    ExperimentInfo,
    RunInfo,
    ScenarioInfo,
)
from core.secrets import hidden, masked_command

T = TypeVar("T")

EXACT = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
"""Nullable columns keep their integers: a float would lose nanoseconds after 104 days of uptime."""


READABLE = range(1, SCHEMA + 1)
"""Schemas that are understood: what a later one added is null in a run of an earlier one."""
MAY_LACK = {name for tables in ADDED.values() for columns in tables.values() for name in columns}


class RunFolderError(ValueError):
    """A run folder that cannot be used: where, what was there, what was wanted. One line."""

    def __init__(self, where: Path | str, what: str, want: str) -> None:
        super().__init__(f"{where}: {what} (wanted: {want})")
        self.where = str(where)
        self.what = what
        self.want = want


@dataclass(frozen=True)
class Run:
    """A run folder: its run.json at once, its tables when they are first asked for (pandas frames, done cells only)."""

    folder: Path
    info: RunInfo

    @property
    def done(self) -> list[CellInfo]:
        """The cells that count."""
        return [cell for cell in self.info.cells if cell.status == "done"]

    @cached_property
    def samples(self) -> pd.DataFrame:
        """One row a request, as schema.SAMPLES; names are categories, times nullable integers."""
        return self.table("samples")

    @cached_property
    def sample_count(self) -> int:
        """Rows of all done cells' samples, as their files' footers say."""
        return sum(pq.read_metadata(path).num_rows for path in table_files(self.folder, "samples", self.done))

    def samples_of(self, cell: int) -> pd.DataFrame:
        """The same of one done cell, read anew each time. Raises RunFolderError where its file cannot be read."""
        return as_frame(read_part(self.folder / "samples" / f"cell-{cell:05d}.parquet", TABLES["samples"]))

    @cached_property
    def servers(self) -> pd.DataFrame:
        """Counters before and after each cell, as schema.SERVERS."""
        return self.table("servers")

    @cached_property
    def timeline(self) -> pd.DataFrame:
        """Gauges and events, as schema.TIMELINE."""
        return self.table("timeline")

    def experiment(self, name: str) -> pd.DataFrame:
        """What a done experiment saw, as schema.EXPERIMENTS. Raises RunFolderError where the file cannot be read."""
        frame: pd.DataFrame = read_part(experiment_file(self.folder, name), EXPERIMENTS).to_pandas()
        return frame

    def table(self, name: str) -> pd.DataFrame:
        """A whole table as one frame. Raises RunFolderError where a file cannot be read."""
        schema = TABLES[name]
        parts = [read_part(path, schema) for path in table_files(self.folder, name, self.done)]
        return as_frame(pa.concat_tables(parts).unify_dictionaries() if parts else schema.empty_table())


def as_frame(whole: pa.Table) -> pd.DataFrame:
    texts = [f.name for f in whole.schema if pa.types.is_string(f.type)]
    frame: pd.DataFrame = whole.to_pandas(types_mapper=EXACT.get, categories=texts, split_blocks=True)
    return frame


def read_run(folder: Path) -> Run:
    """The run in that folder. Raises RunFolderError: no run.json, another schema, a missing or cut Parquet file."""
    path = folder / "run.json"
    if not folder.is_dir():
        raise RunFolderError(folder, "no such folder", "a run folder")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunFolderError(path, "no such file", "run.json: is this a run folder?") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunFolderError(path, f"unreadable ({error})".replace("\n", " "), "JSON") from error
    if not isinstance(data, dict):
        raise RunFolderError(path, type(data).__name__, "a JSON object")
    if data.get("schema") not in READABLE:
        known = ", ".join(str(number) for number in READABLE)
        raise RunFolderError(path, f"schema {data.get('schema')!r}", f"schema {known}, which this version reads")
    run = Run(folder, parse(data, path))
    for name, schema in TABLES.items():
        for part in table_files(folder, name, run.done):
            check_part(part, schema)
    for experiment in run.info.experiments:
        if experiment.status == "done":
            check_part(experiment_file(folder, experiment.name), EXPERIMENTS)
    return run


def parse(data: Mapping[str, Any], path: Path) -> RunInfo:
    nested = {
        "scenarios": ScenarioInfo,
        "contenders": ContenderInfo,
        "cells": CellInfo,
        "experiments": ExperimentInfo,
    }
    info = without_secrets(build(RunInfo, data, path, "run"))
    for name, kind in nested.items():
        rows = getattr(info, name)
        if not isinstance(rows, list):
            raise RunFolderError(path, f"{name}: {type(rows).__name__}", "a list")
        setattr(info, name, [build(kind, row, path, f"{name}[{i}]") for i, row in enumerate(rows)])
    scenarios, contenders = {s.name for s in info.scenarios}, {c.name for c in info.contenders}
    for cell in info.cells:
        if cell.scenario not in scenarios or cell.contender not in contenders:
            raise RunFolderError(path, f"cell {cell.id}: {cell.scenario} × {cell.contender}", "a listed pair")
        times = (cell.begin_ns, cell.window_start_ns, cell.window_end_ns, cell.deadline_ns)
        if cell.status == "done" and None in times:
            raise RunFolderError(path, f"cell {cell.id} is done without its times", "begin, window and deadline")
    return info


def without_secrets(info: RunInfo) -> RunInfo:
    """An earlier version stored a command as it was given, and masked a server's URL in one of its forms only."""
    if isinstance(info.command, str):
        info.command = masked_command(info.command)
    if isinstance(info.circumstances, dict):
        info.circumstances = hidden(info.circumstances)
    return info


def build(kind: type[T], row: Any, path: Path, where: str) -> T:
    if not isinstance(row, dict):
        raise RunFolderError(path, f"{where}: {type(row).__name__}", "an object")
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    for name, f in known.items():
        if name not in row and f.default is MISSING and f.default_factory is MISSING:
            raise RunFolderError(path, f"{where} has no {name}", f"the fields of {kind.__name__}")
    return kind(**{name: value for name, value in row.items() if name in known})


def table_files(folder: Path, name: str, cells: list[CellInfo]) -> list[Path]:
    """The file of each cell, in order. Raises RunFolderError where one is missing."""
    found = {
        int(p.stem.removeprefix("cell-")): p for p in (folder / name).glob("cell-*.parquet") if p.stem[5:].isdigit()
    }
    for cell in cells:
        if cell.id not in found:
            want = f"a file for cell {cell.id}, which run.json calls done"
            raise RunFolderError(folder / name / f"cell-{cell.id:05d}.parquet", "no such file", want)
    return [found[cell.id] for cell in cells]


def experiment_file(folder: Path, name: str) -> Path:
    """Raises RunFolderError where it is missing."""
    path = folder / "experiments" / f"{name}.parquet"
    if not path.is_file():
        raise RunFolderError(path, "no such file", f"a file for {name}, which run.json calls done")
    return path


def check_part(path: Path, schema: pa.Schema) -> set[str]:
    """The columns that are there. Raises RunFolderError where one is missing that its schema does not excuse."""
    try:
        found = set(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise RunFolderError(path, "cut or not Parquet", "a whole Parquet file") from error
    missing = [name for name in schema.names if name not in found | MAY_LACK]
    if missing:
        raise RunFolderError(path, f"no column {missing[0]}", f"the columns of schema {SCHEMA}")
    return found


def read_part(path: Path, schema: pa.Schema) -> pa.Table:
    found = check_part(path, schema)
    try:
        table = pq.read_table(path, columns=[name for name in schema.names if name in found])
        for place, field in enumerate(schema):
            if field.name not in found:
                table = table.add_column(place, field, pa.nulls(len(table), field.type))
        return table.cast(schema)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise RunFolderError(path, f"unreadable ({type(error).__name__})", "a whole Parquet file") from error
