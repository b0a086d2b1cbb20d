"""Experiment monitor-cost: throughput of plain GET and SET with and without a MONITOR client, paired by round.

With MONITOR, the server writes every command of every client to each MONITOR client. Here, that client is a separate
process on the same machine and only reads. Because MONITOR slows down a busy server, the experiment runs on a user's
server only if the user allows it.
"""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import redis

from stampede.loadtests.experiments.experiment import Experiment, ExperimentConfig, ExperimentRow
from stampede.stack.server_counters import delete_keys

LASTS_S = 0.25
"""Duration of one measurement of the throughput."""
TOGETHER = {"one by one": 1, "50 in a pipeline": 50}
"""One client that waits for each answer hardly loads a server; a pipeline does."""
KEYS = 100
VALUE = "x" * 500


def run(config: ExperimentConfig) -> Iterator[ExperimentRow]:
    """Commands per second, in every round."""
    config.settings.update(
        server=str(config.stack.redis), lasts_s=LASTS_S, value_bytes=len(VALUE), commands="GET and SET in turns"
    )
    config.say(f"monitor-cost: {config.rounds} rounds with and without a MONITOR client")
    rng = random.Random(config.seed)
    prefix = f"{config.stack.key_prefix}monitor-cost:"
    with redis.Redis.from_url(config.stack.redis.url) as client:
        try:
            commands_per_s(client, prefix, 50)  # warm-up, so that the first round is not slower
            for round_number in range(1, config.rounds + 1):
                for monitored in rng.sample((False, True), 2):
                    variant = "with MONITOR" if monitored else "without"
                    with monitor_client(config) if monitored else nullcontext():
                        for sending in rng.sample(list(TOGETHER), len(TOGETHER)):
                            rate = commands_per_s(client, prefix, TOGETHER[sending])
                            yield ExperimentRow(variant, round_number, sending, None, "throughput", rate, "per_s")
        finally:
            delete_keys(client, prefix)


def commands_per_s(client: redis.Redis, prefix: str, together: int) -> float:
    """Answered GETs and SETs per second of one client that sends `together` commands at a time."""
    done = 0
    began_ns = time.perf_counter_ns()
    until_ns = began_ns + round(LASTS_S * 1e9)
    while time.perf_counter_ns() < until_ns:
        if together == 1:
            client.set(f"{prefix}{done % KEYS}", VALUE, ex=3600)
            client.get(f"{prefix}{done % KEYS}")
        else:
            with client.pipeline(transaction=False) as pipeline:
                for number in range(together // 2):
                    pipeline.set(f"{prefix}{number}", VALUE, ex=3600)
                    pipeline.get(f"{prefix}{number}")
                pipeline.execute()
        done += max(2, together)
    return done / ((time.perf_counter_ns() - began_ns) / 1e9)


@contextmanager
def monitor_client(config: ExperimentConfig) -> Iterator[None]:
    """Attach a MONITOR client for the duration of the block."""
    command = [sys.executable, "-P", "-m", "stampede.loadtests.experiments.monitor_client"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        config.stack.register_child(process.pid)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(config.stack.redis.url + "\n")
            process.stdin.flush()
            if process.stdout.readline().strip() != "attached":
                raise RuntimeError("the MONITOR client could not attach")
            yield
        finally:
            process.stdin.close()
            process.wait()


EXPERIMENT = Experiment(
    name="monitor-cost",
    question="How much throughput does MONITOR cost the server that it is attached to?",
    application="MONITOR is attached to a server in production to look for a problem",
    expectation="the server writes every command again for each client: a busy one loses much of its throughput",
    run=run,
    once_s=1.0,
    small_once_s=1.0,
    round_s=1.5,
    needs_our_redis=True,
)
