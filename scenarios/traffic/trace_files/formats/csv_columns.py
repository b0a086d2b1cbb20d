"""Columns of comma-separated lines: fast if all lines are sound, line by line if one is not."""

import csv
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from stampede.scenarios.traffic.trace_files.formats.trace_format import OPERATION_WORDS, OTHER, MalformedLine
from stampede.scenarios.traffic.trace_files.line_blocks import LineBlock

Kind = Literal["number", "optional number", "instant", "local instant", "key", "operation", "ignored"]
"""What a column holds. Numbers are finite and not negative. An instant is a date and a time of ISO 8601 with a zone; a
local instant has no zone."""
NUMBER = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+")
LARGEST = 9e18
"""The largest number. It is below 2^63."""
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?(Z|[+-]\d\d:?\d\d)?")


@dataclass(frozen=True, kw_only=True)
class CsvColumn:
    """A column of the file."""

    name: str
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class CsvLayout:
    """The columns of a file in their order."""

    columns: tuple[CsvColumn, ...]
    quoted: bool
    """Whether a field may stand in quotation marks."""

    @cached_property
    def types(self) -> dict[str, pa.DataType]:
        """The type of each column that is not ignored."""
        return {column.name: arrow_type(column.kind) for column in self.columns if column.kind != "ignored"}

    def fields(self, line: str) -> list[str]:
        """The fields of a line."""
        return next(csv.reader([line], strict=True), []) if self.quoted else line.split(",")

    def problem(self, line: str) -> str | None:
        """Why a line is malformed, in words; None if it is sound."""
        fields = self.fields(line)
        if len(fields) != len(self.columns):
            return f"{len(fields)} fields in place of {len(self.columns)}"
        for column, text in zip(self.columns, fields, strict=True):
            if column.kind == "key" and not text:
                return f"an empty {column.name}"
            needed = column.kind == "number" or (column.kind == "optional number" and text)
            if needed and not is_number(text.strip()):
                return f"{column.name} {text[:40]!r}"
            if column.kind in ("instant", "local instant") and instant_kind(text) != column.kind:
                return f"{column.name} {text[:40]!r}"
            if column.kind == "operation" and any("\ud800" <= character <= "\udfff" for character in text):
                return "bytes that are not UTF-8"
        return None


def arrow_type(kind: Kind) -> pa.DataType:
    """The type in which a column is read."""
    others = {
        "key": pa.binary(),
        "operation": pa.dictionary(pa.int32(), pa.string()),
        "instant": pa.timestamp("us", "UTC"),
        "local instant": pa.timestamp("us"),
    }
    return others.get(kind, pa.float64())


def instant_kind(text: str) -> Kind | None:
    """Whether a text is an instant with a zone or without one; None: it is no instant."""
    match = INSTANT.fullmatch(text)
    if match is None:
        return None
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return None
    return "instant" if match[1] else "local instant"


def is_number(text: str) -> bool:
    """Whether a text is a finite number from 0 to LARGEST."""
    return NUMBER.fullmatch(text) is not None and float(text) <= LARGEST


def read_columns(block: LineBlock, layout: CsvLayout) -> tuple[pa.Table, list[MalformedLine]]:
    """The columns that are not ignored, and the lines that were left out."""
    try:
        table = read_sound(block.data, layout)
        if is_sound(table, layout) and not (layout.quoted and spans_lines(block.data, len(table))):
            return table, []
    except pa.ArrowInvalid:
        pass
    sound, malformed = sorted_out(block, layout.problem)
    try:
        return read_sound(sound, layout), malformed
    except pa.ArrowInvalid:  # a line that seems sound is none for the fast reader
        sound, malformed = sorted_out(block, lambda line: layout.problem(line) or unreadable(line, layout))
        return read_sound(sound, layout), malformed


def unreadable(line: str, layout: CsvLayout) -> str | None:
    """Why the fast reader cannot read a line; None if it can."""
    try:
        read_sound(line.encode(errors="surrogateescape"), layout)
    except pa.ArrowInvalid as error:
        return str(error).partition("\n")[0][:80]
    return None


def sorted_out(block: LineBlock, problem: Callable[[str], str | None]) -> tuple[bytes, list[MalformedLine]]:
    """The sound lines, and the others with their problem. Blank lines are neither."""
    sound, malformed = [], []
    for number, line in enumerate(block.data.split(b"\n"), start=block.first_line):
        if not line.strip():
            continue
        try:
            wrong = problem(line.decode(errors="surrogateescape").rstrip("\r"))
        except csv.Error as error:
            wrong = str(error)
        if wrong is None:
            sound.append(line)
        else:
            malformed.append(MalformedLine(number, wrong))
    return b"\n".join(sound), malformed


def read_sound(data: bytes, layout: CsvLayout) -> pa.Table:
    """The columns of lines. Raises pyarrow.ArrowInvalid if one of them is malformed."""
    types = layout.types
    if not data.strip(b" \r\n"):
        return pa.table({name: pa.array([], type=kind) for name, kind in types.items()})
    return arrow_csv.read_csv(
        pa.BufferReader(data),
        read_options=arrow_csv.ReadOptions(
            column_names=[column.name for column in layout.columns], use_threads=False, block_size=len(data) + 1
        ),
        parse_options=arrow_csv.ParseOptions(quote_char='"' if layout.quoted else False),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types, include_columns=list(types), null_values=[""], strings_can_be_null=False
        ),
    )


def spans_lines(data: bytes, rows: int) -> bool:
    """Whether a quoted field contains a line end, so that there are fewer rows than lines with text."""
    return b'"' in data and rows != sum(not line.isspace() for line in data.splitlines() if line)


def is_sound(table: pa.Table, layout: CsvLayout) -> bool:
    """Whether every number is finite, not negative and there, and no key is empty."""
    for column in layout.columns:
        if column.kind == "key" and min_length(table[column.name]) == 0:
            return False
        if column.kind in ("instant", "local instant") and table[column.name].null_count:
            return False
        if column.kind in ("number", "optional number"):
            values = table[column.name]
            if column.kind == "number" and values.null_count:
                return False
            numbers = numbers_of(values, missing=0.0)
            if not np.all((numbers >= 0) & (numbers <= LARGEST)):  # false for nan
                return False
    return True


def min_length(keys: pa.ChunkedArray) -> int:
    """The length of the shortest key in bytes; 1 without keys."""
    return int(pc.min(pc.binary_length(keys)).as_py() if len(keys) else 1)


def numbers_of(values: pa.ChunkedArray, missing: float = math.nan) -> npt.NDArray[np.float64]:
    """A column of numbers, with a value for those that are missing."""
    filled = values.fill_null(missing) if values.null_count else values
    return np.asarray(filled.to_numpy(), dtype=np.float64)


def seconds_of_instants(values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """A column of instants as seconds since 1970."""
    return np.asarray(values.cast(pa.int64()).to_numpy(), dtype=np.float64) / 1e6


def operations_of(values: pa.ChunkedArray, words: Sequence[str] = ()) -> npt.NDArray[np.int8]:
    """A column of words as numbers of TraceOperation. `words`: if given, the only ones that the format has."""
    parts = [np.empty(0, dtype=np.int8)]
    for chunk in values.chunks:
        known = [operation(word, words) for word in chunk.dictionary.to_pylist()]
        codes = np.asarray([*known, OTHER], dtype=np.int8)
        indices = chunk.indices.fill_null(len(known)) if chunk.indices.null_count else chunk.indices
        parts.append(codes[np.asarray(indices.to_numpy(zero_copy_only=False))])
    return np.concatenate(parts)


def operation(word: str, words: Sequence[str] = ()) -> int:
    """The number of the operation of a word."""
    lowered = word.strip().lower()
    return int(OTHER if words and lowered not in words else OPERATION_WORDS.get(lowered, OTHER))
