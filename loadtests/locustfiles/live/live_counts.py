"""What one application server adds up for the live page: absolute totals by contender, out of the samples' own rows.

The hot path does nothing for it: once a second, what was appended to the recorder's list since the last look is read.
Totals are absolute, so that a report that is lost or late costs nothing.
"""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from stampede.loadtests.instrumentation.recorder import ROW_COLUMNS, Row

AT = {name: place for place, name in enumerate(ROW_COLUMNS)}
STEPS = 64
"""Buckets of response time in a doubling: each 1.1 % wide, so that a percentile is right to that."""

Totals = dict[str, Any]
"""Counts by name; "us" holds a bucket's number → how many."""


def bucket(response_ns: int) -> int:
    """The number of the bucket that a response time falls into; below a microsecond all are one."""
    return round(math.log2(max(response_ns, 1000) / 1000) * STEPS)


def bucket_us(number: int) -> float:
    """The middle of a bucket in microseconds."""
    return float(2 ** (number / STEPS))


class LiveCounts:
    """Totals of one process by contender. `follow` a cell when it begins, `catch_up` now and then, read `totals`."""

    def __init__(self) -> None:
        self.totals: dict[str, Totals] = {}
        self._rows: list[Row] = []
        self._next = 0
        self._mine: Totals = {}
        self._committed: dict[int, tuple[int, int]] = {}

    def follow(self, label: str, rows: list[Row]) -> None:
        """Count these rows for this contender from now on; those of the cell before are counted to their end first."""
        self.catch_up()
        self._rows, self._next = rows, 0
        self._mine = self.totals.setdefault(label, {"us": {}})
        self._committed.clear()  # versions begin anew with the next cell

    def forget(self) -> None:
        """Begin at nothing, and leave out what the cell in hand has seen so far."""
        self._next = len(self._rows)
        self.totals.clear()
        self._mine.clear()
        self._mine["us"] = {}

    def catch_up(self) -> None:
        """Count what was appended since the last call."""
        rows, self._next = self._rows[self._next :], len(self._rows)
        writes = [row for row in rows if row[AT["operation"]] == "write" and row[AT["commit_end_ns"]] is not None]
        for row in writes:
            self._committed[row[AT["key"]]] = (row[AT["version_written"]] or 0, row[AT["commit_end_ns"]])
        counts: Counter[str] = Counter()
        times: dict[int, int] = self._mine.setdefault("us", {})
        for row in rows:
            self._count(row, counts, times)
        for name, count in counts.items():
            self._mine[name] = self._mine.get(name, 0) + count

    def _count(self, row: Row, counts: Counter[str], times: dict[int, int]) -> None:
        operation = row[AT["operation"]]
        counts["loads"] += row[AT["loads"]]
        if operation in ("background", "rest"):
            return
        counts["requests"] += 1
        end_ns = row[AT["end_ns"]]
        if end_ns is not None:
            number = bucket(end_ns - row[AT["due_ns"]])
            times[number] = times.get(number, 0) + 1
        if row[AT["error"]] is not None:
            counts["failed"] += 1
        elif operation == "read":
            counts["reads"] += 1
            counts["hits"] += row[AT["loads"]] == 0 and row[AT["first_cache_reply"]] == "value"
            counts["stale"] += self._was_stale(row)
        elif operation == "hit":
            counts["admitted" if row[AT["allowed"]] else "refused"] += 1

    def _was_stale(self, row: Row) -> bool:
        """Whether this process itself had committed a newer version before the read began: fewer than there were."""
        version, known = row[AT["version_read"]], self._committed.get(row[AT["key"]])
        return version is not None and known is not None and version < known[0] and known[1] < row[AT["start_ns"]]


def added(every: list[Mapping[str, Totals]]) -> dict[str, Totals]:
    """The totals of several processes as one."""
    sums: dict[str, Totals] = {}
    for totals in every:
        for label, mine in totals.items():
            both = sums.setdefault(label, {"us": {}})
            for name, value in mine.items():
                if name == "us":
                    for number, count in value.items():
                        both["us"][int(number)] = both["us"].get(int(number), 0) + count
                else:
                    both[name] = both.get(name, 0) + value
    return sums


def percentile_us(times: Mapping[int, int], share: float) -> float | None:
    """The response time in microseconds that this share did not exceed, to about one percent; None: no requests."""
    asked = share * sum(times.values())
    seen = 0
    for number in sorted(times):
        seen += times[number]
        if seen >= asked:
            return bucket_us(number)
    return None
