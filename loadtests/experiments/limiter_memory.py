"""Experiment limiter-memory: one subject calls up to its limit, then the memory of its keys is measured."""

import time
from collections.abc import Iterator

import redis

from stampede.loadtests.experiments.experiment import Experiment, ExperimentConfig, ExperimentRow
from stampede.patterns.contender_registry import limiters
from stampede.stack.server_counters import delete_keys

LIMITS = (10, 100, 1_000, 10_000)
SMALL = (10, 100, 1_000)
WINDOW_S = 3600.0
"""Longer than the experiment, so that no entry of a log expires during it."""


def run(config: ExperimentConfig) -> Iterator[ExperimentRow]:
    """Bytes by MEMORY USAGE over all elements, and the number of admitted calls. Counted once."""
    limits = SMALL if config.small else LIMITS
    config.settings.update(server=str(config.stack.redis), window_s=WINDOW_S, limits=list(limits))
    config.say(f"limiter-memory: one subject at its limit, up to {limits[-1]:,} calls")
    with redis.Redis.from_url(config.stack.redis.url) as client:
        for name, found in limiters().items():
            for limit in limits:
                prefix = f"{config.stack.key_prefix}limiter-memory:{name}:{limit}:"
                try:
                    limiter_config = found.limiter.config_type(limit=limit, window_s=WINDOW_S, key_prefix=prefix)
                    limiter = found.limiter(client, limiter_config, time.time)
                    admitted = sum(limiter.hit("subject").allowed for _ in range(limit))
                    yield ExperimentRow(name, 1, "", limit, "admitted", admitted, "1")
                    yield ExperimentRow(name, 1, "", limit, "key_bytes", memory_bytes(client, prefix), "bytes")
                finally:
                    delete_keys(client, prefix)


def memory_bytes(client: redis.Redis, prefix: str) -> float:
    """Bytes of all keys with the prefix."""
    sizes = [client.memory_usage(key, samples=0) for key in client.scan_iter(match=f"{prefix}*", count=1000)]
    return float(sum(size or 0 for size in sizes))


EXPERIMENT = Experiment(
    name="limiter-memory",
    question="How much memory does a subject's state take in Redis at a large limit?",
    application="a quota of thousands of calls an hour, for each of many users",
    expectation="a counter or an instant takes the same at any limit; a log grows with every call of the window",
    run=run,
    once_s=20.0,
    small_once_s=3.0,
)
