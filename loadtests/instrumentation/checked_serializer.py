"""A serializer that reports the first value that the cache changes or cannot hold, so that a run does not go on."""

from collections.abc import Callable, Collection
from typing import Any

from stampede.patterns.caching.cache_pattern import Record
from stampede.patterns.serialization.serializer import Serializer
from stampede.stack.postgres.own_data.column_changes import ColumnChange, column_changes

MOST_SIGNATURES = 1000
"""Combinations of types that are remembered. Beyond them records are only checked for what cannot be written."""


class CheckedSerializer(Serializer[Record]):
    """Checks a record once for each new combination of its values' types. The trial before the run checks 200 records;
    this one finds a type that only another record has."""

    summary = "a serializer whose results are checked"

    def __init__(self, serializer: Serializer[Any], accepted: Collection[str], on_wrong: Callable[[str], None]) -> None:
        """`accepted`: columns that the cache may change. `on_wrong`: is called with one line for the first other."""
        self.serializer = serializer
        self.accepted = accepted
        self.on_wrong = on_wrong
        self.known: set[tuple[type, ...]] = set()

    def dumps(self, value: Record) -> bytes:
        signature = (*map(type, value.values()),)
        if signature not in self.known and len(self.known) < MOST_SIGNATURES:
            self.check(value)
            self.known.add(signature)
        try:
            return self.serializer.dumps(value)
        except Exception:
            self.check(value)
            raise

    def loads(self, data: bytes) -> Record:
        return self.serializer.loads(data)  # type: ignore[no-any-return]

    def check(self, record: Record) -> None:
        """Report the columns of a record that the cache changes without being accepted, or cannot hold."""
        found = column_changes(record, self.serializer)
        wrong = {name: change for name, change in found.items() if change.lost or name not in self.accepted}
        if wrong:
            self.on_wrong(in_one_line(wrong))


def in_one_line(wrong: dict[str, ColumnChange]) -> str:
    """The columns and how their values change."""
    listed = "; ".join(f"column {name}: {change.text()}" for name, change in wrong.items())
    return f"a record that the trial did not load cannot be cached as it is: {listed}"
