"""Measures the cost of large runs: CPU time and memory of a report, and of recording samples.

    make scale                          10,000,000 samples
    make scale ARGS="--samples 1000000"

For the report it plants a run folder with that many samples and renders it. For recording it keeps and sends a million
samples in one process, as an application server does, and receives and writes them in another, as the coordinator does.

Limits for a report of ten million samples: 60 s of CPU, 1 GB of memory, a page below 3 MB. For a million samples, and
for recording them: 500 MB of memory. Exit 1 if a limit is exceeded.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for `tests`, which is not installed

from stampede.run_folder.read import read_run
from stampede.run_folder.schema import SAMPLES, CellInfo
from stampede.run_folder.write import RunWriter
from tests.reports.planted_runs import planted

WORK = Path(__file__).with_name("scale_work.py")
ROUNDS = 8


def cell_table(cell: CellInfo, count: int, rng: np.random.Generator) -> tuple[pa.Table, dict[str, int]]:
    """`count` samples of a cell as columns (hits, some loads, some writes, a tenth of warm-up), and their totals."""
    assert cell.begin_ns is not None
    assert cell.window_start_ns is not None
    assert cell.window_end_ns is not None
    due = np.sort(rng.integers(cell.begin_ns, cell.window_end_ns, count))
    start = due + rng.integers(50_000, 200_000, count)
    none = cell.contender in ("bare-get",)
    loads = np.zeros(count, bool) if none else rng.random(count) < (1.0 if cell.contender == "no-cache" else 0.05)
    write = np.zeros(count, bool) if cell.scenario == "stampede" else rng.random(count) < 0.05
    loads &= ~write
    took_ns = rng.lognormal(-0.3, 0.3, count) * 1e6 + np.where(loads, 8e6, 0) + np.where(write, 2e6, 0)
    end = start + took_ns.astype(np.int64)
    key = np.ones(count, np.int64) if cell.scenario == "stampede" else np.minimum(rng.zipf(1.6, count), 50_000)
    version = np.arange(count, dtype=np.int64)
    commands = np.where(loads, 2, 1) * (0 if cell.contender == "no-cache" else 1)

    def where(values: np.ndarray, kept: np.ndarray) -> pa.Array:
        return pa.array(values, mask=~kept)

    columns = {
        "cell": np.full(count, cell.id, np.int32),
        "round": np.full(count, cell.round, np.int32),
        "process": rng.integers(0, 2, count).astype(np.int16),
        "client": rng.integers(0, 32, count).astype(np.int32),
        "warm_up": due < cell.window_start_ns,
        "key": key,
        "due_ns": due,
        "thread_free_ns": due - 1_000_000,
        "start_ns": start,
        "end_ns": end,
        "found": pa.array(np.ones(count, bool)),
        "loads": loads.astype(np.int32),
        "load_start_ns": where(start + 600_000, loads),
        "load_end_ns": where(start + 8_000_000, loads),
        "commands": commands.astype(np.int32),
        "round_trips": (commands + loads).astype(np.int32),
        "simulated_rtt_ns": (commands + loads).astype(np.int64) * 500_000,
        "version_written": where(version, write),
        "commit_start_ns": where(start + 1_000_000, write),
        "commit_end_ns": where(start + 1_500_000, write),
    }
    texts = {
        "scenario": np.full(count, cell.scenario, object),
        "contender": np.full(count, cell.contender, object),
        "operation": np.where(write, "write", "read"),
    }
    if cell.contender != "no-cache":
        texts["first_cache_reply"] = np.where(loads, "none", "value")
    arrays = []
    for f in SAMPLES:
        if f.name in texts:
            arrays.append(pa.array(texts[f.name], pa.string()).dictionary_encode().cast(f.type))
        elif f.name in columns:
            arrays.append(pa.array(columns[f.name]).cast(f.type))
        else:
            arrays.append(pa.nulls(count, f.type))
    totals = {"loads": int(loads.sum()), "commands": int(commands.sum())}
    return pa.Table.from_arrays(arrays, schema=SAMPLES), totals


def plant_many(folder: Path, samples: int) -> None:
    """Plant a run like plan quick: two scenarios, seven rows, eight rounds, with counters that match the samples."""
    rng = np.random.default_rng(1)
    planted.plant(folder, rounds=ROUNDS, scenarios=[planted.scenario(n, rate_per_s=1.0) for n in SCENARIOS])
    info = read_run(folder).info
    writer = RunWriter(folder, info)
    each = samples // len(info.cells)
    for cell in info.cells:
        rows, totals = cell_table(cell, each, rng)
        cell.locust_requests = each
        counters = [
            ("redis", "command.get", 0.0, float(totals["commands"]), "calls"),
            ("postgres", "statement.load.calls", 0.0, float(totals["loads"]), "calls"),
            ("postgres", "statement.load.exec_ms", 0.0, 8.0 * totals["loads"], "ms"),
            ("process-0", "command.get", 0.0, float(totals["commands"]), "calls"),
            ("process-0", "load", 0.0, float(totals["loads"]), "calls"),
            ("machine", "clock.monotonic_s", 0.0, 5.0, "s"),
        ]
        writer.add_cell(cell.id, rows, [(cell.id, *entry) for entry in counters], [])
    writer.save()


SCENARIOS = ("read-mostly", "stampede")
RECORDED = 1_000_000
MAX_MB = 500.0


def cost_of(name: str, *arguments: object) -> dict[str, float]:
    """Do a piece of work of scale_work.py in a separate process. Returns the cost that it prints."""
    done = subprocess.run(
        [sys.executable, WORK, name, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
    )
    cost: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return cost


def record(scratch: Path) -> bool:
    """Whether both sides of the recording stay below the limit of memory."""
    within_limits = True
    for name, text in (("record", "recorded and sent"), ("receive", "received and written")):
        cost = cost_of(name, scratch / "batch", RECORDED)
        within = cost["peak_mb"] < MAX_MB
        within_limits &= within
        print(f"{RECORDED:,} samples {text} in {cost['cpu_s']:.1f} s of CPU:")
        print(f"  peak_mb {cost['peak_mb']:.1f} (limit {MAX_MB:g}){'' if within else '  BROKEN'}")
    return within_limits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=10_000_000, help="10,000,000 by default")
    parser.add_argument("--keep", type=Path, help="plant the run in this folder and keep it")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.keep or Path(scratch) / "run"
        if not (folder / "run.json").exists():
            plant_many(folder, chosen.samples)
        begin_s = time.perf_counter()
        cost = cost_of("report", folder)
        summary = f"{read_run(folder).sample_count:,} samples, report in {time.perf_counter() - begin_s:.1f} s:"
        recorded = record(Path(scratch))
    limits = {"cpu_s": 60.0, "peak_mb": MAX_MB if chosen.samples <= 1_000_000 else 1000.0, "html_mb": 3.0}
    print(summary)
    for name, limit in limits.items():
        print(f"  {name} {cost[name]:.1f} (limit {limit:g}){'' if cost[name] < limit else '  BROKEN'}")
    return int(not recorded or any(cost[name] >= limit for name, limit in limits.items()))


if __name__ == "__main__":
    sys.exit(main())
