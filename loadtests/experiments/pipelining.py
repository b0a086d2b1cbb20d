"""Pipelining: N reads one by one, in one pipeline, and by MGET: from how many reads on does which way pay?

In each round every N is read in every way at every distance, in random order. The distance is simulated, as everywhere:
half before a round trip, half after, once a pipeline.
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
from stampede.stack.server_counters import forget_keys

READS = (1, 2, 3, 5, 10, 20, 50, 100)
DISTANCES_MS = (0.0, 0.5)
REPEATS = 5
"""Batches of one kind in a row; a round's figure is their median."""
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


def run(order: ExperimentConfig) -> Iterator[ExperimentRow]:
    """The time of a batch, in every round."""
    order.settings.update(
        server=str(order.stack.redis), value_bytes=VALUE_BYTES, repeats=REPEATS, distances_ms=list(DISTANCES_MS)
    )
    order.say(f"pipelining: {order.rounds} rounds of {len(WAYS)} ways to read 1 to {READS[-1]} keys")
    rng = random.Random(order.seed)
    ruler = Meter(ThreadClock())
    prefix = f"{order.stack.key_prefix}pipelining:"
    keys = [f"{prefix}{number}" for number in range(READS[-1])]
    kinds = list(itertools.product(DISTANCES_MS, READS, WAYS))
    with metered_client(order.stack.redis.url, ClientSettings(), ruler, 1) as client:
        try:
            for key in keys:
                client.set(key, "x" * VALUE_BYTES, ex=3600)
            for read in WAYS.values():  # so that the first round is none's first
                read(client, keys)
            for round_number in range(1, order.rounds + 1):
                for distance_ms, reads, way in rng.sample(kinds, len(kinds)):
                    ruler.simulated_rtt_ns = round(distance_ms * 1e6)
                    yield from batch(client, way, keys[:reads], round_number, distance_ms)
        finally:
            ruler.simulated_rtt_ns = 0
            forget_keys(client, prefix)


def batch(
    client: redis.Redis, way: str, keys: Sequence[str], round_number: int, distance_ms: float
) -> Iterator[ExperimentRow]:
    """One way to read so many keys, several times: the median time, and the distance that was achieved."""
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
    condition = f"{distance_ms:g} ms"
    achieved_ms = facts.simulated_rtt_ns / facts.round_trips / 1e6
    yield ExperimentRow(way, round_number, condition, float(len(keys)), "batch", statistics.median(took_ms), "ms")
    yield ExperimentRow(way, round_number, condition, float(len(keys)), "distance", achieved_ms, "ms")
    yield ExperimentRow(way, round_number, condition, float(len(keys)), "round_trips", facts.round_trips / REPEATS, "1")


EXPERIMENT = Experiment(
    name="pipelining",
    question="From how many reads on does it pay to send them together?",
    application="a page that needs several cached records: a feed, a basket, a list of search results",
    expectation="one by one costs N round trips, a pipeline and MGET one: the further Redis is, the sooner they pay",
    run=run,
    round_s=1.5,
)
