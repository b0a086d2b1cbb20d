"""Events in a cell that no request causes: checkpoints, vacuums, forks, evictions, clock steps, garbage collections.

Each is an event on the cell's timeline. Counters are read with the gauges, so an event has the instant of the reading
that first showed it, up to one gauge interval late. A garbage collection has the instant at which it ended.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

from stampede.loadtests.instrumentation.clock import now_ns
from stampede.run_folder.write import TimelineRow
from stampede.stack.server_counters import CHECKPOINTS, CHECKPOINTS_BEFORE_17

STEP_S = 0.005
"""A larger change of the wall clock against the monotonic clock between two readings is a step; a smaller one may be
slewing."""
LONG_PAUSE_NS = 1_000_000
"""Shorter garbage collections are only counted."""

COUNTED = {
    ("redis", "evicted_keys"): "eviction",
    ("redis", "total_forks"): "fork",
    ("redis", "rdb_bgsave_in_progress"): "snapshot",
    ("redis", "aof_rewrite_in_progress"): "append-only file rewrite",
    ("postgres", "checkpoints"): "checkpoint",
    ("postgres", "autovacuum"): "autovacuum",
}
"""The event that each counter counts, by (source, counter)."""

Pause = tuple[int, int, int]
"""A garbage collection: when it ended (ns), its generation, how long it took (ns)."""


class Changes:
    """Turns readings of counters into events: one for each counter that grew since the last reading."""

    def __init__(self, cell: int) -> None:
        self.cell = cell
        self._last: dict[tuple[str, str], float] = {}

    def read(self, source: str, values: Mapping[str, float], at_ns: int) -> list[TimelineRow]:
        """The events since the last reading of that source. `values`: by counter; only those in COUNTED are used."""
        rows: list[TimelineRow] = []
        for name, value in values.items():
            event = COUNTED.get((source, name))
            if event is None:
                continue
            before = self._last.get((source, name))
            self._last[source, name] = value
            if before is not None and value > before:
                rows.append((self.cell, at_ns, source, name, value - before, event))
        return rows

    def read_clocks(self, wall_s: float, monotonic_ns: int) -> list[TimelineRow]:
        """An event if the wall clock moved against the monotonic clock; its value is the step in seconds."""
        offset_s = wall_s - monotonic_ns / 1e9
        before = self._last.get(("machine", "clock"))
        self._last["machine", "clock"] = offset_s
        if before is None or abs(offset_s - before) <= STEP_S:
            return []
        return [(self.cell, monotonic_ns, "machine", "clock_step_s", offset_s - before, "clock step")]


def postgres_counters(connection: psycopg.Connection[Any]) -> dict[str, float]:
    """Checkpoints and autovacuums since the server's statistics were last reset."""
    checkpoints = CHECKPOINTS if connection.info.server_version >= 170000 else CHECKPOINTS_BEFORE_17
    row = connection.execute(
        f"SELECT c.timed + c.requested, (SELECT coalesce(sum(autovacuum_count + autoanalyze_count), 0)"
        f" FROM pg_stat_user_tables) FROM ({checkpoints}) AS c"
    ).fetchone()
    return {} if row is None else {"checkpoints": float(row[0]), "autovacuum": float(row[1])}


def redis_counters(info: Mapping[str, Any]) -> dict[str, float]:
    """The fields of INFO that COUNTED names."""
    return {name: float(info.get(name, 0)) for source, name in COUNTED if source == "redis"}


def pause_rows(cell: int, process: int, pauses: Iterable[Pause]) -> list[TimelineRow]:
    """The long garbage collections of one process; the value is the pause in milliseconds."""
    return [
        (cell, ended_ns, f"process-{process}", f"gc_generation_{generation}_ms", took_ns / 1e6, "garbage collection")
        for ended_ns, generation, took_ns in pauses
        if took_ns >= LONG_PAUSE_NS
    ]


def clocks() -> tuple[float, int]:
    """The wall clock in seconds and the monotonic clock in nanoseconds, read one directly after the other."""
    return time.time(), now_ns()
