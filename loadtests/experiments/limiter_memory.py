"""What a rate limiter's state takes: one subject calls until its limit is reached, then its keys are weighed."""

import time
from collections.abc import Iterator

import redis

from stampede.loadtests.experiments.experiment import Experiment, ExperimentConfig, ExperimentRow
from stampede.patterns.contender_registry import limiters
from stampede.stack.server_counters import forget_keys

LIMITS = (10, 100, 1_000, 10_000)
SMALL = (10, 100, 1_000)
WINDOW_S = 3600.0
"""Longer than the experiment: nothing leaves a log meanwhile."""


def run(order: ExperimentConfig) -> Iterator[ExperimentRow]:
    """Bytes by MEMORY USAGE with every element weighed, and how many of the calls were admitted; counted once."""
    limits = SMALL if order.small else LIMITS
    order.settings.update(server=str(order.stack.redis), window_s=WINDOW_S, limits=list(limits))
    order.say(f"limiter-memory: one subject at its limit, up to {limits[-1]:,} calls")
    with redis.Redis.from_url(order.stack.redis.url) as client:
        for name, found in limiters().items():
            for limit in limits:
                prefix = f"{order.stack.key_prefix}limiter-memory:{name}:{limit}:"
                try:
                    config = found.limiter.config_type(limit=limit, window_s=WINDOW_S, key_prefix=prefix)
                    limiter = found.limiter(client, config, time.time)
                    admitted = sum(limiter.hit("subject").allowed for _ in range(limit))
                    yield ExperimentRow(name, 1, "", limit, "admitted", admitted, "1")
                    yield ExperimentRow(name, 1, "", limit, "key_bytes", weight(client, prefix), "bytes")
                finally:
                    forget_keys(client, prefix)


def weight(client: redis.Redis, prefix: str) -> float:
    """All keys below the prefix."""
    sizes = [client.memory_usage(key, samples=0) for key in client.scan_iter(match=f"{prefix}*", count=1000)]
    return float(sum(size or 0 for size in sizes))


EXPERIMENT = Experiment(
    name="limiter-memory",
    question="What does a subject's state take in Redis at a large limit?",
    application="a quota of thousands of calls an hour, for each of many users",
    expectation="a counter or an instant takes the same at any limit; a log grows with every call of the window",
    run=run,
    once_s=20.0,
    small_once_s=3.0,
)
