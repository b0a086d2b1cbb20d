"""Reads a user's PostgreSQL in short read-only transactions. A missing right costs a remark, not the run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

from stampede.core.errors import StackError
from stampede.core.text.redaction import masked
from stampede.stack.servers import Remark, without_password

STATEMENT_TIMEOUT_MS = 3_000
LOCK_TIMEOUT_MS = 200
LIMITS = f"""
SELECT set_config('transaction_read_only', 'on', true), set_config('statement_timeout', '{STATEMENT_TIMEOUT_MS}', true),
    set_config('lock_timeout', '{LOCK_TIMEOUT_MS}', true)
"""
"""Local to a transaction, so that nothing stays in a session, not even behind a pooler."""

EXTENSION = """
SELECT quote_ident(nspname) AS schema, extversion AS version
FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_stat_statements'
"""
STATEMENTS = """
SELECT queryid, sum(calls)::float8 AS calls, sum(total_exec_time)::float8 AS total_ms,
    sum(calls * (stddev_exec_time ^ 2 + mean_exec_time ^ 2))::float8 AS squares_ms2,
    sum(rows)::float8 AS rows, sum({io})::float8 AS io_ms
FROM {schema}.pg_stat_statements(false)
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND queryid IS NOT NULL
GROUP BY queryid ORDER BY sum(total_exec_time) DESC LIMIT %(most)s
"""
TEXTS = """
SELECT queryid, min(query) AS query FROM {schema}.pg_stat_statements(true)
WHERE queryid = ANY(%(ids)s) AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY queryid
"""
HIDDEN = "SELECT count(*)::int AS rows FROM {schema}.pg_stat_statements(false) WHERE queryid IS NULL"
TABLES = """
SELECT relid::bigint AS table_id, quote_ident(schemaname) || '.' || quote_ident(relname) AS name,
    coalesce(idx_scan, 0)::float8 AS index_scans, seq_scan::float8 AS full_scans,
    (n_tup_upd + n_tup_del)::float8 AS changes, n_tup_ins::float8 AS inserts, n_live_tup::float8 AS live_rows
FROM pg_stat_user_tables ORDER BY coalesce(idx_scan, 0) + seq_scan DESC LIMIT 200
"""
ROWS = """
SELECT c.oid::bigint AS table_id, c.reltuples::float8 AS rows, a.attname AS key
FROM pg_class AS c
LEFT JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary AND i.indnkeyatts = 1
LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
WHERE c.oid = ANY(%(ids)s::bigint[]::oid[])
"""
ACTIVITY = """
SELECT query_id, count(*)::int AS running, count(wait_event)::int AS waiting
FROM pg_stat_activity
WHERE state = 'active' AND datname = current_database() AND pid <> pg_backend_pid() AND query_id IS NOT NULL
GROUP BY query_id
"""
FACTS = """
SELECT pg_is_in_recovery() AS standby, current_database() AS database,
    pg_database_size(current_database())::float8 AS bytes, current_setting('track_io_timing') AS io_timing
"""
FACTS_LIMITED = """
SELECT pg_is_in_recovery() AS standby, current_database() AS database, NULL::float8 AS bytes,
    current_setting('track_io_timing') AS io_timing
"""
Row = Mapping[str, Any]


@dataclass
class PostgresReader:
    """One connection in autocommit mode."""

    connection: psycopg.Connection[Any]
    url: str
    remarks: dict[str, Remark] = field(default_factory=dict)
    """What was refused, by its name."""
    statements: int = 0
    """Sent so far, without those that set the limits."""

    def rows(self, sql: str, values: Mapping[str, Any] | None = None, *, name: str, cost: str) -> list[Row] | None:
        """The rows of one statement. None if the server refuses it: a remark then names it and `cost`."""
        self.statements += 1
        try:
            with self.connection.transaction(), self.connection.cursor(row_factory=dict_row) as cursor:
                cursor.execute(LIMITS)
                return list(cursor.execute(sql.encode(), values).fetchall())
        except psycopg.Error as error:
            if self.connection.broken or self.connection.closed:
                shown = without_password(self.url)
                want = f"a PostgreSQL server that continues to answer ({first_of(error, self.url)})"
                raise StackError("postgres", shown, want) from error
            self.remarks[name] = Remark(name=name, what=first_of(error, self.url), cost=cost)
            return None


def first_of(error: psycopg.Error, url: str) -> str:
    """The first line of an error without secrets."""
    return masked((str(error).splitlines() or [type(error).__name__])[0], url)
