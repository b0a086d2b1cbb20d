"""Checks of the machine before a run: timers, bare round trips, the harness's own highest rate, load and power state.

The run folder stores the results. One line before the run lists the problems that will distort its figures.
"""

import itertools
import statistics
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from stampede.core.errors import HarnessFailed
from stampede.loadtests.coordinator.probes.drift_probe import fixed_loop
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.loadtests.selftests.overhead import measure_overhead
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.redis.redis_server import client_with_timeout
from stampede.stack.servers import Stack

WATCH_S = 0.3
"""How long the machine's load is measured before the suite itself uses the CPU."""
STEAL = 0.02
BUSY = 0.15
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """The checks of the machine before a run. A value is nan or None if this system does not give it."""

    clock_step_ns: float
    """The smallest difference between two readings of the monotonic clock."""
    clock_cost_ns: float
    """The cost of one reading."""
    python_loop_ms: float
    redis_round_trip_ms: float
    """p50 of PING, one at a time, without simulated RTT and without a meter."""
    postgres_round_trip_ms: float
    """p50 of SELECT 1, measured in the same way."""
    ceiling_per_s: float | None
    """Requests a second on one core through the harness's recorded path, with a contender that does nothing."""
    cores: int
    busy_share: float
    """The share of all cores that other programs used just before the run."""
    steal_share: float
    """The share of all cores that the hypervisor took just before the run."""
    governor: str | None
    on_battery: bool | None

    def as_dict(self) -> dict[str, Any]:
        """The values as the run folder stores them."""
        return asdict(self)


def calibrate_machine(stack: Stack, watched: tuple[float, float], *, ceiling: bool = True) -> Preflight:
    """Measure the machine and the servers: under 1 s, and 2 s more for the ceiling.

    `watched`: the result of `watch_machine`, taken before the suite itself used the CPU.
    """
    busy, steal = watched
    with client_with_timeout(stack.redis.url) as client:
        redis_ms = median_time_ms(client.ping)
    with connect(stack.postgres.url) as connection:
        postgres_ms = median_time_ms(lambda: connection.execute("SELECT 1").fetchone())
    step_ns, cost_ns = clock_step_and_cost()
    return Preflight(
        clock_step_ns=step_ns,
        clock_cost_ns=cost_ns,
        python_loop_ms=median_time_ms(fixed_loop, 9),
        redis_round_trip_ms=redis_ms,
        postgres_round_trip_ms=postgres_ms,
        ceiling_per_s=measured_ceiling(stack) if ceiling else None,
        cores=psutil.cpu_count() or 1,
        busy_share=busy,
        steal_share=steal,
        governor=governor(),
        on_battery=on_battery(),
    )


def clock_step_and_cost(readings: int = 20_000) -> tuple[float, float]:
    """The monotonic clock's smallest step and the cost of one reading, in ns."""
    began = now_ns()
    seen = [now_ns() for _ in range(readings)]
    cost = (now_ns() - began) / readings
    return float(min((b - a for a, b in itertools.pairwise(seen) if b > a), default=0)), cost


def median_time_ms(run: Callable[[], object], times: int = 100) -> float:
    """The median duration of `times` calls, in ms. One more call before them is not counted."""
    taken = []
    for _ in range(times + 1):
        began = now_ns()
        run()
        taken.append((now_ns() - began) / 1e6)
    return statistics.median(taken[1:])


def watch_machine(seconds: float) -> tuple[float, float]:
    """Sleep, and return the shares of all cores that were busy and that the hypervisor took meanwhile."""
    before = psutil.cpu_times()
    time.sleep(seconds)
    after = psutil.cpu_times()
    spent = {name: getattr(after, name) - getattr(before, name) for name in after._fields if "guest" not in name}
    whole = sum(spent.values()) or 1.0
    idle = spent.get("idle", 0.0) + spent.get("iowait", 0.0)
    steal = spent.get("steal", 0.0)
    return max(0.0, whole - idle - steal) / whole, steal / whole


def measured_ceiling(stack: Stack) -> float | None:
    """The harness's highest rate; None if it cannot be measured, because a run must not fail for that."""
    with suppress(HarnessFailed, subprocess.TimeoutExpired):
        return measure_overhead(stack, seconds=0.5, turns=1, kinds=("ours",)).ours_per_s
    return None


def governor(path: Path = GOVERNOR) -> str | None:
    """The policy by which the kernel chooses the cores' frequency; None if the system does not report it."""
    with suppress(OSError):
        return path.read_text(encoding="utf-8").strip() or None
    return None


def on_battery() -> bool | None:
    with suppress(OSError, AttributeError):
        battery = psutil.sensors_battery()
        return None if battery is None else not battery.power_plugged
    return None


def expected_problems(preflight: Preflight, *, rate_per_s: float = 0.0, processes: int = 1) -> list[str]:
    """The problems that will distort the run's figures, in words."""
    problems = []
    if preflight.on_battery:
        problems.append("the machine runs on battery")
    if preflight.governor not in (None, "performance"):
        problems.append(f"the cores' frequency follows load (governor {preflight.governor})")
    if preflight.steal_share > STEAL:
        problems.append(f"the hypervisor takes {100 * preflight.steal_share:.0f} % of the cores")
    if preflight.busy_share > BUSY:
        problems.append(f"other programs use {100 * preflight.busy_share:.0f} % of the cores")
    if preflight.cores < 2 + processes:
        problems.append(f"only {preflight.cores} cores for two servers and {processes} application servers")
    if preflight.ceiling_per_s and rate_per_s / processes > preflight.ceiling_per_s / 10:
        problems.append(f"{rate_per_s:g} requests/s is over a tenth of the harness's own highest rate")
    return problems


def problem_line(problems: list[str]) -> str:
    """The line that is printed before the run."""
    if not problems:
        return "no problem found that would distort the figures"
    return f"warning: this will distort the figures: {'; '.join(problems)}"
