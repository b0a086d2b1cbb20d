"""Server events around a cell are recorded once, with their amount, and only if something changed."""

import gc
import time

import pytest
import redis

from stampede.loadtests.coordinator.probes.drift_probe import measure_drift, round_edges
from stampede.loadtests.coordinator.probes.server_events import Changes, pause_rows, postgres_counters, redis_counters
from stampede.loadtests.coordinator.probes.server_settings import read_settings, setting_rows
from stampede.loadtests.instrumentation.clock import hub_clock, now_ns
from stampede.loadtests.instrumentation.meters import Meter
from stampede.loadtests.locustfiles.run_config import CellPlan
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.servers import Stack


def test_a_counter_that_grew_is_an_event_with_the_difference_but_the_first_reading_is_none() -> None:
    changes = Changes(7)
    assert changes.read("redis", {"evicted_keys": 5.0, "total_forks": 1.0}, 10) == []
    assert changes.read("redis", {"evicted_keys": 8.0, "total_forks": 1.0, "uptime": 99.0}, 20) == [
        (7, 20, "redis", "evicted_keys", 3.0, "eviction")
    ]
    assert changes.read("redis", {"evicted_keys": 0.0, "total_forks": 1.0}, 30) == []  # the server restarted


def test_a_clock_step_is_an_event_and_a_slew_is_none() -> None:
    changes = Changes(1)
    assert changes.read_clocks(1000.0, 0) == []
    assert changes.read_clocks(1000.2501, 250_000_000) == []
    ((_, at_ns, source, _, step_s, event),) = changes.read_clocks(1002.5, 500_000_000)
    assert (at_ns, source, event) == (500_000_000, "machine", "clock step")
    assert step_s == pytest.approx(1.9999)


def test_forks_and_checkpoints_of_the_real_servers_are_detected(stack: Stack) -> None:
    client = redis.Redis.from_url(stack.redis.url)
    changes = Changes(1)
    with client, connect(stack.postgres.url) as connection:
        changes.read("redis", redis_counters(client.info()), now_ns())
        changes.read("postgres", postgres_counters(connection), now_ns())
        client.bgsave()
        connection.execute("CHECKPOINT")
        deadline = time.monotonic() + 60
        seen: set[object] = set()
        while not {"fork", "checkpoint"} <= seen and time.monotonic() < deadline:
            seen |= {row[5] for row in changes.read("redis", redis_counters(client.info()), now_ns())}
            seen |= {row[5] for row in changes.read("postgres", postgres_counters(connection), now_ns())}
    assert {"fork", "checkpoint"} <= seen


def test_a_setting_that_changes_on_the_real_servers_is_named(stack: Stack) -> None:
    client = redis.Redis.from_url(stack.redis.url)
    with client, connect(stack.postgres.url) as connection:
        before = read_settings(client, connection)
        assert setting_rows(1, before, read_settings(client, connection)) == []
        hz = int(before["redis", "hz"])
        client.config_set("hz", hz + 1)
        connection.execute("SET work_mem = '7MB'")
        try:
            rows = setting_rows(1, before, read_settings(client, connection))
        finally:
            client.config_set("hz", hz)
    assert [(row[2], row[3]) for row in rows] == [("postgres", "setting work_mem"), ("redis", "setting hz")]
    assert rows[1][5] == f"setting changed: {hz} → {hz + 1}"


def test_a_setting_that_cannot_be_read_does_not_count_as_changed() -> None:
    known = {("postgres", "jit"): "off", ("redis", "hz"): "10"}
    assert setting_rows(1, known, {("postgres", "jit"): "off"}) == []


def test_long_garbage_collections_of_the_harness_are_events() -> None:
    meter = Meter(hub_clock())
    meter.watch_gc()
    try:
        kept = [[number] for number in range(400_000)]
        gc.collect()
    finally:
        gc.callbacks.remove(meter._on_gc)
    pauses = meter.take_pauses()
    assert any(generation == 2 for _, generation, _ in pauses)
    assert meter.take_pauses() == []
    assert len(kept) == 400_000
    rows = pause_rows(3, 1, [(100, 2, 5_000_000), (200, 0, 900_000)])
    assert rows == [(3, 100, "process-1", "gc_generation_2_ms", 5.0, "garbage collection")]


def test_the_drift_probe_measures_both_servers_and_a_loop(stack: Stack) -> None:
    with redis.Redis.from_url(stack.redis.url) as client, connect(stack.postgres.url) as connection:
        found = measure_drift(client, connection)
    assert found.keys() == {"ping_us", "select_us", "loop_us"}
    assert all(value > 0 for value in found.values())


def test_the_drift_probe_runs_at_both_ends_of_each_round() -> None:
    cells = [
        CellPlan(id=number, scenario="s", contender="c", round=round_number, seed=1, predecessor=None)
        for number, round_number in enumerate((1, 1, 1, 2, 2, 3), 1)
    ]
    opening, closing = round_edges(cells)
    assert sorted(opening) == [1, 4, 6]
    assert sorted(closing) == [3, 5, 6]
