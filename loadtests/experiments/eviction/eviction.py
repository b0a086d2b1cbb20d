"""Experiment eviction: the hit rate of five policies on four sequences of keys, in rounds, compared with the optimum.

Each pair of policy and sequence has a scratch server with `maxmemory` below the working set, so that no other cell and
no user data is disturbed. All pairs of AT_ONCE rounds run at the same time and slowly: Redis' LRU clock has a
resolution of one second, so LRU works only if entries stay for several seconds. Each round draws its keys from a seed
of its own; all policies of a round see the same keys. The servers are emptied between rounds. A script on the server
does what cache-aside does from outside (GET; on a miss SET with a TTL). Requests can thus be sent in batches and are
still executed one after the other. One request of each batch is sent without the script, and its GET is timed.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import redis

from stampede.loadtests.experiments.eviction.belady import optimum_hits
from stampede.loadtests.experiments.eviction.key_sequences import LOOP, POPULAR, SCAN_EVERY, SEQUENCES, SKEW
from stampede.loadtests.experiments.experiment import Experiment, ExperimentConfig, ExperimentRow
from stampede.loadtests.instrumentation.clock import ThreadClock, now_ns
from stampede.stack.providers.scratch_redis import open_scratch_redis

POLICIES = ("noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-ttl")
"""Every entry has a TTL, so volatile-lru, -lfu and -random would do the same as allkeys-lru, -lfu and -random."""
ROUNDS = 8
"""Rounds of both forms: with the comparisons of one sequence, the fewest that Holm's correction allows is seven."""
AT_ONCE = 2
"""Rounds that run at the same time."""
SETTINGS = ("maxmemory-samples", "lfu-log-factor", "lfu-decay-time", "hz")
"""Settings of the server that influence the policies."""

READ_SCRIPT = """
if redis.call('GET', KEYS[1]) then return 'hit' end
local answer = redis.pcall('SET', KEYS[1], string.rep('x', ARGV[1]), 'EX', ARGV[2])
if type(answer) == 'table' and answer.err then
  if string.find(answer.err, 'OOM') then return 'refused' end
  return redis.error_reply(answer.err)
end
return redis.call('DBSIZE')
"""


@dataclass(frozen=True, kw_only=True)
class EvictionSize:
    """The size of the experiment."""

    room: int
    """About how many entries fit into maxmemory. The number that was held is counted."""
    requests: int
    """Per sequence and round."""
    lasts_s: float
    """The time over which the requests of a round are spread, if the machine is fast enough."""
    rounds: int = ROUNDS
    batch: int = 20
    value_bytes: int = 500
    ttl_s: int = 3600


FULL = EvictionSize(room=900, requests=4_000, lasts_s=15, batch=40)
SMALL = EvictionSize(room=500, requests=2_500, lasts_s=9, batch=50)


def run(config: ExperimentConfig) -> Iterator[ExperimentRow]:
    """Counts of every policy on every sequence in every round."""
    size = SMALL if config.small else FULL
    whole_s = size.rounds / AT_ONCE * size.lasts_s + 5
    config.say(f"eviction: {len(POLICIES)} policies on {len(SEQUENCES)} sequences, about {whole_s:.0f} s")
    yield from measure(config, size)


def measure(config: ExperimentConfig, size: EvictionSize) -> Iterator[ExperimentRow]:
    """Run the experiment at the given size."""
    pairs = [(policy, name) for policy in POLICIES for name in SEQUENCES]
    with ExitStack() as opened:
        servers = opened.enter_context(open_scratch_redis(len(pairs) * min(AT_ONCE, size.rounds)))
        clients = [opened.enter_context(redis.Redis.from_url(server.url)) for server in servers]
        config.settings.update(
            server=str(servers[0]),
            zipf_skew=SKEW,
            popular_keys=POPULAR * size.room,
            requests_between_scans=SCAN_EVERY * size.room,
            loop_keys=round(LOOP * size.room),
            **asdict(size),
            **reported_settings(clients[0]),
        )
        for first in range(1, size.rounds + 1, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, size.rounds + 1))
            sequences = {number: draw_sequences(config.seed, number, size) for number in numbers}
            each = [(number, *pair) for number in numbers for pair in pairs]
            caches = [
                EvictionCache(client, policy, name, size, number)
                for client, (number, policy, name) in zip(clients, each, strict=False)
            ]
            elapsed_s = send_sequences(caches, sequences, size)
            for cache in caches:
                yield from cache.rows(sequences[cache.round][cache.sequence], elapsed_s)


def draw_sequences(seed: int, round_number: int, size: EvictionSize) -> dict[str, list[int]]:
    """The keys of every sequence in a round."""
    return {
        name: draw(size.requests, size.room, np.random.default_rng([seed, round_number, number]))
        for number, (name, draw) in enumerate(SEQUENCES.items())
    }


def reported_settings(client: redis.Redis) -> dict[str, Any]:
    """The settings of a server that influence the policies."""
    return {name: client.config_get(name).get(name) for name in SETTINGS}


def send_sequences(
    caches: Sequence["EvictionCache"], sequences: Mapping[int, Mapping[str, list[int]]], size: EvictionSize
) -> float:
    """Send each sequence to its caches, all at the same pace. Returns the duration in seconds."""
    clock, began_ns = ThreadClock(), now_ns()
    for begin in range(0, size.requests, size.batch):
        clock.wait_until(began_ns + round(begin / size.requests * size.lasts_s * 1e9))
        for cache in caches:
            cache.read(begin, sequences[cache.round][cache.sequence][begin : begin + size.batch])
    return (now_ns() - began_ns) / 1e9


@dataclass(kw_only=True)
class CacheCounts:
    """The results of the requests to one cache."""

    counts: Counter[str] = field(default_factory=Counter)
    most_entries: int = 0
    """The largest number of entries. Only these SETs add entries, and the number is read after each one."""
    get_ms: list[tuple[int, float]] = field(default_factory=list)
    """(number of the request, time of its GET) of each request without the script."""


class EvictionCache:
    """One server under one eviction policy, and the results of the requests to it."""

    def __init__(self, client: redis.Redis, policy: str, sequence: str, size: EvictionSize, round_number: int) -> None:
        self.client = client
        self.round = round_number
        self.policy = policy
        self.sequence = sequence
        self.size = size
        self.results = CacheCounts()
        self._script = client.script_load(READ_SCRIPT)
        self._limit()

    def _limit(self) -> None:
        """Empty the server, set maxmemory to its use plus `room` entries, and reset the counters."""
        client, size = self.client, self.size
        client.config_set("maxmemory", 0)
        client.config_set("lazyfree-lazy-user-flush", "no")  # else used_memory still has entries that are being freed
        client.flushall()
        self.read(0, range(size.batch))  # allocates buffers and scripts
        entry_bytes = int(client.memory_usage(self._key(0)) or 0)
        client.flushall()
        self.results = CacheCounts()
        self.maxmemory_bytes = client.info("memory")["used_memory"] + size.room * entry_bytes
        client.config_set("maxmemory-policy", self.policy)
        client.config_set("maxmemory", self.maxmemory_bytes)
        self._before = client.info("stats")

    def read(self, number: int, keys: Sequence[int]) -> None:
        """Send requests in order: the first without the script and with its GET timed, the others in one round trip."""
        first, *others = keys
        self._read_without_script(number, first)
        with self.client.pipeline(transaction=False) as pipeline:
            for key in others:
                pipeline.evalsha(self._script, 1, self._key(key), self.size.value_bytes, self.size.ttl_s)
            for answer in pipeline.execute():
                self._count(answer)

    def _read_without_script(self, number: int, key: int) -> None:
        began_ns = time.perf_counter_ns()
        found = self.client.get(self._key(key))
        self.results.get_ms.append((number, (time.perf_counter_ns() - began_ns) / 1e6))
        if found is not None:
            self._count(b"hit")
            return
        try:
            self.client.set(self._key(key), "x" * self.size.value_bytes, ex=self.size.ttl_s)
        except redis.exceptions.OutOfMemoryError:
            self._count(b"refused")
        else:
            self._count(self.client.dbsize())

    def _count(self, answer: bytes | int) -> None:
        outcome = answer.decode() if isinstance(answer, bytes) else "filled"
        self.results.counts[outcome] += 1
        if isinstance(answer, int):
            self.results.most_entries = max(self.results.most_entries, answer)

    @staticmethod
    def _key(key: int) -> str:
        return f"user:{key}"

    def rows(self, keys: Sequence[int], elapsed_s: float) -> Iterator[ExperimentRow]:
        """The counts, and the hits of the best policy with the largest number of entries that was held."""
        memory, stats, results = self.client.info("memory"), self.client.info("stats"), self.results
        facts = {
            "requests": (sum(results.counts.values()), "1"),
            "hits": (results.counts["hit"], "1"),
            "refused": (results.counts["refused"], "1"),
            "most_entries": (results.most_entries, "1"),
            "optimum_hits": (optimum_hits(keys, results.most_entries), "1"),
            "redis_hits": (stats["keyspace_hits"] - self._before["keyspace_hits"], "1"),
            "evictions": (stats["evicted_keys"] - self._before["evicted_keys"], "1"),
            "expiries": (stats["expired_keys"] - self._before["expired_keys"], "1"),
            "used_memory": (memory["used_memory"], "bytes"),
            "maxmemory": (self.maxmemory_bytes, "bytes"),
            "elapsed": (elapsed_s, "s"),
        }
        for name, (value, unit) in facts.items():
            yield ExperimentRow(self.policy, self.round, self.sequence, None, name, float(value), unit)
        for number, took_ms in results.get_ms:
            yield ExperimentRow(self.policy, self.round, self.sequence, float(number), "get", took_ms, "ms")


EXPERIMENT = Experiment(
    name="eviction",
    question="Which eviction policy keeps the entries that will be read again?",
    application="a cache that is smaller than the working set",
    expectation="LFU leads on skewed keys, scans hurt LRU more than LFU, a loop defeats LRU, none beats the optimum",
    run=run,
    once_s=65.0,
    small_once_s=40.0,
)
