"""When a service queries its database: the counts of statements, read every few milliseconds while a cell runs.

A statement counts when it ends. So the queries of one reading ended between the reading before it and this one, and
began one mean execution time earlier. Readings only look; they cost the server a scan of its table of statements.
"""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from stampede.loadtests.appserver.request_sample import NO_CLIENT, RequestSample, sample_row
from stampede.loadtests.bench.service.accounts.statement_counts import StatementCounts
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.loadtests.instrumentation.recorder import Row
from stampede.run_folder.write import TimelineRow

SAMPLE_EVERY_S = 0.015
SHARE_OF_TIME = 0.1
"""The most of the time that sampling may take: with many known statements a reading takes longer and is rarer."""
EVERY_REQUEST = 0.9
"""A statement with at least this many calls for each read is sent with every request, whatever the cache does."""
OTHER_KEY = -1
"""In the samples: the key of a query that does not load the hot record."""


@dataclass(frozen=True, kw_only=True)
class CountedQueries:
    """Queries of one statement that ended between two readings."""

    queryid: int
    calls: int
    after_ns: int
    """The reading before them."""
    until_ns: int
    """The reading that counted them."""


class StatementSampler:
    """Reads the counts of statements every SAMPLE_EVERY_S while a cell runs, in a thread of its own."""

    def __init__(self, url: str, cell: int) -> None:
        self._url = url
        self._cell = cell
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._lost: psycopg.Error | None = None
        self.queries: list[CountedQueries] = []
        self.mean_ms: dict[int, float] = {}
        """The mean execution time in the cell, by queryid."""
        self.timeline: list[TimelineRow] = []
        """The mean interval between readings in ms, and the mean time of each statement."""

    def __enter__(self) -> "StatementSampler":
        self._counts = StatementCounts(self._url)
        self._first = self._last = self._counts.read()
        self._readings = [now_ns()]
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._counts.close()
        if self._lost is not None and kind is None:
            raise self._lost

    def _watch(self) -> None:
        try:
            wait_s = SAMPLE_EVERY_S
            while not self._over.wait(wait_s):
                wait_s = self._sample()
            self._sample()
            self._summarize()
        except psycopg.Error as lost:
            self._lost = lost

    def _sample(self) -> float:
        """Read the counts once. Returns how long to wait for the next reading."""
        before_ns = now_ns()
        counts = self._counts.read()
        after_ns = now_ns()
        at_ns = (before_ns + after_ns) // 2
        for queryid, (calls, _) in counts.items():
            more = round(calls - self._last.get(queryid, (0.0, 0.0))[0])
            if more > 0 and self._counts.kinds.get(queryid) == "load":
                found = CountedQueries(queryid=queryid, calls=more, after_ns=self._readings[-1], until_ns=at_ns)
                self.queries.append(found)
        self._readings.append(at_ns)
        self._last = counts
        return max(SAMPLE_EVERY_S, (after_ns - before_ns) / 1e9 * (1 / SHARE_OF_TIME - 1))

    def _summarize(self) -> None:
        at_ns = self._readings[-1]
        for queryid in {query.queryid for query in self.queries}:
            calls, spent_ms = self._last[queryid]
            first_calls, first_ms = self._first.get(queryid, (0.0, 0.0))
            self.mean_ms[queryid] = mean_ms = (spent_ms - first_ms) / (calls - first_calls)
            self.timeline.append((self._cell, at_ns, "postgres", f"statement.{queryid}.mean_ms", mean_ms, None))
        interval_ms = (at_ns - self._readings[0]) / 1e6 / (len(self._readings) - 1)
        self.timeline.append((self._cell, at_ns, "postgres", "sampling_interval_ms", interval_ms, None))


def hot_statement(queries: Sequence[CountedQueries], mean_ms: dict[int, float], reads: int) -> int | None:
    """The statement that loads the record, by its queryid; None without queries.

    It is the one with the most execution time. A statement that is sent with every request is passed over if another
    one was sent: it does not depend on the cache.
    """
    calls: dict[int, int] = {}
    for query in queries:
        calls[query.queryid] = calls.get(query.queryid, 0) + query.calls
    rarer = {queryid: count for queryid, count in calls.items() if count < EVERY_REQUEST * reads}
    candidates = rarer or calls
    return max(candidates, key=lambda q: candidates[q] * mean_ms.get(q, 0.0), default=None)


def query_rows(
    queries: Sequence[CountedQueries], mean_ms: dict[int, float], reads: int, window_start_ns: int
) -> list[Row]:
    """A row of the samples for the queries of each statement in each reading, as background work.

    Their end is the middle between two readings, so it is off by half an interval at most. Those of the hot statement
    have no key, as all background work; those of others have the key OTHER_KEY.
    """
    hot = hot_statement(queries, mean_ms, reads)
    rows = []
    for query in queries:
        end_ns = (query.after_ns + query.until_ns) // 2
        spent_ms = mean_ms.get(query.queryid, 0.0)
        start_ns = end_ns - round((0.0 if math.isnan(spent_ms) else spent_ms) * 1e6)
        key = None if query.queryid == hot else OTHER_KEY
        sample = RequestSample(NO_CLIENT, "background", key, start_ns, start_ns)
        sample.end_ns = end_ns
        sample.facts.loads = query.calls
        sample.facts.load_start_ns, sample.facts.load_end_ns = start_ns, end_ns
        rows.append(sample_row(sample, 0, window_start_ns, None))
    return rows
