"""Samples as columns of NumPy arrays of equal length. A selection copies a column when it is first read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Cut = Bools | Ints | slice
"""The rows of a table to keep: a mask, their indices, or a range."""

NONE = np.iinfo(np.int64).min
"""Marks a missing value in an integer column. Nanoseconds and versions never reach it."""
UNKNOWN = -1
"""Marks a missing value in the codes of labels, and in booleans, which are 0 and 1."""


@dataclass(frozen=True)
class Labels:
    """A column of texts with few distinct values; a row may have none."""

    codes: Ints
    """The index in `names`; UNKNOWN if the row has no text."""
    names: tuple[str, ...]

    def equal(self, *names: str) -> Bools:
        """A mask of the rows whose text is one of those."""
        found = np.zeros(len(self.codes), dtype=bool)
        for name in names:
            if name in self.names:
                found |= self.codes == self.names.index(name)
        return found

    @property
    def known(self) -> Bools:
        """A mask of the rows that have a text."""
        return np.asarray(self.codes != UNKNOWN)

    def counts(self) -> dict[str, int]:
        """The number of rows per text; texts without rows are left out."""
        found = np.bincount(self.codes[self.known], minlength=len(self.names))
        return {name: int(count) for name, count in zip(self.names, found, strict=True) if count}

    def texts(self) -> list[str | None]:
        """The text of each row."""
        return [None if code == UNKNOWN else self.names[code] for code in self.codes.tolist()]

    def cut(self, kept: Cut) -> "Labels":
        return Labels(self.codes[kept], self.names)


Column = npt.NDArray[Any] | Labels


class Rows:
    """Named columns. There is one accessor per type of column. Each raises KeyError for an unknown column."""

    def __init__(self, columns: Mapping[str, Column], length: int) -> None:
        self._columns = dict(columns)
        self._length = length
        self._whole: Rows | None = None
        self._kept: Cut = slice(None)

    def __len__(self) -> int:
        return self._length

    def where(self, kept: Bools) -> "Rows":
        """The rows for which `kept` is true; this object itself if it is true for all."""
        length = int(np.count_nonzero(kept))
        return self if length == self._length else self._part(kept, length)

    def between(self, start: int, stop: int) -> "Rows":
        """The rows from `start` up to `stop`; they share the memory of this object."""
        return self._part(slice(start, stop), stop - start)

    def sorted_by(self, name: str) -> "Rows":
        """The rows sorted by a column; the sort is stable."""
        return self._part(np.argsort(self.floats(name), kind="stable"), self._length)

    def _part(self, kept: Cut, length: int) -> "Rows":
        part = Rows({}, length)
        part._whole, part._kept = self, kept
        return part

    def column(self, name: str) -> Column:
        found = self._columns.get(name)
        if found is None:
            if self._whole is None:
                raise KeyError(name)
            whole = self._whole.column(name)
            found = whole.cut(self._kept) if isinstance(whole, Labels) else whole[self._kept]
            self._columns[name] = found
        return found

    def ints(self, name: str) -> Ints:
        """An integer column; NONE marks a missing value."""
        found = self.column(name)
        assert isinstance(found, np.ndarray)
        return found

    def floats(self, name: str) -> Floats:
        """A numeric column as floats; nan marks a missing value."""
        found = self.column(name)
        assert isinstance(found, np.ndarray)
        return found if found.dtype == np.float64 else as_floats(found)

    def flags(self, name: str) -> Bools:
        """A boolean column; a missing value is false."""
        found = self.column(name)
        assert isinstance(found, np.ndarray)
        return np.asarray(found == 1)

    def labels(self, name: str) -> Labels:
        found = self.column(name)
        assert isinstance(found, Labels)
        return found

    def known(self, name: str) -> Bools:
        """A mask of the rows that have a value in that column."""
        found = self.column(name)
        if isinstance(found, Labels):
            return found.known
        if found.dtype == np.float64:
            return ~np.isnan(found)
        return np.asarray(found != (NONE if found.dtype == np.int64 else UNKNOWN))


def as_floats(values: npt.NDArray[Any]) -> Floats:
    """Integers as floats: NONE becomes nan."""
    found = values.astype(np.float64)
    if values.dtype == np.int64:
        found[values == NONE] = np.nan
    return found


def columns_of(table: pa.Table) -> dict[str, Column]:
    """The columns of an Arrow table: integers as int64, booleans as int8, dictionaries as labels."""
    return {name: column_of(table.column(name).combine_chunks()) for name in table.schema.names}


def column_of(values: pa.Array) -> Column:
    if pa.types.is_dictionary(values.type):
        codes = pc.fill_null(values.indices.cast(pa.int64()), UNKNOWN).to_numpy()
        return Labels(codes, tuple(values.dictionary.to_pylist()))
    if pa.types.is_boolean(values.type):
        return np.asarray(pc.fill_null(values.cast(pa.int8()), UNKNOWN).to_numpy())
    return np.asarray(pc.fill_null(values.cast(pa.int64()), NONE).to_numpy())


def split(values: npt.NDArray[Any], *keys: npt.ArrayLike) -> Iterator[tuple[tuple[int, ...], npt.NDArray[Any]]]:
    """The values of each combination of the keys, in the order of the combinations. Values keep their order.

    One pass over all rows: pandas takes some 0.1 ms for each group.
    """
    columns = [np.asarray(key, dtype=np.int64) for key in keys]
    if not len(values):
        return
    order = np.lexsort(columns[::-1])
    columns = [column[order] for column in columns]
    changes = np.flatnonzero(np.any([column[1:] != column[:-1] for column in columns], axis=0)) + 1
    starts = np.concatenate([[0], changes])
    for start, part in zip(starts, np.split(values[order], changes), strict=True):
        yield tuple(int(column[start]) for column in columns), part
