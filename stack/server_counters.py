"""Reads the servers' own counters, for the cost of a cell: name → (value, unit).

They are read before and after a cell and subtracted. No counter is ever reset: that would affect the whole server.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import redis
from psycopg.rows import dict_row

Counters = dict[str, tuple[float, str]]

SECTIONS = ("stats", "memory", "cpu", "clients")
UNIT_OF_ENDING = {
    "_bytes": "bytes",
    "_usec": "us",
    "_us": "us",
    "duration_sum": "us",
    "duration_cmd_sum": "us",
    "_milliseconds": "ms",
    "_ratio": "1",
}
BYTES = ("used_memory", "maxmemory", "total_system_memory", "allocator_", "mem_", "lazyfree_", "total_net_")


def read_redis_counters(client: redis.Redis) -> Counters:
    """The numbers of INFO, under the server's own names.

    `command.<name>` counts calls (a subcommand follows after a space: `command.client setinfo`); each command also has
    `command.<name>.usec`, `.rejected` and `.failed`. The others are `stats.<field>`, `memory.<field>`, `cpu.<field>`,
    `clients.<field>` and `keyspace.<db>.<field>`. Reading costs one pipeline of INFO commands, which `command.info`
    counts. Empty if the user may not read INFO.
    """
    counters: Counters = {}
    with client.pipeline(transaction=False) as pipeline:
        for section in ("commandstats", "keyspace", *SECTIONS):
            pipeline.info(section)
        try:
            commands, keyspace, *sections = pipeline.execute()
        except redis.exceptions.NoPermissionError:
            return {}
    for name, facts in commands.items():
        command = f"command.{name.removeprefix('cmdstat_').replace('|', ' ')}"
        counters[command] = (float(facts["calls"]), "calls")
        counters[f"{command}.usec"] = (float(facts["usec"]), "us")
        counters[f"{command}.rejected"] = (float(facts.get("rejected_calls", 0)), "calls")
        counters[f"{command}.failed"] = (float(facts.get("failed_calls", 0)), "calls")
    for database, facts in keyspace.items():
        counters |= {f"keyspace.{database}.{name}": (float(value), "1") for name, value in numbers(facts).items()}
    for section, facts in zip(SECTIONS, sections, strict=True):
        counters |= {f"{section}.{name}": (value, unit(section, name)) for name, value in numbers(facts).items()}
    return counters


def numbers(facts: Mapping[str, Any]) -> dict[str, float]:
    """The values that are numbers. Instantaneous rates are left out: the server averages them over another interval."""
    return {
        name: float(value)
        for name, value in facts.items()
        if isinstance(value, int | float) and not name.startswith("instantaneous_")
    }


def unit(section: str, name: str) -> str:
    if section == "cpu":
        return "s"
    for ending, found in UNIT_OF_ENDING.items():
        if name.endswith(ending):
            return found
    return "bytes" if name.startswith(BYTES) else "1"


STATEMENTS = """
SELECT queryid, sum(calls) AS calls, sum(total_exec_time) AS exec_ms, sum(rows) AS rows,
    sum(shared_blks_hit) AS blocks_hit, sum(shared_blks_read) AS blocks_read
FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY queryid
"""
STATEMENT_UNITS = {"calls": "calls", "exec_ms": "ms", "rows": "1", "blocks_hit": "blocks", "blocks_read": "blocks"}

DATABASE = """
SELECT numbackends, xact_commit, xact_rollback, blks_read, blks_hit, tup_returned, tup_fetched, tup_inserted,
    tup_updated, tup_deleted, conflicts, deadlocks, temp_files, temp_bytes
FROM pg_stat_database WHERE datname = current_database()
"""
TABLES = """
SELECT coalesce(sum(autovacuum_count), 0) AS autovacuum, coalesce(sum(autoanalyze_count), 0) AS autoanalyze,
    coalesce(sum(n_dead_tup), 0) AS dead_rows
FROM pg_stat_user_tables
"""
CHECKPOINTS = "SELECT num_timed AS timed, num_requested AS requested, buffers_written FROM pg_stat_checkpointer"
CHECKPOINTS_BEFORE_17 = """
SELECT checkpoints_timed AS timed, checkpoints_req AS requested, buffers_checkpoint AS buffers_written
FROM pg_stat_bgwriter
"""


CONTROL = r"""
SELECT coalesce(sum(calls), 0) AS calls FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (query ~* '^\s*(begin|start|commit|end|rollback|abort|savepoint|release|set|reset|show|discard|deallocate)\M'
        OR query ~* '\mpg_(stat_\w+|settings)\M')
"""
"""Statements that control transactions and sessions, which a driver or an ORM sends around the statements proper, and
those that read the server's statistics, as the suite does."""


def read_postgres_counters(
    connection: psycopg.Connection[Any], statement_ids: Mapping[str, int], *, control: bool = False
) -> Counters:
    """The counters of the database. `statement_ids`: from `stack.postgres.source.statement_ids_by_query`.

    `statement.<load|update|create>.<calls|exec_ms|rows|blocks_hit|blocks_read>` for the statements whose queryid is
    given (of several queries the sum, and each as `query.<name>.load.calls`), `statement.other.calls` for all other
    statements in this database, `database.<column>` from pg_stat_database, `checkpoints.…` and `tables.…`. With
    `control` also `statement.control.calls`, those of the other statements that load no records. Without
    pg_stat_statements the first two are absent. The counts in pg_stat_database lag until each session has reported its
    own (see PostgresSource.flush_statistics). Expects autocommit.
    """
    counters: Counters = {}
    with connection.cursor(row_factory=dict_row) as cursor:
        if has_statements(connection):
            by_id = {row["queryid"]: row for row in cursor.execute(STATEMENTS)}
            ids = list(statement_ids.values())
            for name, queryid in statement_ids.items():
                row = by_id.pop(queryid, {})
                for column, column_unit in STATEMENT_UNITS.items():
                    value = float(row.get(column, 0))
                    operation, _, query = name.partition("@")
                    if query and ids.count(queryid) == 1:  # queries with the same statement have one count
                        counters[f"query.{query}.{operation}.{column}"] = (value, column_unit)
                    total = f"statement.{operation}.{column}"
                    counters[total] = (value + counters.get(total, (0.0, ""))[0], column_unit)
            counters["statement.other.calls"] = (float(sum(row["calls"] for row in by_id.values())), "calls")
            if control:
                row = cursor.execute(CONTROL).fetchone() or {}
                counters["statement.control.calls"] = (float(row["calls"]), "calls")
        if connection.info.server_version >= 150000:
            cursor.execute("SELECT pg_stat_force_next_flush()")
        checkpoints = CHECKPOINTS if connection.info.server_version >= 170000 else CHECKPOINTS_BEFORE_17
        for group, sql in (("database", DATABASE), ("tables", TABLES), ("checkpoints", checkpoints)):
            row = cursor.execute(sql).fetchone() or {}
            for name, value in row.items():
                counters[f"{group}.{name}"] = (float(value), "bytes" if name.endswith("_bytes") else "1")
    return counters


def has_statements(connection: psycopg.Connection[Any]) -> bool:
    """Whether pg_stat_statements is installed and may be read completely."""
    try:
        connection.execute("SELECT FROM pg_stat_statements LIMIT 1")
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.ObjectNotInPrerequisiteState,
        psycopg.errors.InsufficientPrivilege,
    ):
        return False
    return True


KEYS_AT_ONCE = 500


def keys_pattern(prefix: str) -> str:
    """The SCAN pattern that matches all keys with the prefix."""
    return "".join(f"\\{sign}" if sign in "*?[]\\^-" else sign for sign in prefix) + "*"


def count_remaining_keys(client: redis.Redis, prefix: str, records: Sequence[re.Pattern[bytes]]) -> Counters:
    """The keys with the prefix now: their number, the number of distinct records in their names, and their bytes.

    `records`: patterns that find a record in a key's name.
    """
    keys = list(client.scan_iter(match=keys_pattern(prefix), count=KEYS_AT_ONCE))
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.memory_usage(key)
    sizes = [float(size) for size in pipeline.execute() if size is not None]
    named = {(kind, found[1]) for key in keys for kind, each in enumerate(records) if (found := each.search(key))}
    return {
        "left.keys": (float(len(sizes)), "1"),
        "left.records": (float(len(named)), "1"),
        "left.bytes": (sum(sizes), "bytes"),
    }


def delete_keys(client: redis.Redis, prefix: str) -> int:
    """Delete every key with the prefix and no other. Returns their number. Never FLUSH: the server may be shared."""
    pattern = keys_pattern(prefix)
    removed, batch = 0, []
    for key in client.scan_iter(match=pattern, count=KEYS_AT_ONCE):
        batch.append(key)
        if len(batch) == KEYS_AT_ONCE:
            removed += int(client.unlink(*batch))
            batch = []
    return removed + (int(client.unlink(*batch)) if batch else 0)
