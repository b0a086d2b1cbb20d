"""Writes a run folder, one cell at a time. A reader never sees a half-written file."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stampede.core import private_files
from stampede.core.errors import WriteFailed
from stampede.core.files import half_of, write_whole
from stampede.core.text.redaction import hidden
from stampede.run_folder.schema import EXPERIMENTS, SERVERS, TABLES, TIMELINE, RunInfo

ServerRow = tuple[int, str, str, float | None, float | None, str]
"""The columns of SERVERS in their order."""
TimelineRow = tuple[int, int, str, str, float | None, str | None]
"""The columns of TIMELINE in their order."""

ExperimentRow = tuple[str, str, int, str, float | None, str, float, str]
"""The columns of EXPERIMENTS in their order."""


class RunWriter:
    """Writes one run folder. Files that were written stay valid if the run ends early."""

    def __init__(self, folder: Path, run: RunInfo) -> None:
        self.folder = folder
        self.run = run
        make_folder(folder)
        for table in TABLES:
            make_folder(folder / table)
        self.save()

    def save(self) -> None:
        """Write run.json with the current state of the run."""
        write_json(self.folder / "run.json", self.run.as_json())

    def add_cell(
        self, cell: int, samples: pa.Table, servers: Sequence[ServerRow], timeline: Sequence[TimelineRow]
    ) -> None:
        """Write the three tables of a finished cell, all or none. Raises WriteFailed."""
        tables = {"samples": samples, "servers": as_table(servers, SERVERS), "timeline": as_table(timeline, TIMELINE)}
        try:
            for table, rows in tables.items():
                write_table(self._file(table, cell), rows)
        except WriteFailed:
            for table in tables:
                with suppress(OSError):
                    self._file(table, cell).unlink()
            raise

    def add_experiment(self, name: str, rows: Sequence[ExperimentRow]) -> None:
        """Write the table of a finished experiment."""
        make_folder(self.folder / "experiments")
        write_table(self.folder / "experiments" / f"{name}.parquet", as_table(rows, EXPERIMENTS))

    def _file(self, table: str, cell: int) -> Path:
        return self.folder / table / f"cell-{cell:05d}.parquet"


def write_table(path: Path, rows: pa.Table) -> None:
    """Write a Parquet file, whole or not at all. Raises WriteFailed."""
    with half_of(path) as half:
        pq.write_table(rows, half, compression="zstd")


def make_folder(path: Path) -> None:
    """Make a folder that only the user can read, unless it exists. Raises WriteFailed."""
    try:
        private_files.make_folder(path, exist_ok=True)
    except OSError as error:
        raise WriteFailed(path, error) from error


def as_table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """Rows, as tuples in the order of the schema's columns, as a table."""
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def write_json(path: Path, data: Any) -> None:
    """Write JSON whole or not at all. Secrets in commands and error texts are masked."""
    write_whole(path, json.dumps(hidden(data), indent=1, default=str).encode())
