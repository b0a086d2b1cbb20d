"""Writing a run folder: a cell at a time, each file whole or not there at all."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from artefact.schema import EXPERIMENTS, SERVERS, TABLES, TIMELINE, RunInfo

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
        for table in TABLES:
            (folder / table).mkdir(parents=True, exist_ok=True)
        self.save()

    def save(self) -> None:
        """Write run.json as it stands."""
        write_whole(self.folder / "run.json", json.dumps(self.run.as_json(), indent=1, default=str).encode())

    def add_cell(
        self, cell: int, samples: pa.Table, servers: Sequence[ServerRow], timeline: Sequence[TimelineRow]
    ) -> None:
        """Write the three tables of a finished cell."""
        self._write("samples", cell, samples)
        self._write("servers", cell, as_table(servers, SERVERS))
        self._write("timeline", cell, as_table(timeline, TIMELINE))

    def add_experiment(self, name: str, rows: Sequence[ExperimentRow]) -> None:
        """Write the table of a finished experiment."""
        (self.folder / "experiments").mkdir(exist_ok=True)
        write_table(self.folder / "experiments" / f"{name}.parquet", as_table(rows, EXPERIMENTS))

    def _write(self, table: str, cell: int, rows: pa.Table) -> None:
        write_table(self.folder / table / f"cell-{cell:05d}.parquet", rows)


def write_table(path: Path, rows: pa.Table) -> None:
    half = path.with_suffix(".part")
    pq.write_table(rows, half, compression="zstd")
    os.replace(half, path)


def as_table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never half."""
    half = path.with_name(path.name + ".part")
    half.write_bytes(data)
    os.replace(half, path)
