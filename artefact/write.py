"""Writing a run folder: a cell at a time, each file whole or not there at all."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from artefact.schema import EXPERIMENTS, SERVERS, TABLES, TIMELINE, RunInfo
from core.private import empty_file, make_folder, write_file
from core.secrets import hidden

ServerRow = tuple[int, str, str, float | None, float | None, str]
"""The columns of SERVERS in their order."""
TimelineRow = tuple[int, int, str, str, float | None, str | None]
"""The columns of TIMELINE in their order."""

ExperimentRow = tuple[str, str, int, str, float | None, str, float, str]
"""The columns of EXPERIMENTS in their order."""


class RunWriter:
    """Owns one run folder. What it has written survives whatever happens next."""

    def __init__(self, folder: Path, run: RunInfo) -> None:
        self.folder = folder
        self.run = run
        make_folder(folder, exist_ok=True)
        for table in TABLES:
            make_folder(folder / table, exist_ok=True)
        self.save()

    def save(self) -> None:
        """Write run.json as it stands."""
        write_json(self.folder / "run.json", self.run.as_json())

    def add_cell(
        self, cell: int, samples: pa.Table, servers: Sequence[ServerRow], timeline: Sequence[TimelineRow]
    ) -> None:
        """Write the three tables of a finished cell."""
        self._write("samples", cell, samples)
        self._write("servers", cell, as_table(servers, SERVERS))
        self._write("timeline", cell, as_table(timeline, TIMELINE))

    def add_experiment(self, name: str, rows: Sequence[ExperimentRow]) -> None:
        """Write the table of a finished experiment."""
        make_folder(self.folder / "experiments", exist_ok=True)
        write_table(self.folder / "experiments" / f"{name}.parquet", as_table(rows, EXPERIMENTS))

    def _write(self, table: str, cell: int, rows: pa.Table) -> None:
        write_table(self.folder / table / f"cell-{cell:05d}.parquet", rows)


def write_table(path: Path, rows: pa.Table) -> None:
    half = empty_file(path.with_suffix(".part"))
    pq.write_table(rows, half, compression="zstd")
    os.replace(half, path)


def as_table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def write_json(path: Path, data: Any) -> None:
    """Write JSON whole, without the secrets that a command or an error text in it may hold."""
    write_whole(path, json.dumps(hidden(data), indent=1, default=str).encode())


def write_whole(path: Path, data: bytes) -> None:
    """Write a file, private to the user, so that a reader sees the old one or the new one, never half."""
    half = path.with_name(path.name + ".part")
    write_file(half, data)
    os.replace(half, path)
