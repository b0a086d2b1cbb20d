"""Reads the database's counts of statements: which a service sends, how often, and when. It only reads."""

import re
from typing import Any, Literal

import psycopg

from stampede.stack.postgres.postgres_server import connect
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
    connection: psycopg.Connection[Any] = connect(url)
    connection.execute("SET default_transaction_read_only = on")
    return connection
