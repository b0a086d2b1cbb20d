"""Timed calls: a block is about 10 ms of one task, in batches, each on inputs that no call has touched before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns, thread_time_ns
from typing import Any

BATCHES = 16
"""About so many in a block."""
FEWEST_BATCHES = 5
MOST_BATCHES = 40
INPUT_BYTES = 1_000_000
"""Most inputs that wait for a batch: what was just made is still near the processor, as in a service."""

BatchRow = tuple[int, int, str, str, str, int, int, int | None]
"""The columns of artefact.serializers.BATCHES."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One thing to time."""

    record: str
    contender: str
    operation: str
    call: Callable[[Any], Any]
    prepare: Callable[[int], Sequence[Any]]
    """So many fresh inputs, distinct objects; not timed."""
    input_bytes: int
    """About how large an input is."""


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
