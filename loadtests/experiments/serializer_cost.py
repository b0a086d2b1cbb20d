"""Serializer cost, the short form of `make serializers`: JSON and MessagePack, an object at a time, by its size.

A list of so many user rows, as dicts, through bare json and msgpack, as the article does it: fresh objects, distinct
buffers, blocks in random order. What survives, what it weighs and all other serializers: `make serializers`.
"""

import random
from collections.abc import Iterator

from stampede.loadtests.experiments.experiment import Experiment, ExperimentConfig, ExperimentRow
from stampede.loadtests.serializers.timed_tasks import list_bytes, list_tasks
from stampede.loadtests.serializers.timing import run_block

ROWS = (1, 4, 16, 64, 256, 512, 1024, 2048)
"""In a list: a record of 200 bytes, up to about 350 KB."""
BLOCK_NS = 5_000_000
CALLS = {"json.dumps": "JSON", "json.loads": "JSON", "msgpack.packb": "MessagePack", "msgpack.unpackb": "MessagePack"}
"""What is timed, by the name of its task."""


def run(order: ExperimentConfig) -> Iterator[ExperimentRow]:
    """Milliseconds an object, in every round: of the block, the CPU time of all its calls over their number."""
    order.settings.update(rows=list(ROWS), block_ms=BLOCK_NS / 1e6)
    order.say(f"serializer-cost: {order.rounds} rounds of JSON and MessagePack on lists of 1 to {ROWS[-1]} rows")
    tasks = [(rows, task) for rows in ROWS for task in list_tasks(rows, {}) if task.contender in CALLS]
    for rows in ROWS:
        size = list_bytes(rows)
        yield ExperimentRow("JSON", 1, "", float(rows), "size", sum(map(len, size)) / len(size), "bytes")
    rng = random.Random(order.seed)
    for number in range(1, order.rounds + 1):
        for rows, task in rng.sample(tasks, len(tasks)):
            batches = run_block(task, number, 0, BLOCK_NS)
            spent_ns, calls = sum(batch[7] or 0 for batch in batches), sum(batch[5] for batch in batches)
            yield ExperimentRow(
                CALLS[task.contender], number, task.operation, float(rows), "object", spent_ns / calls / 1e6, "ms"
            )


EXPERIMENT = Experiment(
    name="serializer-cost",
    question="What does it cost to write or read an object as JSON, and as MessagePack?",
    application="whatever is put into a cache and taken out of it",
    expectation="both grow with the object's size; a hundred microseconds need kilobytes, a millisecond tens of them",
    run=run,
    once_s=2.0,
    small_once_s=2.0,
    round_s=0.5,
)
