"""One round of timed calls: every task once, in random order, in a process of its own.

A block is about 10 ms of one task, in batches, each on inputs that no call has touched before. Where a process's memory
lies and how its dicts hash is random: a new process for each round makes that part of the spread, so that another run
does not contradict this one.
"""

import json
import random
import sys
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter_ns, thread_time_ns
from typing import Any

import redis

from stampede.loadtests.serializers.cache_path import HASH, NOBODY, hash_blocks, path_blocks, probe
from stampede.loadtests.serializers.sample_records import kinds
from stampede.loadtests.serializers.timed_tasks import LENGTHS, TWIN, BatchRow, Pool, Task, list_tasks, tasks_of
from stampede.patterns.serialization.schema.records import User
from stampede.patterns.serialization.serializer_registry import Codec, codecs, find_codec

BATCHES = 16
"""About so many in a block."""
FEWEST_BATCHES = 5
MOST_BATCHES = 40
INPUT_BYTES = 1_000_000
"""Most inputs that wait for a batch: what was just made is still near the processor, as in a service."""
BUDGET_NS = 8_000_000
LIST_BUDGET_NS = 5_000_000
PROBED_ROUNDS = 10


@dataclass(frozen=True, kw_only=True)
class RoundPlan:
    """What is run in a round. It holds a password, so it travels over a pipe."""

    round: int
    seed: int
    redis_url: str
    key_prefix: str
    kinds: tuple[str, ...]
    lengths: tuple[int, ...] = LENGTHS
    targets: tuple[str, ...]
    """Serializers: names of ours, paths of the user's."""
    left_out: tuple[tuple[str, str], ...]
    """(kind, serializer) that cannot be timed, since the record is refused."""
    share: float = 1.0
    """Of a block's full length: below 1 where a slow or busy machine would not end in time."""
    dictionaries: Mapping[str, str]
    """"kind serializer" to base64."""

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def run_round(order: RoundPlan) -> dict[str, list[Any]]:
    """Time everything once: the rows of this round by table. (This process writes no Parquet: it starts faster so.)"""
    rng = random.Random(f"{order.seed}-{order.round}")
    chosen = [find_codec(target) for target in order.targets]
    dictionaries = {(k.split()[0], k.split()[1]): b64decode(v) for k, v in order.dictionaries.items()}
    rows: list[BatchRow] = []
    units: list[str | int] = [*order.kinds, *order.lengths]
    rng.shuffle(units)
    with redis.Redis.from_url(order.redis_url) as client:
        for unit in units:
            if isinstance(unit, int):
                tasks, budget_ns = list_tasks(unit, dictionaries), LIST_BUDGET_NS
            else:
                pool, able = Pool(kinds()[unit]), carried(order, chosen, unit)
                tasks, budget_ns = tasks_of(pool, able, dictionaries), BUDGET_NS
            rng.shuffle(tasks)
            for block, task in enumerate(tasks):
                rows += run_block(task, order.round, block, round(order.share * budget_ns))
            if not isinstance(unit, int) and pool.kind.text == "ascii":
                rows += through_redis(order, client, pool, able, rng)
        probed = order.round <= PROBED_ROUNDS and "page" in order.kinds
        return {"batches": rows, "probes": probes(order, client, chosen, rng) if probed else []}


def carried(order: RoundPlan, chosen: list[Codec], kind: str) -> list[Codec]:
    return [codec for codec in chosen if (kind, codec.name) not in set(map(tuple, order.left_out))]


def with_twin(able: list[Codec]) -> list[Codec]:
    return [*able, Codec(name=TWIN, serializer=codecs()["json"].serializer)]


def through_redis(
    order: RoundPlan, client: redis.Redis, pool: Pool, able: list[Codec], rng: random.Random
) -> list[BatchRow]:
    rows: list[BatchRow] = []
    contender_specs: list[Codec | None] = [*with_twin(able)]
    if pool.kind.record_type is User:
        contender_specs.append(None)
    rng.shuffle(contender_specs)
    for block, codec in enumerate(contender_specs):
        key = f"{order.key_prefix}serializers:{pool.kind.name}:{HASH if codec is None else codec.name}:"
        if codec is None:
            rows += hash_blocks(client, key, pool, order.round, block)
        else:
            serializer = codec.serializer.for_type(pool.kind.record_type)
            rows += path_blocks(client, key, pool, codec.name, serializer, order.round, block)
    return rows


def probes(
    order: RoundPlan, client: redis.Redis, chosen: list[Codec], rng: random.Random
) -> list[tuple[int, str, int]]:
    pool = Pool(kinds()["page"])
    serializers: dict[str, Any] = {NOBODY: None}
    for codec in with_twin(carried(order, chosen, "page")):
        serializers[codec.name] = codec.serializer.for_type(pool.kind.record_type)
    names = list(serializers)
    rng.shuffle(names)
    key = f"{order.key_prefix}serializers:probe"
    return [(order.round, name, ns) for name in names for ns in probe(client, key, pool, serializers[name])]


def run_block(task: Task, round_: int, block: int, budget_ns: int) -> list[BatchRow]:
    """Warm up, then batches until the timed calls add up to the budget."""
    call, prepare = task.call, task.prepare
    most = max(1, INPUT_BYTES // (4 * task.input_bytes))
    calls = warm_up(call, prepare, most, budget_ns // BATCHES)
    rows: list[BatchRow] = []
    spent = 0
    while len(rows) < MOST_BATCHES and (spent < budget_ns or len(rows) < FEWEST_BATCHES):
        elapsed, cpu = timed(call, prepare(calls))
        spent += cpu
        rows.append((round_, block, task.record, task.contender, task.operation, calls, elapsed, cpu))
    return rows


def warm_up(call: Callable[[Any], Any], prepare: Callable[[int], Sequence[Any]], most: int, batch_ns: int) -> int:
    """Call until the interpreter has settled; how many calls fill a batch."""
    calls = 1
    while True:
        _, elapsed = timed(call, prepare(calls))
        if calls >= most or elapsed >= batch_ns // 5:
            return max(1, min(most, round(calls * batch_ns / max(elapsed, 1))))
        calls = min(most, 8 * calls)


def timed(call: Callable[[Any], Any], inputs: Sequence[Any]) -> tuple[int, int]:
    """Nanoseconds that passed, and those that this thread had a processor, for one call on each input.

    The second does not grow when others want the same core. The loop itself is in it: see the empty call's row.
    """
    begin, begin_cpu = perf_counter_ns(), thread_time_ns()
    for one in inputs:
        call(one)
    return perf_counter_ns() - begin, thread_time_ns() - begin_cpu


if __name__ == "__main__":
    print(json.dumps(run_round(RoundPlan(**json.loads(sys.stdin.read())))))
