"""Reads a run folder. Data that does not fit the schema is refused with one line; nothing is guessed or repaired.

A run that was interrupted can be read: its finished cells (status `done`) count, the others do not.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stampede.core.errors import RunFolderError as RunFolderError
from stampede.core.text.redaction import hidden, masked_command
from stampede.run_folder.json_objects import check_file, read_object, typed
from stampede.run_folder.old_words import COLUMNS, NEW_WORDS, table_with_current_values, with_current_words
from stampede.run_folder.run_json_parts import check_run
from stampede.run_folder.schema import ADDED, EXPERIMENTS, SAMPLES, SCHEMA, TABLES, CellInfo, RunInfo

EXACT = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
"""Types that keep nullable integers exact: a float would lose nanoseconds after 104 days of uptime."""

READABLE = range(1, SCHEMA + 1)
"""The schemas that can be read. Columns that a later schema added are null in a run of an earlier one."""
MAY_LACK = {name for tables in ADDED.values() for columns in tables.values() for name in columns}
"""Columns that a run of an earlier schema does not have."""


@dataclass(frozen=True)
class Run:
    """A run folder. run.json is read at once, a table on first use, as a pandas frame of the done cells."""

    folder: Path
    info: RunInfo
    sample_count: int
    """The number of rows in the samples of all done cells, from the footers of the files."""

    @property
    def done(self) -> list[CellInfo]:
        """The cells that count."""
        return done_cells(self.info)

    @cached_property
    def samples(self) -> pd.DataFrame:
        """One row per request, as schema.SAMPLES. Names are categories, times are nullable integers."""
        return self.table("samples")

    def sample_table(self, cell: int, schema: pa.Schema = SAMPLES) -> pa.Table:
        """The samples of one done cell as an Arrow table. Raises RunFolderError if its file cannot be read.

        `schema`: the columns to read, some of SAMPLES.
        """
        return read_part(self.folder / "samples" / f"cell-{cell:05d}.parquet", schema)

    @cached_property
    def servers(self) -> pd.DataFrame:
        """Counters before and after each cell, as schema.SERVERS."""
        return self.table("servers")

    @cached_property
    def timeline(self) -> pd.DataFrame:
        """Gauges and events, as schema.TIMELINE."""
        return self.table("timeline")

    def experiment(self, name: str) -> pd.DataFrame:
        """The results of a done experiment, as schema.EXPERIMENTS. The file is read once.

        Raises RunFolderError if the file cannot be read.
        """
        if name not in self.experiment_frames:
            table = read_part(experiment_file(self.folder, name), EXPERIMENTS)
            self.experiment_frames[name] = table.to_pandas()
        return self.experiment_frames[name]

    @cached_property
    def experiment_frames(self) -> dict[str, pd.DataFrame]:
        """The experiments that were read so far, by name. Callers do not change a frame."""
        return {}

    def table(self, name: str) -> pd.DataFrame:
        """A whole table as one frame. Raises RunFolderError if a file cannot be read."""
        schema = TABLES[name]
        parts = [read_part(path, schema) for path in table_files(self.folder, name, self.done)]
        whole = pa.concat_tables(parts).unify_dictionaries() if parts else schema.empty_table()
        return as_frame(table_with_current_values(whole))


def done_cells(info: RunInfo) -> list[CellInfo]:
    """The cells that count."""
    return [cell for cell in info.cells if cell.status == "done"]


def as_frame(whole: pa.Table) -> pd.DataFrame:
    """The table as a frame: texts as categories, integers exact."""
    texts = [f.name for f in whole.schema if pa.types.is_string(f.type)]
    frame: pd.DataFrame = whole.to_pandas(types_mapper=EXACT.get, categories=texts, split_blocks=True)
    return frame


def read_run(folder: Path) -> Run:
    """The run in that folder. Raises RunFolderError: no run.json, another schema, a missing or cut Parquet file."""
    path = folder / "run.json"
    if not folder.is_dir():
        raise RunFolderError(folder, "no such folder", "a run folder")
    data = read_object(path, "run.json: is this a run folder?")
    schema = data.get("schema")
    if type(schema) is not int or schema not in READABLE:
        known = ", ".join(str(number) for number in READABLE)
        raise RunFolderError(path, f"schema {schema!r:.40}", f"schema {known}, which this version reads")
    info = without_secrets(typed(with_current_words(data) if schema < NEW_WORDS else data, RunInfo, path))
    check_run(info, path)
    row_counts = {
        name: sum(checked_row_count(part, schema) for part in table_files(folder, name, done_cells(info)))
        for name, schema in TABLES.items()
    }
    for experiment in info.experiments:
        if experiment.status == "done":
            checked_row_count(experiment_file(folder, experiment.name), EXPERIMENTS)
    return Run(folder, info, row_counts["samples"])


def without_secrets(info: RunInfo) -> RunInfo:
    """The run.json without passwords, which earlier versions did not hide in every form of a URL."""
    info.command = masked_command(info.command)
    info.metadata = hidden(info.metadata)
    return info


def table_files(folder: Path, name: str, cells: list[CellInfo]) -> list[Path]:
    """The file of each cell, in order. Raises RunFolderError if a file is missing."""
    found = {
        int(p.stem.removeprefix("cell-")): p for p in (folder / name).glob("cell-*.parquet") if p.stem[5:].isdecimal()
    }
    for cell in cells:
        if cell.id not in found:
            want = f"a file for cell {cell.id}, which is done according to run.json"
            raise RunFolderError(folder / name / f"cell-{cell.id:05d}.parquet", "no such file", want)
    return [found[cell.id] for cell in cells]


def experiment_file(folder: Path, name: str) -> Path:
    """The file of an experiment. Raises RunFolderError if it is missing."""
    path = folder / "experiments" / f"{name}.parquet"
    check_file(path, f"a file for {name}, which is done according to run.json")
    return path


def checked_row_count(path: Path, schema: pa.Schema) -> int:
    """The number of rows in the file. Raises RunFolderError if it is incomplete or lacks a column that is required."""
    with part_file(path) as part:
        present_columns(part, path, schema)
        return int(part.metadata.num_rows)


def part_file(path: Path) -> pq.ParquetFile:
    """Open a Parquet file and read its footer. Raises RunFolderError."""
    check_file(path)
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise RunFolderError(path, "cut or not Parquet", "a whole Parquet file") from error


def present_columns(part: pq.ParquetFile, path: Path, schema: pa.Schema) -> dict[str, str]:
    """The columns in the file: the name that they have there, by current name.

    Raises RunFolderError if a required column is missing.
    """
    found = {COLUMNS.get(name, name): name for name in part.schema_arrow.names}
    missing = [name for name in schema.names if name not in found and name not in MAY_LACK]
    if missing:
        raise RunFolderError(path, f"no column {missing[0]}", f"the columns of schema {SCHEMA}")
    return found


def read_part(path: Path, schema: pa.Schema) -> pa.Table:
    """The table of one file with the schema's columns. Columns that an earlier schema did not have are null."""
    with part_file(path) as part:
        found = present_columns(part, path, schema)
        try:
            table = part.read(columns=[found[name] for name in schema.names if name in found], use_threads=False)
            columns = [
                table.column(found[field.name]) if field.name in found else pa.nulls(len(table), field.type)
                for field in schema
            ]
            return pa.table(columns, names=schema.names).cast(schema)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise RunFolderError(path, f"unreadable ({type(error).__name__})", "a whole Parquet file") from error
