"""One round of timed calls: every task once, in random order, in a separate process.

A block is about 10 ms of one task, in batches, each with fresh inputs. Memory layout and hash seeds differ between
processes. A new process for each round includes this variation in the spread, so that results of another run agree.
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

from stampede.loadtests.serializers.cache_path import HASH, NO_ENCODER, hash_blocks, path_blocks, probe
from stampede.loadtests.serializers.sample_records import kinds
from stampede.loadtests.serializers.timed_tasks import (
    AA_COPY,
    LENGTHS,
    BatchRow,
    RecordPool,
    TimedTask,
    list_tasks,
    tasks_of,
)
from stampede.patterns.serialization.schema.records import User
from stampede.patterns.serialization.serializer_registry import NamedSerializer, find_serializer, named_serializers

BATCHES = 16
"""About how many batches a block has."""
FEWEST_BATCHES = 5
MOST_BATCHES = 40
INPUT_BYTES = 1_000_000
"""The most bytes of prepared inputs per batch, so that inputs are still in the CPU's caches, as in a service."""
BUDGET_NS = 8_000_000
LIST_BUDGET_NS = 5_000_000
PROBED_ROUNDS = 10


@dataclass(frozen=True, kw_only=True)
class RoundPlan:
    """The plan of one round. It contains a password, so it is sent over a pipe."""

    round: int
    seed: int
    redis_url: str
    key_prefix: str
    kinds: tuple[str, ...]
    lengths: tuple[int, ...] = LENGTHS
    targets: tuple[str, ...]
    """The serializers: Stampede's by name, the user's by path."""
    refused: tuple[tuple[str, str], ...]
    """Pairs (kind, serializer) that are not timed because the serializer refuses the record."""
    share: float = 1.0
    """Share of a block's full length; below 1 if a slow or busy machine would exceed the time limit."""
    dictionaries: Mapping[str, str]
    """Maps "kind serializer" to the dictionary in base64."""

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def run_round(plan: RoundPlan) -> dict[str, list[Any]]:
    """Time everything once. Returns the rows by table; this process writes no Parquet, so that it starts faster."""
    rng = random.Random(f"{plan.seed}-{plan.round}")
    chosen = [find_serializer(target) for target in plan.targets]
    dictionaries = {(k.split()[0], k.split()[1]): b64decode(v) for k, v in plan.dictionaries.items()}
    rows: list[BatchRow] = []
    units: list[str | int] = [*plan.kinds, *plan.lengths]
    rng.shuffle(units)
    with redis.Redis.from_url(plan.redis_url) as client:
        for unit in units:
            if isinstance(unit, int):
                tasks, budget_ns = list_tasks(unit, dictionaries), LIST_BUDGET_NS
            else:
                pool, supported = RecordPool(kinds()[unit]), supported_codecs(plan, chosen, unit)
                tasks, budget_ns = tasks_of(pool, supported, dictionaries), BUDGET_NS
            rng.shuffle(tasks)
            for block, task in enumerate(tasks):
                rows += run_block(task, plan.round, block, round(plan.share * budget_ns))
            if not isinstance(unit, int) and pool.kind.text == "ascii":
                rows += through_redis(plan, client, pool, supported, rng)
        probed = plan.round <= PROBED_ROUNDS and "page" in plan.kinds
        return {"batches": rows, "probes": probes(plan, client, chosen, rng) if probed else []}


def supported_codecs(plan: RoundPlan, chosen: list[NamedSerializer], kind: str) -> list[NamedSerializer]:
    return [codec for codec in chosen if (kind, codec.name) not in set(map(tuple, plan.refused))]


def with_aa_copy(supported: list[NamedSerializer]) -> list[NamedSerializer]:
    return [*supported, NamedSerializer(name=AA_COPY, serializer=named_serializers()["json"].serializer)]


def through_redis(
    plan: RoundPlan, client: redis.Redis, pool: RecordPool, supported: list[NamedSerializer], rng: random.Random
) -> list[BatchRow]:
    rows: list[BatchRow] = []
    shuffled: list[NamedSerializer | None] = [*with_aa_copy(supported)]
    if pool.kind.record_type is User:
        shuffled.append(None)
    rng.shuffle(shuffled)
    for block, codec in enumerate(shuffled):
        key = f"{plan.key_prefix}serializers:{pool.kind.name}:{HASH if codec is None else codec.name}:"
        if codec is None:
            rows += hash_blocks(client, key, pool, plan.round, block)
        else:
            serializer = codec.serializer.for_type(pool.kind.record_type)
            rows += path_blocks(client, key, pool, codec.name, serializer, plan.round, block)
    return rows


def probes(
    plan: RoundPlan, client: redis.Redis, chosen: list[NamedSerializer], rng: random.Random
) -> list[tuple[int, str, int]]:
    pool = RecordPool(kinds()["page"])
    serializers: dict[str, Any] = {NO_ENCODER: None}
    for codec in with_aa_copy(supported_codecs(plan, chosen, "page")):
        serializers[codec.name] = codec.serializer.for_type(pool.kind.record_type)
    names = list(serializers)
    rng.shuffle(names)
    key = f"{plan.key_prefix}serializers:probe"
    return [(plan.round, name, ns) for name in names for ns in probe(client, key, pool, serializers[name])]


def run_block(task: TimedTask, round_number: int, block: int, budget_ns: int) -> list[BatchRow]:
    """Warm up, then run batches until the timed calls use up the budget."""
    call, prepare = task.call, task.prepare
    most = max(1, INPUT_BYTES // (4 * task.input_bytes))
    calls = warm_up(call, prepare, most, budget_ns // BATCHES)
    rows: list[BatchRow] = []
    spent = 0
    while len(rows) < MOST_BATCHES and (spent < budget_ns or len(rows) < FEWEST_BATCHES):
        elapsed, cpu = timed(call, prepare(calls))
        spent += cpu
        rows.append((round_number, block, task.record, task.contender, task.operation, calls, elapsed, cpu))
    return rows


def warm_up(call: Callable[[Any], Any], prepare: Callable[[int], Sequence[Any]], most: int, batch_ns: int) -> int:
    """Call until the interpreter has specialised the code. Returns the number of calls that fill a batch."""
    calls = 1
    while True:
        _, elapsed = timed(call, prepare(calls))
        if calls >= most or elapsed >= batch_ns // 5:
            return max(1, min(most, round(calls * batch_ns / max(elapsed, 1))))
        calls = min(most, 8 * calls)


def timed(call: Callable[[Any], Any], inputs: Sequence[Any]) -> tuple[int, int]:
    """Elapsed time and CPU time of this thread in ns, for one call on each input.

    CPU time does not grow when other processes use the same core. Both include the loop: see the row of the empty call.
    """
    begin, begin_cpu = perf_counter_ns(), thread_time_ns()
    for value in inputs:
        call(value)
    return perf_counter_ns() - begin, thread_time_ns() - begin_cpu


if __name__ == "__main__":
    print(json.dumps(run_round(RoundPlan(**json.loads(sys.stdin.read())))))
