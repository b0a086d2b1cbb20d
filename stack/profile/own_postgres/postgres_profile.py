"""The work of a user's PostgreSQL: its most expensive statements with calls and times, and its tables."""

import math
import re
from dataclasses import dataclass, field
from typing import Any

from stampede.core.text.safe_text import ReportProgress, shown
from stampede.stack.profile.estimates import SampleEstimate, Z, share_estimate
from stampede.stack.profile.own_postgres.postgres_reader import (
    ACTIVITY,
    EXTENSION,
    FACTS,
    FACTS_LIMITED,
    HIDDEN,
    ROWS,
    STATEMENTS,
    TABLES,
    TEXTS,
    PostgresReader,
    Row,
)
from stampede.stack.servers import Remark, without_password

NAME = r'(?:"[^"]+"|\w+)'
FROM = re.compile(rf"\bFROM\s+(?:ONLY\s+)?({NAME}(?:\.{NAME})?)", re.IGNORECASE)
CHANGED = re.compile(rf"^\s*(?:UPDATE|DELETE\s+FROM)\s+(?:ONLY\s+)?({NAME}(?:\.{NAME})?)", re.IGNORECASE)
CONDITION = re.compile(rf"\bWHERE\b.*?(?:{NAME}\.)?({NAME})\s*=\s*(\$\d+)", re.IGNORECASE | re.DOTALL)
LITERAL = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)
COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
IO_COLUMNS = {
    (1, 11): "shared_blk_read_time + shared_blk_write_time + temp_blk_read_time + temp_blk_write_time",
    (1, 8): "blk_read_time + blk_write_time",
}
"""Columns of the time that statements wait for the disk, by the extension's version."""


@dataclass(frozen=True, kw_only=True)
class StatementProfile:
    """One normalised statement. All figures are of the window."""

    queryid: int
    text: str
    """As pg_stat_statements normalises it, on one line, without literals."""
    calls: float
    calls_per_s: float
    mean_ms: SampleEstimate
    """Execution time of one call in the server. Its interval takes calls as independent."""
    stddev_ms: float
    rows_per_call: float
    io_ms: float
    """Time of one call that waits for the disk; 0 without track_io_timing."""
    waiting: SampleEstimate | None
    """Share of its running time in which it waited (0 to 1), from looks at pg_stat_activity. None: too few."""

    @property
    def table(self) -> str | None:
        """The table after the first FROM, or that it changes, as written."""
        found = CHANGED.search(self.text) or FROM.search(self.text)
        return found[1] if found else None

    @property
    def changes(self) -> bool:
        """Whether it is an UPDATE or DELETE."""
        return CHANGED.search(self.text) is not None

    @property
    def condition(self) -> tuple[str, str] | None:
        """The first column that is compared with a parameter, and the parameter: ("id", "$1")."""
        found = CONDITION.search(self.text)
        return (found[1], found[2]) if found else None


@dataclass(frozen=True, kw_only=True)
class TableProfile:
    """One table. Its rates are of the window."""

    name: str
    """With its schema."""
    rows: float | None
    """The planner's estimate of the last VACUUM or ANALYZE, else that of the statistics. None: not known."""
    key: str | None
    """The column of the primary key. None: there is none, or it has several."""
    scans_per_s: float
    """By an index."""
    changes_per_s: float
    """Rows updated or deleted."""


@dataclass(frozen=True, kw_only=True)
class PostgresProfile:
    """What was read of a PostgreSQL."""

    server: str
    address: str
    database: str
    standby: bool
    seconds: float
    """Length of the window."""
    bytes: float | None
    statements: tuple[StatementProfile, ...] | None
    """The largest total time first. None: pg_stat_statements cannot be read."""
    tables: tuple[TableProfile, ...]
    remarks: tuple[Remark, ...] = ()
    statements_sent: int = 0
    """By this profile."""


@dataclass
class PostgresWindow:
    """Readings at the start and the end of a window, and looks at the running statements in between."""

    reader: PostgresReader
    most: int
    """The most statements that are read."""
    at_s: list[float] = field(default_factory=list)
    counts: list[dict[int, Row] | None] = field(default_factory=list)
    tables: list[dict[int, Row]] = field(default_factory=list)
    looks: dict[int, list[int]] = field(default_factory=dict)
    """queryid to: seen running, of these waiting."""
    extension: Row | None = None

    def read(self, now_s: float) -> None:
        """Read the counters: at the start and at the end of the window."""
        if not self.at_s:
            found = self.reader.rows(EXTENSION, name="pg_extension", cost="statements are not shown")
            self.extension = found[0] if found else None
            if found == []:
                what = "the extension is not installed in this database (CREATE EXTENSION pg_stat_statements)"
                cost = "no statement and no load time; tables are matched by their scans instead"
                self.reader.remarks["pg_stat_statements"] = Remark(name="pg_stat_statements", what=what, cost=cost)
        self.counts.append(self.read_counts())
        found = self.reader.rows(TABLES, name="pg_stat_user_tables", cost="rows of tables are not shown")
        self.tables.append({row["table_id"]: row for row in found or ()})
        self.at_s.append(now_s)

    def read_counts(self) -> dict[int, Row] | None:
        if self.extension is None:
            return None
        version = tuple(int(part) for part in self.extension["version"].split("."))
        io = next((columns for oldest, columns in IO_COLUMNS.items() if version >= oldest), "0")
        sql = STATEMENTS.format(schema=self.extension["schema"], io=io)
        cost = "no statement and no load time; tables are matched by their scans instead"
        found = self.reader.rows(sql, {"most": self.most}, name="pg_stat_statements", cost=cost)
        return None if found is None else {row["queryid"]: row for row in found}

    def look(self) -> None:
        """See which statements run now, and which of these wait."""
        if "pg_stat_activity" in self.reader.remarks:
            return
        cost = "the load time is not divided into computing and waiting"
        for row in self.reader.rows(ACTIVITY, name="pg_stat_activity", cost=cost) or ():
            seen = self.looks.setdefault(row["query_id"], [0, 0])
            seen[0] += row["running"]
            seen[1] += row["waiting"]

    @property
    def seconds(self) -> float:
        return self.at_s[-1] - self.at_s[0]

    def grown(self) -> dict[int, dict[str, float]]:
        """The increase of each statement's counters, without those that were reset, or that `most` left out before."""
        before, after = self.counts[0], self.counts[-1]
        if before is None or after is None:
            return {}
        found = {}
        for queryid, row in after.items():
            first = before.get(queryid)
            if first is None and len(before) >= self.most:
                continue
            counters = ("calls", "total_ms", "squares_ms2", "rows", "io_ms")
            grown = {name: row[name] - (first[name] if first else 0.0) for name in counters}
            if grown["calls"] > 0 and grown["total_ms"] >= 0:
                found[queryid] = grown
        return found


LEAST_LOOKS = 20
"""A share of waiting from fewer looks is not estimated."""
LONGEST_TEXT = 2_000


def statement_profile(queryid: int, text: str, grown: dict[str, float], window: PostgresWindow) -> StatementProfile:
    """One statement of the window."""
    calls = grown["calls"]
    mean_ms = grown["total_ms"] / calls
    stddev_ms = math.sqrt(max(0.0, grown["squares_ms2"] / calls - mean_ms**2))
    half = Z * stddev_ms / math.sqrt(calls)
    running, waiting = window.looks.get(queryid, [0, 0])
    return StatementProfile(
        queryid=queryid,
        text=plain_sql(text),
        calls=calls,
        calls_per_s=calls / window.seconds,
        mean_ms=SampleEstimate(value=mean_ms, low=max(0.0, mean_ms - half), high=mean_ms + half),
        stddev_ms=stddev_ms,
        rows_per_call=grown["rows"] / calls,
        io_ms=grown["io_ms"] / calls,
        waiting=share_estimate(waiting, running) if running >= LEAST_LOOKS else None,
    )


def plain_sql(text: str) -> str:
    """A statement on one line, without comments and literals: those of ALTER ROLE are not normalised."""
    bare = LITERAL.sub("'…'", COMMENT.sub(" ", text))
    return shown(" ".join(bare.split()))[:LONGEST_TEXT]


def finish_postgres(window: PostgresWindow, server: str, say: ReportProgress) -> PostgresProfile:
    """Read the texts of the statements that ran and the rows of the tables."""
    reader = window.reader
    say("PostgreSQL: reading the statements and tables of the window")
    facts = reader.rows(FACTS, name="pg_database_size", cost="the size of the database is not shown")
    facts = facts or reader.rows(FACTS_LIMITED, name="settings", cost="they are not shown") or [{}]
    statements = None if window.counts[-1] is None else statements_of(window)
    if statements is not None and facts[0].get("io_timing") == "off" and all(s.waiting is None for s in statements):
        what = "it is off, and too few running statements were seen"
        cost = "the load time is not divided into computing and waiting"
        reader.remarks["track_io_timing"] = Remark(name="track_io_timing", what=what, cost=cost)
    if facts[0].get("standby"):
        cost = "its statements are those of the clients that read from it; writes run on the primary"
        reader.remarks["standby"] = Remark(name="standby", what="this is a hot standby", cost=cost)
    return PostgresProfile(
        server=server,
        address=without_password(reader.url),
        database=shown(str(facts[0].get("database", ""))),
        standby=bool(facts[0].get("standby")),
        seconds=window.seconds,
        bytes=facts[0].get("bytes"),
        statements=statements,
        tables=tables_of(window),
        remarks=tuple(reader.remarks.values()),
        statements_sent=reader.statements,
    )


def statements_of(window: PostgresWindow) -> tuple[StatementProfile, ...]:
    """The statements that ran in the window, without our own."""
    grown = window.grown()
    schema = (window.extension or {}).get("schema", "public")
    values = {"ids": list(grown)}
    rows = window.reader.rows(TEXTS.format(schema=schema), values, name="texts", cost="statements have no text")
    texts: dict[int, Any] = {row["queryid"]: row["query"] for row in rows or ()}
    hidden = window.reader.rows(HIDDEN.format(schema=schema), name="hidden", cost="")
    if hidden and hidden[0]["rows"]:
        what = "the statements of other users are hidden from this one (GRANT pg_read_all_stats TO role)"
        window.reader.remarks["statements"] = Remark(name="pg_read_all_stats", what=what, cost="they are not counted")
    found = [
        statement_profile(queryid, texts.get(queryid) or "(its text is hidden)", counts, window)
        for queryid, counts in grown.items()
        if not is_ours(texts.get(queryid) or "")
    ]
    return tuple(sorted(found, key=lambda each: -each.mean_ms.value * each.calls))


def is_ours(text: str) -> bool:
    """Whether a statement is one of this profile, or begins or ends a transaction."""
    plain = " ".join(text.split())
    own = ("set_config", "pg_stat_statements", "pg_stat_user_tables", "pg_stat_activity", "pg_is_in_recovery")
    return plain.upper().startswith(("BEGIN", "COMMIT", "ROLLBACK", "SET ", "SHOW ")) or any(w in plain for w in own)


def tables_of(window: PostgresWindow) -> tuple[TableProfile, ...]:
    """The tables, the most scanned of the window first."""
    before, after = window.tables[0], window.tables[-1]
    ids = {"ids": list(after)}
    more = window.reader.rows(ROWS, ids, name="pg_class", cost="rows and keys of tables are not shown") or ()
    facts = {row["table_id"]: row for row in more}
    found = []
    for table_id, row in after.items():
        first, fact = before.get(table_id, row), facts.get(table_id, {})
        estimated = fact.get("rows", -1.0)
        rows = estimated if estimated > 0 else row["live_rows"] or None
        found.append(
            TableProfile(
                name=row["name"],
                rows=rows,
                key=fact.get("key"),
                scans_per_s=(row["index_scans"] - first["index_scans"]) / window.seconds,
                changes_per_s=(row["changes"] - first["changes"]) / window.seconds,
            )
        )
    return tuple(sorted(found, key=lambda each: -each.scans_per_s))
