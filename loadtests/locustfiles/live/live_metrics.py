"""The metrics of the Cache tab: the servers' counters, read once a second, and the application servers' totals.

A rate covers the time between two readings of one cell. The master reads the servers' counters, so they do not depend
on the number of application servers.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
import redis

from stampede.loadtests.instrumentation.clock import now_ns
from stampede.loadtests.locustfiles.live.live_counts import Totals, added, percentile_us
from stampede.loadtests.locustfiles.run_config import ScenarioPlan
from stampede.stack.postgres.source import Statements, prepare_session, statement_ids_by_query
from stampede.stack.server_counters import has_statements, read_postgres_counters

EVERY_S = 1.0
LINGER_S = 4.0
"""How long reading continues after a stop, for the last reports of the application servers."""
POINTS = 180
"""Seconds of history that the page shows."""

ACTIVE = """
SELECT count(*), count(*) FILTER (WHERE state = 'active') FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
TRANSACTIONS = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"

Figures = dict[str, float | None]


class LiveMetrics:
    """Reads the servers while cells run; keeps one row per contender and the points of the last minutes."""

    def __init__(self, postgres_url: str, redis_url: str) -> None:
        self.points: deque[dict[str, Any]] = deque(maxlen=POINTS)
        self._postgres_url = postgres_url
        self._redis = redis.Redis.from_url(redis_url, socket_timeout=1.0, socket_connect_timeout=1.0)
        self._reports: dict[str, Mapping[str, Totals]] = {}
        self._server: dict[str, dict[str, float]] = {}
        self._entitled: dict[str, int] = {}
        self._entitled_by: npt.NDArray[np.int64] | None = None
        self._label: str | None = None
        self._ids: dict[str, int] = {}
        self._begin_ns = 0
        self._last: tuple[str, int, Figures] | None = None
        self._last_totals: dict[str, Totals] = {}
        self._ended_s = float("-inf")
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join(timeout=5)
        self._redis.close()

    def forget(self) -> None:
        """Reset everything."""
        for store in (self.points, self._reports, self._server, self._entitled, self._last_totals):
            store.clear()

    def report(self, process: str, totals: Mapping[str, Totals]) -> None:
        """Store the reported totals of an application server."""
        self._reports[process] = totals

    def begin(self, scenario: ScenarioPlan, label: str, begin_ns: int, entitled_by: npt.NDArray[np.int64]) -> None:
        """A cell begins. `entitled_by`: instants, from its beginning, at which a perfect limiter admits a call."""
        with psycopg.connect(self._postgres_url, autocommit=True) as connection:
            prepare_session(connection, scenario.session)
            self._ids = statement_ids_by_query(
                connection, {q.name: Statements(**q.statements) for q in scenario.queries}
            )
        self._entitled_by = entitled_by if scenario.flood is not None else None
        self._begin_ns = begin_ns
        self._label = label

    def end(self) -> None:
        """The current cell has ended."""
        if self._label is not None and self._entitled_by is not None:
            self._entitled[self._label] = self._entitled.get(self._label, 0) + self._entitled_now()
        self._label = self._entitled_by = None
        self._ended_s = time.monotonic()

    @property
    def awake(self) -> bool:
        """Whether more points will come."""
        return self._label is not None or time.monotonic() - self._ended_s < LINGER_S

    def rows(self) -> list[dict[str, Any]]:
        """One row per contender and scenario, in the order of their first cells. None: the metric does not apply."""
        return [self._row(label, counts) for label, counts in added(list(self._reports.values())).items()]

    def _row(self, label: str, counts: Totals) -> dict[str, Any]:
        scenario, _, contender = label.partition(" ")
        server = self._server.get(label, {})
        seconds = server.get("seconds", 0.0)
        limited = counts.get("admitted", 0) + counts.get("refused", 0) > 0

        def mean(name: str) -> float | None:
            return round(server[name] / seconds, 1) if seconds and name in server else None

        entitled = self._entitled.get(label, 0)
        if label == self._label and self._entitled_by is not None:
            entitled += self._entitled_now()
        return {
            "contender": contender,
            "scenario": scenario,
            "requests": counts.get("requests", 0),
            "failed": counts.get("failed", 0),
            "hit_pct": round(100 * counts["hits"] / counts["reads"], 2) if counts.get("reads") else None,
            "loads_per_s": mean("loads"),
            "queries_per_s": mean("queries"),
            "active": mean("active"),
            "commands_per_s": mean("commands"),
            "memory_mb": mean("memory_mb"),
            "stale_at_least": None if limited else counts.get("stale", 0),
            "refused": counts.get("refused", 0) if limited else None,
            "admitted": counts.get("admitted", 0) if limited else None,
            "entitled": entitled if limited else None,
            "p50_us": rounded(percentile_us(counts["us"], 0.50)),
            "p99_us": rounded(percentile_us(counts["us"], 0.99)),
        }

    def _entitled_now(self) -> int:
        due_by = now_ns() - self._begin_ns
        return 0 if self._entitled_by is None else int(np.searchsorted(self._entitled_by, due_by, side="right"))

    def _run(self) -> None:
        connection: psycopg.Connection[Any] | None = None
        try:
            while not self._closed.wait(EVERY_S):
                if not self.awake:
                    self._last = None
                    continue
                try:
                    if connection is None or connection.closed:
                        connection = psycopg.connect(self._postgres_url, autocommit=True, prepare_threshold=None)
                    self._append(self._read(connection))
                except (psycopg.Error, redis.RedisError):  # a fault was injected, or the server hangs: skip this point
                    self._last = None
        finally:
            if connection is not None:
                connection.close()

    def _read(self, connection: psycopg.Connection[Any]) -> Figures:
        try:
            stats: dict[str, Any] = self._redis.info()
        except redis.exceptions.NoPermissionError:
            stats = {}
        account = read_postgres_counters(connection, self._ids) if has_statements(connection) else {}
        if account:
            queries = sum(account[f"statement.{name}.calls"][0] for name in self._ids)
        else:
            queries = float((connection.execute(TRANSACTIONS).fetchone() or (0,))[0])
        _, active = connection.execute(ACTIVE).fetchone() or (0, 0)
        return {
            "queries": queries,
            "active": float(active),
            "commands": float(stats["total_commands_processed"]) if stats else None,
            "memory_mb": stats["used_memory"] / 1e6 if stats else None,
        }

    def _append(self, figures: Figures) -> None:
        """Append a point if this reading and the previous one belong to one cell."""
        label, at_ns, last = self._label, now_ns(), self._last
        totals = added(list(self._reports.values()))
        before, self._last_totals = self._last_totals, totals
        self._last = None if label is None else (label, at_ns, figures)
        if label is None or last is None or last[0] != label or last[1] < self._begin_ns:
            return
        seconds = (at_ns - last[1]) / 1e9
        counts, earlier = totals.get(label, {"us": {}}), before.get(label, {"us": {}})

        def grown(name: str) -> float:
            return float(counts.get(name, 0) - earlier.get(name, 0))

        times = {
            n: count - earlier["us"].get(n, 0) for n, count in counts["us"].items() if count > earlier["us"].get(n, 0)
        }
        server = self._server.setdefault(label, {})
        gains = {
            "loads": grown("loads"),
            "queries": max(0.0, (figures["queries"] or 0) - (last[2]["queries"] or 0)),
            "commands": max(0.0, (figures["commands"] or 0) - (last[2]["commands"] or 0)),
            "active": (figures["active"] or 0) * seconds,
            "memory_mb": (figures["memory_mb"] or 0) * seconds,
            "seconds": seconds,
        }
        missing = {name for name in gains.keys() & figures.keys() if figures[name] is None}
        for name, value in gains.items():
            if name in missing:
                continue
            server[name] = server.get(name, 0.0) + value
        reads, limited = grown("reads"), grown("admitted") + grown("refused")
        self.points.append(
            {
                "t": round(time.time(), 1),
                "label": label,
                "hit_pct": round(100 * grown("hits") / reads, 2) if reads else None,
                "loads_per_s": round(gains["loads"] / seconds, 1),
                "queries_per_s": round(gains["queries"] / seconds, 1),
                "active": figures["active"],
                "commands_per_s": None if "commands" in missing else round(gains["commands"] / seconds, 1),
                "memory_mb": None if figures["memory_mb"] is None else round(figures["memory_mb"], 2),
                "refused_per_s": round(grown("refused") / seconds, 1) if limited else None,
                "admitted_per_s": round(grown("admitted") / seconds, 1) if limited else None,
                "p50_us": rounded(percentile_us(times, 0.50)),
                "p99_us": rounded(percentile_us(times, 0.99)),
            }
        )


def rounded(value: float | None) -> float | None:
    """Round to three significant digits: a bucket is 1 % wide."""
    return None if value is None else float(f"{value:.3g}")
