"""The live counts of one application server: totals by contender, computed from the rows of the samples.

The hot path does no extra work. Once a second, the rows that were appended to the recorder's list are read. Totals are
absolute, so a lost or late report does no harm.
"""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from stampede.loadtests.instrumentation.recorder import ROW_COLUMNS, Row

AT = {name: place for place, name in enumerate(ROW_COLUMNS)}
STEPS = 64
"""Buckets of response time per doubling: each is 1.1 % wide, which is the precision of a percentile."""

Totals = dict[str, Any]
"""Counts by name; "us" maps a bucket's number to its count."""


def bucket(response_ns: int) -> int:
    """The number of a response time's bucket. All times below a microsecond share one bucket."""
    return round(math.log2(max(response_ns, 1000) / 1000) * STEPS)


def bucket_us(number: int) -> float:
    """The middle of a bucket in microseconds."""
    return float(2 ** (number / STEPS))


class LiveCounts:
    """Totals of one process by contender. Call `follow` when a cell begins and `catch_up` regularly; read `totals`."""

    def __init__(self) -> None:
        self.totals: dict[str, Totals] = {}
        self._rows: list[Row] = []
        self._next = 0
        self._current: Totals = {}
        self._committed: dict[int, tuple[int, int]] = {}

    def follow(self, label: str, rows: list[Row]) -> None:
        """Count these rows for this contender from now on, after the remaining rows of the previous cell."""
        self.catch_up()
        self._rows, self._next = rows, 0
        self._current = self.totals.setdefault(label, {"us": {}})
        self._committed.clear()  # versions restart with each cell

    def forget(self) -> None:
        """Reset all totals, and skip the rows that the current cell has so far."""
        self._next = len(self._rows)
        self.totals.clear()
        self._current.clear()
        self._current["us"] = {}

    def catch_up(self) -> None:
        """Count the rows that were appended since the last call."""
        rows, self._next = self._rows[self._next :], len(self._rows)
        writes = [row for row in rows if row[AT["operation"]] == "write" and row[AT["commit_end_ns"]] is not None]
        for row in writes:
            self._committed[row[AT["key"]]] = (row[AT["version_written"]] or 0, row[AT["commit_end_ns"]])
        counts: Counter[str] = Counter()
        times: dict[int, int] = self._current.setdefault("us", {})
        for row in rows:
            self._count(row, counts, times)
        for name, count in counts.items():
            self._current[name] = self._current.get(name, 0) + count

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
        """Whether this process had committed a newer version before the read began. A lower bound."""
        version, known = row[AT["version_read"]], self._committed.get(row[AT["key"]])
        return version is not None and known is not None and version < known[0] and known[1] < row[AT["start_ns"]]


def added(every: list[Mapping[str, Totals]]) -> dict[str, Totals]:
    """The sum of the totals of several processes."""
    sums: dict[str, Totals] = {}
    for totals in every:
        for label, process_counts in totals.items():
            label_sums = sums.setdefault(label, {"us": {}})
            for name, value in process_counts.items():
                if name == "us":
                    for number, count in value.items():
                        label_sums["us"][int(number)] = label_sums["us"].get(int(number), 0) + count
                else:
                    label_sums[name] = label_sums.get(name, 0) + value
    return sums


def percentile_us(times: Mapping[int, int], share: float) -> float | None:
    """The response time in µs that this share of requests did not exceed, to about 1 %; None: no requests."""
    rank = share * sum(times.values())
    cumulative = 0
    for number in sorted(times):
        cumulative += times[number]
        if cumulative >= rank:
            return bucket_us(number)
    return None
