"""What a run stands on, measured before it: timers, bare round trips, the harness' own ceiling, the machine's state.

It goes into the run's circumstances, and what will hurt the run is said in one line before it starts.
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
from stampede.loadtests.selftests.overhead import measure_pace
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.redis.redis_server import client_with_timeout
from stampede.stack.servers import Stack

LOOK_S = 0.3
"""How long the machine is watched before anything of ours runs."""
STEAL = 0.02
BUSY = 0.15
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """The checks of the machine before a run. A value is nan or None if this system does not give it."""

    clock_step_ns: float
    """The least by which two readings of the monotonic clock differ."""
    clock_cost_ns: float
    """Of one reading."""
    python_loop_ms: float
    redis_round_trip_ms: float
    """PING, p50, one at a time, without simulated distance or ruler."""
    postgres_round_trip_ms: float
    """SELECT 1, likewise."""
    ceiling_per_s: float | None
    """Requests a second of one core that our recorded path makes with a contender that does nothing."""
    cores: int
    busy_share: float
    """Of all cores, by others, just before the run."""
    steal_share: float
    governor: str | None
    on_battery: bool | None

    def as_dict(self) -> dict[str, Any]:
        """For the run's circumstances."""
        return asdict(self)


def calibrate_machine(stack: Stack, watched: tuple[float, float], *, ceiling: bool = True) -> Preflight:
    """Look at the machine and the servers: under 1 s, and 2 s more for the ceiling.

    `watched`: what `watch_machine` saw, before anything of ours ran.
    """
    busy, steal = watched
    with client_with_timeout(stack.redis.url) as client:
        redis_ms = median_ms(client.ping)
    with connect(stack.postgres.url) as connection:
        postgres_ms = median_ms(lambda: connection.execute("SELECT 1").fetchone())
    step_ns, cost_ns = clock_step_and_cost()
    return Preflight(
        clock_step_ns=step_ns,
        clock_cost_ns=cost_ns,
        python_loop_ms=median_ms(fixed_loop, 9),
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
    """The monotonic clock's least step and the cost of a reading, in ns."""
    began = now_ns()
    seen = [now_ns() for _ in range(readings)]
    cost = (now_ns() - began) / readings
    return float(min((b - a for a, b in itertools.pairwise(seen) if b > a), default=0)), cost


def median_ms(run: Callable[[], object], times: int = 100) -> float:
    """Median of so many, the first left out."""
    taken = []
    for _ in range(times + 1):
        began = now_ns()
        run()
        taken.append((now_ns() - began) / 1e6)
    return statistics.median(taken[1:])


def watch_machine(seconds: float) -> tuple[float, float]:
    """Shares of all cores that were busy and stolen while we slept."""
    before = psutil.cpu_times()
    time.sleep(seconds)
    after = psutil.cpu_times()
    spent = {name: getattr(after, name) - getattr(before, name) for name in after._fields if "guest" not in name}
    whole = sum(spent.values()) or 1.0
    idle = spent.get("idle", 0.0) + spent.get("iowait", 0.0)
    steal = spent.get("steal", 0.0)
    return max(0.0, whole - idle - steal) / whole, steal / whole


def measured_ceiling(stack: Stack) -> float | None:
    """None where it cannot be measured: a run does not fail for it."""
    with suppress(HarnessFailed, subprocess.TimeoutExpired):
        return measure_pace(stack, seconds=0.5, turns=1, kinds=("ours",)).ours_per_s
    return None


def governor(path: Path = GOVERNOR) -> str | None:
    """How the kernel chooses the cores' frequency, where it says."""
    with suppress(OSError):
        return path.read_text(encoding="utf-8").strip() or None
    return None


def on_battery() -> bool | None:
    with suppress(OSError, AttributeError):
        battery = psutil.sensors_battery()
        return None if battery is None else not battery.power_plugged
    return None


def will_hurt(found: Preflight, *, rate_per_s: float = 0.0, processes: int = 1) -> list[str]:
    """What will hurt the run, in words; nothing where nothing is known to."""
    hurts = []
    if found.on_battery:
        hurts.append("the machine runs on battery")
    if found.governor not in (None, "performance"):
        hurts.append(f"the cores' frequency follows load (governor {found.governor})")
    if found.steal_share > STEAL:
        hurts.append(f"the hypervisor takes {100 * found.steal_share:.0f} % of the cores")
    if found.busy_share > BUSY:
        hurts.append(f"other programs use {100 * found.busy_share:.0f} % of the cores")
    if found.cores < 2 + processes:
        hurts.append(f"{found.cores} cores for two servers and {processes} application servers")
    if found.ceiling_per_s and rate_per_s / processes > found.ceiling_per_s / 10:
        hurts.append(f"{rate_per_s:g} requests/s is over a tenth of what the harness can make at all")
    return hurts


def outlook(hurts: list[str]) -> str:
    """The line that is said before the run."""
    return f"this will hurt the figures: {'; '.join(hurts)}" if hurts else "nothing is seen that would hurt the figures"
