"""Reads the database's counts of statements: which a service sends, how often, and when. It only reads."""

import re
import threading
from collections.abc import Iterable
from typing import Any, Literal

import psycopg

from stampede.loadtests.instrumentation.clock import now_ns
from stampede.run_folder.write import TimelineRow
from stampede.stack.server_counters import Counters

Kind = Literal["load", "update", "other", "own"]
"""load: reads rows; update: changes rows; other: transaction control, settings, system tables; own: the suite's."""

MARK = "stampede: statement counts"
THIS_DATABASE = "dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
COUNTS = f"""
SELECT /* {MARK} */ queryid, sum(calls)::float8, sum(total_exec_time)::float8
FROM pg_stat_statements(false) WHERE {THIS_DATABASE} GROUP BY queryid
"""
"""Without the texts, which the server would read from a file."""
TEXTS = f"SELECT /* {MARK} */ queryid, min(query) FROM pg_stat_statements WHERE {THIS_DATABASE} GROUP BY queryid"

COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
NO_ROWS = re.compile(
    r"SELECT\s+(?:\$\d+|\d+|'[^']*'|(?:pg_catalog\.)?(?:version|current_schema|current_database|set_config)\b[^;]*)\s*;?\s*$",
    re.IGNORECASE,
)
"""A query without a row of a table: what pools and drivers send to test a connection."""
SYSTEM_TABLE = re.compile(r"\bFROM\s+\(?\s*(?:pg_catalog\.|information_schema\.|pg_(?!sleep))", re.IGNORECASE)
CHANGES = re.compile(r"\b(?:INSERT\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM|MERGE\s+INTO)\b", re.IGNORECASE)

SAMPLE_EVERY_S = 0.015
SHARE_OF_TIME = 0.1
"""The most of the time that sampling may take: with many known statements a reading takes longer and is rarer."""
UNNAMED = 0
"""The queryid of statements whose text this role may not see (it lacks pg_read_all_stats)."""


def kind_of(text: str) -> Kind:
    """What a statement does, by its text."""
    if MARK in text:
        return "own"
    plain = COMMENT.sub(" ", text).strip().lstrip("( \n\t")
    word = plain.split(maxsplit=1)[0].upper() if plain else ""
    if word in ("INSERT", "UPDATE", "DELETE", "MERGE") or (word == "WITH" and CHANGES.search(plain)):
        return "update"
    reads = word in ("SELECT", "WITH", "TABLE", "VALUES", "EXECUTE", "CALL")
    return "load" if reads and not NO_ROWS.match(plain) and not SYSTEM_TABLE.search(plain) else "other"


class StatementCounts:
    """The counts of one database, by statement."""

    def __init__(self, url: str) -> None:
        self._connection = connect_to_read(url)
        self.kinds: dict[int, Kind] = {}
        self._read_kinds()

    def read(self) -> dict[int, tuple[float, float]]:
        """Calls and execution time in ms of each statement so far, by its queryid."""
        rows = self._connection.execute(COUNTS).fetchall()
        found = {UNNAMED if row[0] is None else int(row[0]): (float(row[1]), float(row[2])) for row in rows}
        if found.keys() - self.kinds.keys():
            self._read_kinds()
        return found

    def close(self) -> None:
        self._connection.close()

    def _read_kinds(self) -> None:
        for queryid, text in self._connection.execute(TEXTS).fetchall():
            number = UNNAMED if queryid is None else int(queryid)
            self.kinds.setdefault(number, "load" if number == UNNAMED else kind_of(str(text)))

    def counters(self) -> Counters:
        """Calls and times by kind, under the names of the servers table: statement.load.calls …"""
        calls: dict[Kind, float] = {"load": 0.0, "update": 0.0, "other": 0.0}
        exec_ms = dict(calls)
        for queryid, (count, spent_ms) in self.read().items():
            kind = self.kinds.get(queryid, "other")
            if kind != "own":
                calls[kind] += count
                exec_ms[kind] += spent_ms
        found: Counters = {f"statement.{kind}.calls": (count, "calls") for kind, count in calls.items()}
        return found | {f"statement.{kind}.exec_ms": (ms, "ms") for kind, ms in exec_ms.items() if kind != "other"}


def connect_to_read(url: str) -> psycopg.Connection[Any]:
    """A connection whose session cannot write. Raises StackError without an answer."""
    from stampede.stack.postgres.postgres_server import connect

    connection: psycopg.Connection[Any] = connect(url)
    connection.execute("SET default_transaction_read_only = on")
    return connection


class StatementSampler:
    """Reads the counts of statements every SAMPLE_EVERY_S while a cell runs, in a thread of its own."""

    def __init__(self, url: str, cell: int) -> None:
        self._url = url
        self._cell = cell
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._lost: psycopg.Error | None = None
        self.rows: list[TimelineRow] = []
        """A row for each reading in which a statement's count had grown: its calls since the cell began."""

    def __enter__(self) -> "StatementSampler":
        self._counts = StatementCounts(self._url)
        self._first = self._last = self._counts.read()
        self._readings: list[int] = []
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
        self._readings.append(at_ns)
        for queryid in self._loads(counts):
            calls = counts[queryid][0]
            if calls > self._last.get(queryid, (0.0, 0.0))[0]:
                since = calls - self._first.get(queryid, (0.0, 0.0))[0]
                self.rows.append((self._cell, at_ns, "postgres", f"statement.{queryid}.calls", since, None))
        self._last = counts
        return max(SAMPLE_EVERY_S, (after_ns - before_ns) / 1e9 * (1 / SHARE_OF_TIME - 1))

    def _loads(self, counts: Iterable[int]) -> list[int]:
        return [queryid for queryid in counts if self._counts.kinds.get(queryid) == "load"]

    def _summarize(self) -> None:
        """Add the mean time of each statement, and the mean interval of the readings, at the last reading."""
        at_ns = self._readings[-1]
        for queryid in self._loads(self._last):
            calls, spent_ms = self._last[queryid]
            first_calls, first_ms = self._first.get(queryid, (0.0, 0.0))
            if calls > first_calls:
                mean_ms = (spent_ms - first_ms) / (calls - first_calls)
                self.rows.append((self._cell, at_ns, "postgres", f"statement.{queryid}.mean_ms", mean_ms, None))
        if len(self._readings) > 1:
            interval_ms = (at_ns - self._readings[0]) / 1e6 / (len(self._readings) - 1)
            self.rows.append((self._cell, at_ns, "postgres", "sampling_interval_ms", interval_ms, None))
