"""The price of MONITOR: throughput of plain GET and SET with and without a MONITOR client attached, paired by round.

MONITOR has the server write every command of every client to whoever listens. The listener is a process of its own on
the same machine, and only reads. Nobody should attach one to a busy server without knowing this price, so on a server
of the user's it is measured only when they allow it.
"""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import redis

from stampede.loadtests.experiments.experiment import Experiment, ExperimentConfig, ExperimentRow
from stampede.stack.server_counters import forget_keys

LASTS_S = 0.25
"""Of one look at the throughput."""
TOGETHER = {"one by one": 1, "50 in a pipeline": 50}
"""One waiting client hardly busies a server; a pipeline does."""
KEYS = 100
VALUE = "x" * 500


def run(order: ExperimentConfig) -> Iterator[ExperimentRow]:
    """Commands a second, in every round."""
    order.settings.update(
        server=str(order.stack.redis), lasts_s=LASTS_S, value_bytes=len(VALUE), commands="GET and SET by turns"
    )
    order.say(f"monitor-cost: {order.rounds} rounds with and without a MONITOR client")
    rng = random.Random(order.seed)
    prefix = f"{order.stack.key_prefix}monitor-cost:"
    with redis.Redis.from_url(order.stack.redis.url) as client:
        try:
            commands_per_s(client, prefix, 50)  # so that the first round is none's first
            for round_number in range(1, order.rounds + 1):
                for watched in rng.sample((False, True), 2):
                    variant = "with MONITOR" if watched else "without"
                    with listener(order) if watched else nullcontext():
                        for way in rng.sample(list(TOGETHER), len(TOGETHER)):
                            rate = commands_per_s(client, prefix, TOGETHER[way])
                            yield ExperimentRow(variant, round_number, way, None, "throughput", rate, "per_s")
        finally:
            forget_keys(client, prefix)


def commands_per_s(client: redis.Redis, prefix: str, together: int) -> float:
    """How many GETs and SETs one client gets answered in a second, so many sent at a time."""
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
def listener(order: ExperimentConfig) -> Iterator[None]:
    """A MONITOR client that is attached for the length of the block."""
    command = [sys.executable, "-P", "-m", "stampede.loadtests.experiments.monitor_client"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        order.stack.register_child(process.pid)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(order.stack.redis.url + "\n")
            process.stdin.flush()
            if process.stdout.readline().strip() != "attached":
                raise RuntimeError("the MONITOR client could not attach")
            yield
        finally:
            process.stdin.close()
            process.wait()


EXPERIMENT = Experiment(
    name="monitor-cost",
    question="What does MONITOR cost the server that it is attached to?",
    application="somebody attaches MONITOR in production to see what is going on",
    expectation="the server writes every command once more for each listener: a busy one loses much of its throughput",
    run=run,
    once_s=1.0,
    small_once_s=1.0,
    round_s=1.5,
    needs_our_redis=True,
)
