"""Experiment serializer-cost, a short form of `make serializers`: JSON and MessagePack by the size of the object.

As in the article, lists of user rows (dicts) go through plain json and msgpack: fresh objects, distinct buffers, blocks
in random order. `make serializers` measures all serializers, and also their fidelity and sizes.
"""

import random
from collections.abc import Iterator

from stampede.loadtests.experiments.experiment import Experiment, ExperimentConfig, ExperimentRow
from stampede.loadtests.serializers.timed_tasks import list_bytes, list_tasks
from stampede.loadtests.serializers.timing import run_block

ROWS = (1, 4, 16, 64, 256, 512, 1024, 2048)
"""Rows in a list: from one record of 200 bytes up to about 350 KB."""
BLOCK_NS = 5_000_000
CALLS = {"json.dumps": "JSON", "json.loads": "JSON", "msgpack.packb": "MessagePack", "msgpack.unpackb": "MessagePack"}
"""The timed tasks, and the variant of each."""


def run(config: ExperimentConfig) -> Iterator[ExperimentRow]:
    """Milliseconds per object in every round: the CPU time of a block's calls, divided by their number."""
    config.settings.update(rows=list(ROWS), block_ms=BLOCK_NS / 1e6)
    config.say(f"serializer-cost: {config.rounds} rounds of JSON and MessagePack on lists of 1 to {ROWS[-1]} rows")
    tasks = [(rows, task) for rows in ROWS for task in list_tasks(rows, {}) if task.contender in CALLS]
    for rows in ROWS:
        size = list_bytes(rows)
        yield ExperimentRow("JSON", 1, "", float(rows), "size", sum(map(len, size)) / len(size), "bytes")
    rng = random.Random(config.seed)
    for number in range(1, config.rounds + 1):
        for rows, task in rng.sample(tasks, len(tasks)):
            batches = run_block(task, number, 0, BLOCK_NS)
            spent_ns, calls = sum(batch[7] or 0 for batch in batches), sum(batch[5] for batch in batches)
            yield ExperimentRow(
                CALLS[task.contender], number, task.operation, float(rows), "object", spent_ns / calls / 1e6, "ms"
            )


EXPERIMENT = Experiment(
    name="serializer-cost",
    question="How long does it take to write or read an object as JSON, and as MessagePack?",
    application="every object that is written to a cache and read from it",
    expectation="both grow with the object's size: 0.1 ms at a few KB, 1 ms at tens of KB",
    run=run,
    once_s=2.0,
    small_once_s=2.0,
    round_s=0.5,
)
