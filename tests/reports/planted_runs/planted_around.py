"""Adds counters and events of the machine to a planted run folder, as the coordinator records them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stampede.run_folder.read import read_run
from stampede.run_folder.schema import SERVERS, TIMELINE, CellInfo

MONOTONIC = ("machine", "clock.monotonic_s", 1000.0, 1002.5, "s")
Facts = Iterable[tuple[Any, ...]]
"""Rows without their cell."""
Nothing: Callable[[CellInfo], Facts] = lambda _cell: ()  # noqa: E731


def add_around(
    folder: Path, servers: Callable[[CellInfo], Facts] = Nothing, timeline: Callable[[CellInfo], Facts] = Nothing
) -> Path:
    """Add the rows that the functions return for each done cell. Every cell lasts 2.5 s on the monotonic clock."""
    for cell in read_run(folder).done:
        append(folder / "servers" / f"cell-{cell.id:05d}.parquet", SERVERS, cell.id, [MONOTONIC, *servers(cell)])
        append(folder / "timeline" / f"cell-{cell.id:05d}.parquet", TIMELINE, cell.id, timeline(cell))
    return folder


def append(path: Path, schema: pa.Schema, cell: int, facts: Facts) -> None:
    columns = list(zip(*[(cell, *row) for row in facts], strict=True))
    if columns:
        arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        added = pa.Table.from_arrays(arrays, schema=schema)
        pq.write_table(pa.concat_tables([pq.read_table(path, schema=schema), added]), path)
