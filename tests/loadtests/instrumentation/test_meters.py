"""Meters count the commands that are sent, for the request that sent them, and add the simulated RTT."""

import contextvars
import threading
from collections.abc import Iterable
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from redis.connection import Connection

from stampede.loadtests.appserver.redis_clients import metered_client
from stampede.loadtests.instrumentation.clock import ThreadClock, now_ns
from stampede.loadtests.instrumentation.meters import Meter, MeteredSource, RequestFacts, classify_reply, current_facts
from stampede.patterns.caching.cache_pattern import ClientSettings
from stampede.stack.postgres.source import PostgresSource
from stampede.stack.redis.resp import command_names

argument = st.one_of(st.binary(max_size=40), st.text(max_size=20), st.integers())
command = st.tuples(st.sampled_from(["GET", "SET", "MULTI", "evalsha"]), st.lists(argument, max_size=5))


def pack(commands: Iterable[tuple[Any, ...]]) -> list[bytes]:
    """Commands as redis-py sends them."""
    packed: list[bytes] = Connection().pack_commands(commands)  # type: ignore[no-untyped-call]
    return packed


@given(sent=st.lists(command, min_size=1, max_size=6))
def test_command_names_reads_any_request_that_redis_py_packs(sent: list[tuple[str, list[Any]]]) -> None:
    packed = pack([(name, *arguments) for name, arguments in sent])
    assert command_names(b"".join(packed)) == [name.lower() for name, _ in sent]


def test_command_names_spells_container_commands_as_commandstats_does() -> None:
    packed = pack([("CLIENT", "SETINFO", "LIB-NAME", "x"), ("CONFIG", "GET", "maxmemory")])
    assert command_names(b"".join(packed)) == ["client setinfo", "config get"]


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (None, "none"),
        (b"x", "value"),
        (b"", "value"),
        (0, "value"),
        (b"OK", None),
        (b"QUEUED", None),
        ([None, 1], "none"),
        ([b"x"], "value"),
        ([], "none"),
    ],
)
def test_a_reply_is_a_value_or_none_and_an_acknowledgement_is_neither(reply: object, answer: str | None) -> None:
    assert classify_reply(reply) == answer


def delta(client: redis.Redis, before: dict[str, Any]) -> dict[str, int]:
    """Calls by command since `before`, without INFO."""
    after = client.info("commandstats")
    moved = {name: int(facts["calls"]) - int(before.get(name, {"calls": 0})["calls"]) for name, facts in after.items()}
    return {name.removeprefix("cmdstat_").replace("|", " "): n for name, n in moved.items() if n and name[8:] != "info"}


def test_a_metered_client_counts_every_command_that_the_server_counts(
    redis_client: redis.Redis, redis_url: str, key_prefix: str
) -> None:
    before = redis_client.info("commandstats")
    meter = Meter(ThreadClock())
    client = metered_client(redis_url, ClientSettings(), meter, 4)
    client.set(f"{key_prefix}a", "1")
    client.get(f"{key_prefix}a")
    with client.pipeline(transaction=True) as pipe:
        pipe.get(f"{key_prefix}a")
        pipe.incr(f"{key_prefix}a")
        pipe.execute()
    with client.pipeline(transaction=False) as pipe:
        pipe.get(f"{key_prefix}a")
        pipe.pttl(f"{key_prefix}a")
        pipe.execute()
    with pytest.raises(redis.ResponseError):
        client.lpush(f"{key_prefix}a", "wrong type")
    ours = {name.removeprefix("command."): n for name, n in meter.counts.items()}
    assert ours == delta(redis_client, before)


def test_facts_count_each_command_and_one_round_trip_per_pipeline(redis_url: str, key_prefix: str) -> None:
    client = metered_client(redis_url, ClientSettings(), Meter(ThreadClock()), 4)
    client.ping()
    facts = RequestFacts()
    token = current_facts.set(facts)
    with client.pipeline(transaction=False) as pipe:
        pipe.get(f"{key_prefix}x")
        pipe.get(f"{key_prefix}y")
        pipe.execute()
    client.get(f"{key_prefix}x")
    current_facts.reset(token)
    assert (facts.commands, facts.round_trips, facts.first_cache_reply) == (3, 2, "none")


def test_commands_of_another_thread_are_not_counted_for_this_request(redis_url: str, key_prefix: str) -> None:
    client = metered_client(redis_url, ClientSettings(), Meter(ThreadClock()), 4)
    facts = RequestFacts()
    token = current_facts.set(facts)
    thread = threading.Thread(target=client.get, args=(f"{key_prefix}x",))
    thread.start()
    thread.join()
    current_facts.reset(token)
    assert facts.commands == 0


@pytest.mark.parametrize("rtt_ms", [0, 3])
def test_a_round_trip_takes_its_service_time_plus_the_simulated_rtt(
    redis_url: str, key_prefix: str, rtt_ms: int
) -> None:
    meter = Meter(ThreadClock(), simulated_rtt_ns=rtt_ms * 1_000_000)
    client = metered_client(redis_url, ClientSettings(), meter, 1)
    client.ping()
    facts = RequestFacts()
    token = current_facts.set(facts)
    began_ns = now_ns()
    client.get(f"{key_prefix}x")
    took_ns = now_ns() - began_ns
    current_facts.reset(token)
    assert rtt_ms * 1_000_000 <= facts.simulated_rtt_ns <= took_ns


def in_a_request(facts: RequestFacts, run: Any) -> Any:
    """Run inside a context with these facts."""

    def run_with_facts() -> Any:
        current_facts.set(facts)
        return run()

    return contextvars.copy_context().run(run_with_facts)


def test_a_transactions_commit_is_timed_and_its_version_recorded(source: PostgresSource) -> None:
    meter = Meter(ThreadClock())
    facts = RequestFacts()
    began_ns = now_ns()
    record = in_a_request(
        facts, lambda: MeteredSource(source, meter, "version").update(50, {"name": "a", "email": "b"})
    )
    ended_ns = now_ns()
    assert record is not None
    assert facts.version_written == record["version"]
    assert facts.commit_start_ns is not None
    assert facts.commit_end_ns is not None
    assert began_ns < facts.commit_start_ns < facts.commit_end_ns < ended_ns
    assert facts.round_trips == 3
    assert meter.counts["update"] == 1


def test_a_transaction_that_raises_is_rolled_back_and_has_no_commit(source: PostgresSource) -> None:
    before = source.load(51)
    facts = RequestFacts()

    def fail() -> None:
        with MeteredSource(source, Meter(ThreadClock()), "version").transaction() as tx:
            tx.update(51, {"name": "never", "email": "never"})
            raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"):
        in_a_request(facts, fail)
    assert source.load(51) == before
    assert facts.commit_start_ns is None


def test_loads_are_counted_per_request_and_per_process_and_the_first_one_is_timed(source: PostgresSource) -> None:
    meter = Meter(ThreadClock())
    metered = MeteredSource(source, meter, "version")
    facts = RequestFacts()
    in_a_request(facts, lambda: (metered.load(1), metered.load(2)))
    metered.load(3)
    assert (facts.loads, meter.counts["load"]) == (2, 3)
    assert facts.load_start_ns is not None
    assert facts.load_end_ns is not None
    assert facts.load_start_ns < facts.load_end_ns


def test_a_client_with_default_settings_retries_as_redis_py_does() -> None:
    """ClientSettings() means redis-py's own defaults, so that an outage affects the article's code as in production."""
    ours = metered_client("redis://localhost:1", ClientSettings(), Meter(ThreadClock()), 1)
    theirs = redis.Redis()
    mine, default = (client.connection_pool.connection_kwargs for client in (ours, theirs))
    assert mine["retry"] == default["retry"]
    assert mine["socket_timeout"] == default["socket_timeout"]
