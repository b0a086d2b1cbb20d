"""Experiment pipelining: the time of N reads one by one, in one pipeline, and by MGET.

Each round measures every N in every way at every simulated RTT, in random order. The RTT is simulated as in a bench:
half before a round trip and half after it, once per pipeline.
"""

import itertools
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import redis

from stampede.loadtests.appserver.redis_clients import metered_client
from stampede.loadtests.experiments.experiment import Experiment, ExperimentConfig, ExperimentRow
from stampede.loadtests.instrumentation.clock import ThreadClock
from stampede.loadtests.instrumentation.meters import Meter, RequestFacts, current_facts
from stampede.patterns.caching.cache_pattern import ClientSettings
from stampede.stack.server_counters import delete_keys

READS = (1, 2, 3, 5, 10, 20, 50, 100)
RTTS_MS = (0.0, 0.5)
REPEATS = 5
"""Batches of one kind in succession; a round stores their median."""
VALUE_BYTES = 500


def one_by_one(client: redis.Redis, keys: Sequence[str]) -> None:
    for key in keys:
        client.get(key)


def pipelined(client: redis.Redis, keys: Sequence[str]) -> None:
    with client.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.get(key)
        pipeline.execute()


def by_mget(client: redis.Redis, keys: Sequence[str]) -> None:
    client.mget(keys)


Way = Callable[[redis.Redis, Sequence[str]], None]
WAYS: Mapping[str, Way] = {"one by one": one_by_one, "pipelined": pipelined, "MGET": by_mget}


def run(config: ExperimentConfig) -> Iterator[ExperimentRow]:
    """The time of each kind of batch, in every round."""
    config.settings.update(
        server=str(config.stack.redis), value_bytes=VALUE_BYTES, repeats=REPEATS, distances_ms=list(RTTS_MS)
    )
    config.say(f"pipelining: {config.rounds} rounds of {len(WAYS)} ways to read 1 to {READS[-1]} keys")
    rng = random.Random(config.seed)
    meter = Meter(ThreadClock())
    prefix = f"{config.stack.key_prefix}pipelining:"
    keys = [f"{prefix}{number}" for number in range(READS[-1])]
    kinds = list(itertools.product(RTTS_MS, READS, WAYS))
    with metered_client(config.stack.redis.url, ClientSettings(), meter, 1) as client:
        try:
            for key in keys:
                client.set(key, "x" * VALUE_BYTES, ex=3600)
            for read in WAYS.values():  # warm-up, so that the first round is not slower
                read(client, keys)
            for round_number in range(1, config.rounds + 1):
                for rtt_ms, reads, way in rng.sample(kinds, len(kinds)):
                    meter.simulated_rtt_ns = round(rtt_ms * 1e6)
                    yield from batch(client, way, keys[:reads], round_number, rtt_ms)
        finally:
            meter.simulated_rtt_ns = 0
            delete_keys(client, prefix)


def batch(
    client: redis.Redis, way: str, keys: Sequence[str], round_number: int, rtt_ms: float
) -> Iterator[ExperimentRow]:
    """Read the keys in one way, several times: the median time, and the simulated RTT that was achieved."""
    facts = RequestFacts()
    token = current_facts.set(facts)
    took_ms = []
    try:
        for _ in range(REPEATS):
            began_ns = time.perf_counter_ns()
            WAYS[way](client, keys)
            took_ms.append((time.perf_counter_ns() - began_ns) / 1e6)
    finally:
        current_facts.reset(token)
    condition = f"{rtt_ms:g} ms"
    achieved_ms = facts.simulated_rtt_ns / facts.round_trips / 1e6
    yield ExperimentRow(way, round_number, condition, float(len(keys)), "batch", statistics.median(took_ms), "ms")
    yield ExperimentRow(way, round_number, condition, float(len(keys)), "distance", achieved_ms, "ms")
    yield ExperimentRow(way, round_number, condition, float(len(keys)), "round_trips", facts.round_trips / REPEATS, "1")


EXPERIMENT = Experiment(
    name="pipelining",
    question="From how many keys does batching pay off?",
    application="a page that needs several cached records: a feed, a basket, a list of search results",
    expectation="one by one costs N round trips, a pipeline or MGET one: the longer the RTT, the greater the gain",
    run=run,
    round_s=1.5,
)
