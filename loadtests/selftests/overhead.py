"""Overhead of the harness: its recorded path compared with plain Locust, and the cost of recording samples."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stampede.core.errors import HarnessFailed
from stampede.loadtests.bench.run_plan.contenders import ContenderSpec
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.loadtests.instrumentation.meters import RequestFacts
from stampede.loadtests.instrumentation.recorder import ROW_COLUMNS, Recorder, read_batch
from stampede.loadtests.locustfiles.run_config import RunConfig, ScenarioPlan, query_plans
from stampede.scenarios.workload import Workload
from stampede.stack.postgres.source import default_statements
from stampede.stack.servers import Stack

MIN_RATIO = 0.8
"""The recorded path must reach this share of plain Locust's rate."""


@dataclass(frozen=True, kw_only=True)
class Overhead:
    """Requests per second of a process's CPU time, for each user class. Medians over the turns.

    CPU time is used because other programs on the machine do not change it. On an idle core it equals the rate.
    """

    plain_per_s: float
    ours_per_s: float
    turns: int

    @property
    def ratio(self) -> float:
        return self.ours_per_s / self.plain_per_s


def no_op_config(stack: Stack, folder: Path) -> RunConfig:
    """The run configuration of a process that sends no request: its pools are open and stay idle."""
    workload = Workload(records=1, active_records=1, rtt_ms=0.0, users_per_process=32)
    scenario = ScenarioPlan(
        name="harness",
        workload=workload,
        queries=query_plans(workload, [default_statements(0, 0)]),
        window_s=1.0,
        warm_up_s=0.0,
        drain_s=1.0,
        simulated_rtt_ns=0,
    )
    return RunConfig(
        folder=str(folder),
        postgres_url=stack.postgres.url,
        redis_url=stack.redis.url,
        key_prefix=stack.key_prefix,
        processes=1,
        users_per_process=32,
        seed=1,
        contender_specs=(ContenderSpec(name="no-op", kind="baseline"),),
        scenarios=(scenario,),
        cells=(),
    )


def measure_overhead(
    stack: Stack, *, seconds: float, turns: int, kinds: tuple[str, ...] = ("plain", "ours")
) -> Overhead:
    """Measure plain Locust and the recorded path in turn, each in a new process. The data set must exist."""
    rates: dict[str, list[float]] = {"plain": [], "ours": []}
    with tempfile.TemporaryDirectory(prefix="orders-", dir=stack.directory) as private:
        config_file = Path(private) / "spec.json"
        no_op_config(stack, Path(private)).write(config_file)
        for turn in range(turns):
            for kind in kinds if turn % 2 == 0 else kinds[::-1]:
                rates[kind].append(requests_per_s(kind, seconds, config_file, stack.register_child))
    plain, ours = (statistics.median(rates[kind]) if rates[kind] else float("nan") for kind in ("plain", "ours"))
    return Overhead(plain_per_s=plain, ours_per_s=ours, turns=turns)


def requests_per_s(kind: str, seconds: float, config_file: Path, register_child: Callable[[int], None]) -> float:
    """Requests per second of CPU time in one new process. Raises HarnessFailed with the last line of its errors."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    environment |= {"HOME": str(config_file.parent)}
    command = [
        sys.executable,
        "-P",
        "-m",
        "stampede.loadtests.selftests.overhead_users",
        kind,
        str(seconds),
        str(config_file),
    ]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    register_child(child.pid)
    output, errors = child.communicate(timeout=seconds + 60)
    if child.returncode != 0:
        lines = errors.strip().splitlines()
        raise HarnessFailed(lines[-1] if lines else f"ended with code {child.returncode}")
    return float(json.loads(output.strip().splitlines()[-1])["per_cpu_s"])


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The cost of keeping samples and of making one batch of them."""

    samples: int
    append_s: float
    batch_s: float
    memory_bytes: int
    """The memory of the samples before the batch is made: rows, and beyond MAX_ROWS also columns."""
    batch_bytes: int


def measure_recording(samples: int) -> Recording:
    """Record that many samples as a cell does, make one Arrow batch of them, and read it back."""
    recorder, facts = Recorder(), RequestFacts()
    tracemalloc.start()
    for number in range(1000):
        recorder.rows.append(sample(number, facts))
    bytes_each = tracemalloc.get_traced_memory()[0] / 1000
    tracemalloc.stop()
    recorder.rows.clear()
    began = time.perf_counter()
    for number in range(samples):
        recorder.keep(sample(number, facts))
    appended = time.perf_counter()
    memory_bytes = round(bytes_each * len(recorder.rows)) + recorder.packed_bytes
    batch = recorder.take_batch(1, "harness", "no-op", 1)
    batched = time.perf_counter()
    if read_batch(batch).num_rows != samples:
        raise HarnessFailed("samples were lost")
    return Recording(
        samples=samples,
        append_s=appended - began,
        batch_s=batched - appended,
        memory_bytes=memory_bytes,
        batch_bytes=len(batch),
    )


def sample(number: int, facts: RequestFacts) -> tuple[object, ...]:
    """The row that an application server appends for a read that hit the cache."""
    due_ns = now_ns()
    row: dict[str, object] = dict.fromkeys(ROW_COLUMNS)
    row |= {"process": 0, "client": number % 32, "operation": "read", "warm_up": False, "key": number}
    row |= {"due_ns": due_ns, "thread_free_ns": due_ns - 5, "start_ns": due_ns + 7, "end_ns": due_ns + 9, "found": True}
    row |= {"loads": facts.loads, "commands": 1, "round_trips": 1, "simulated_rtt_ns": 0, "first_cache_reply": "value"}
    return tuple(row.values())


def report(overhead: Overhead, recording: Recording) -> list[str]:
    """The results as lines of text."""
    enough = "at least" if overhead.ratio >= MIN_RATIO else "BELOW"
    return [
        f"plain Locust, no-op user:    {overhead.plain_per_s:>9,.0f} requests/s a core",
        f"recorded path, no-op:        {overhead.ours_per_s:>9,.0f} requests/s a core",
        f"ratio:                       {overhead.ratio:>9.2f} ({enough} {MIN_RATIO}; median of {overhead.turns} turns)",
        f"recording {recording.samples:,} samples: {recording.append_s:.1f} s to make and keep, "
        f"{recording.batch_s:.1f} s to make a batch, about {recording.memory_bytes / 2**20:,.0f} MiB of memory, "
        f"{recording.batch_bytes / 2**20:,.0f} MiB as a batch",
    ]
