"""The servers' own counts equal the number of requests exactly."""

import psycopg
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from stampede.stack.postgres.load_cost import MAX_GROWTH, calibrate, corrected, split
from stampede.stack.postgres.source import PostgresSource, default_statements, open_pool, statement_ids
from stampede.stack.server_counters import Counters, read_postgres_counters, read_redis_counters


def grown(before: Counters, after: Counters, name: str) -> float:
    return after[name][0] - before.get(name, (0.0, ""))[0]


def test_redis_counts_every_command_by_name(redis_client: redis.Redis, key_prefix: str) -> None:
    before = read_redis_counters(redis_client)
    for n in range(7):
        redis_client.set(f"{key_prefix}{n}", n, ex=60)
    with redis_client.pipeline(transaction=False) as pipeline:
        for n in range(9):
            pipeline.get(f"{key_prefix}{n}")
        pipeline.execute()
    after = read_redis_counters(redis_client)
    assert grown(before, after, "command.set") == 7
    assert grown(before, after, "command.get") == 9
    assert grown(before, after, "stats.keyspace_hits") == 7
    assert grown(before, after, "stats.keyspace_misses") == 2
    assert "command.client setinfo" in after
    assert grown(before, after, "keyspace.db0.expires") == 7


def test_redis_counts_rejected_and_failed_calls_separately(redis_client: redis.Redis, key_prefix: str) -> None:
    redis_client.set(f"{key_prefix}text", "x")
    before = read_redis_counters(redis_client)
    for wrong in (("INCR",), ("INCR", f"{key_prefix}text")):
        with pytest.raises(redis.ResponseError):
            redis_client.execute_command(*wrong)  # type: ignore[no-untyped-call]
    after = read_redis_counters(redis_client)
    assert grown(before, after, "command.incr.rejected") == 1
    assert grown(before, after, "command.incr.failed") == 1


def test_postgres_counts_loads_separately_from_other_statements(source: PostgresSource, postgres_url: str) -> None:
    with source.pool.connection() as connection:
        ids = statement_ids(connection, source.statements)
    with psycopg.connect(postgres_url, autocommit=True) as sampler:
        before = read_postgres_counters(sampler, ids)
        for record_id in range(1, 12):
            source.load(record_id)
        source.update(1, {"name": "x"})
        source.flush_statistics()
        after = read_postgres_counters(sampler, ids)
    assert grown(before, after, "statement.load.calls") == 11
    assert grown(before, after, "statement.load.rows") == 11
    assert grown(before, after, "statement.update.calls") == 1
    assert grown(before, after, "statement.create.calls") == 0
    assert grown(before, after, "statement.load.blocks_hit") + grown(before, after, "statement.load.blocks_read") > 0
    assert grown(before, after, "database.xact_commit") >= 12


def test_a_calibrated_load_reads_orders_and_returns_the_same_record(source: PostgresSource, postgres_url: str) -> None:
    found = calibrate(postgres_url, cpu_ms=0.5, wait_ms=1)
    assert found.cpu_rows > 0
    costly = default_statements(found.cpu_rows, 1, found.cpu_laps)
    with (
        open_pool(postgres_url, 1, costly.session) as pool,
        psycopg.connect(postgres_url, autocommit=True) as sampler,
        pool.connection() as connection,
    ):
        ids = statement_ids(connection, costly)
        plain = PostgresSource(source.pool, default_statements(0, 0))

        def blocks(reader: PostgresSource) -> float:
            before = read_postgres_counters(sampler, ids)
            reader.load(5)
            after = read_postgres_counters(sampler, ids)
            return grown(before, after, "statement.load.blocks_hit")

        assert plain.load(5) == PostgresSource(source.pool, costly).load(5)
        assert blocks(PostgresSource(source.pool, costly)) > blocks(plain) > 0


@given(total=st.floats(min_value=1, max_value=1e8), orders=st.integers(min_value=1, max_value=1_000_000))
def test_laps_over_the_table_add_up_to_the_needed_rows(total: float, orders: int) -> None:
    rows, laps = split(total, orders)
    assert 1 <= rows <= orders
    assert abs(rows * laps - total) <= laps / 2 + 1


@given(rows=st.integers(1, 1_000_000), spent_ms=st.floats(-100, 1_000), wanted_ms=st.floats(0.01, 1_000))
def test_after_a_trial_that_seems_to_cost_nothing_the_rows_grow_within_a_bound(
    rows: int, spent_ms: float, wanted_ms: float
) -> None:
    """On a busy machine an empty load may take longer than one with rows."""
    found = corrected(rows, spent_ms, wanted_ms)
    assert 0 < found <= MAX_GROWTH * rows
    if spent_ms >= wanted_ms / MAX_GROWTH:
        assert abs(found * spent_ms / wanted_ms - rows) <= 1e-6 * rows
