"""The knee: the highest open rate at which a contender still meets an objective, found by bracketing.

In each stage every contender whose knee is open runs one cell at the rate that its own search asks for, in shuffled
order. A rate counts as missed when it was missed twice, so that one bad moment decides nothing.
"""

import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from artefact.read import read_run
from artefact.schema import RunInfo, ScenarioInfo
from loadtests.bench import BenchOrder, Say, new_folder, planned_run, run_bench
from loadtests.conductor import cell_info
from loadtests.resume import reopen
from loadtests.spec import CellOrder, ScenarioOrder, Spec
from patterns.errors import ConfigError, require
from stack.servers import Stack

MOST_PER_S, LEAST_PER_S = 20_000.0, 1.0
SAMPLES = 1500
"""Requests that a cell should have: fifteen beyond a ninety-ninth percentile."""
LONGEST_S = 12.0
OBJECTIVE = re.compile(r"\s*p(\d{1,2}(?:\.\d+)?)\s*<=?\s*(\d+(?:\.\d+)?)\s*(ms|s)\s*")

Met = Callable[[Path, int], bool]
"""Whether a finished cell of a run folder met the objective."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A share of the requests that must be answered within a time, counted from when they were due."""

    share: float
    within_ms: float

    def __str__(self) -> str:
        return f"p{100 * self.share:g} < {self.within_ms:g} ms"


def read_objective(text: str) -> Objective:
    """p99<50ms, p50 < 0.1 s. Raises ConfigError."""
    match = OBJECTIVE.fullmatch(text)
    if match is None or not 0 < float(match[1]) < 100 or float(match[2]) <= 0:
        raise ConfigError("objective", text, "a percentile and a time, such as p99<50ms")
    return Objective(share=float(match[1]) / 100, within_ms=float(match[2]) * (1000 if match[3] == "s" else 1))


@dataclass(kw_only=True)
class Search:
    """One contender's bracket: met at `low`, missed twice at `high`."""

    start_per_s: float
    width: float = 0.15
    low: float | None = None
    high: float | None = None
    missed: dict[float, int] = field(default_factory=dict)
    cells: dict[float, int] = field(default_factory=dict)
    """The last cell at each rate."""

    def next_rate(self) -> float | None:
        """What to try next; None once the bracket is narrow enough, or at the ends of what can be tried."""
        again = [rate for rate, times in self.missed.items() if times == 1]
        if again:
            return again[0]
        if self.low is None and self.high is None:
            return self.start_per_s
        if self.high is None:
            assert self.low is not None
            return None if self.low >= MOST_PER_S else min(MOST_PER_S, 2 * self.low)
        if self.low is None:
            return None if self.high <= LEAST_PER_S else max(LEAST_PER_S, self.high / 2)
        return None if self.high / self.low <= 1 + self.width else math.sqrt(self.low * self.high)

    def note(self, rate: float, met: bool, cell: int = 0) -> None:
        """What was seen at a rate that `next_rate` asked for."""
        self.cells[rate] = cell
        if met:
            self.missed.pop(rate, None)
            self.low = rate
        else:
            self.missed[rate] = self.missed.get(rate, 0) + 1
            if self.missed[rate] == 2:
                self.high = rate


def find_knees(order: BenchOrder, stack: Stack, met: Met, say: Say, *, stages: int) -> tuple[Path, dict[str, Search]]:
    """Bracket each contender's knee in the order's one scenario; the run folder and the searches.

    `stages`: cells a contender at most. Raises BenchFailed where the harness broke.
    """
    require(len(order.plan.scenarios) == 1, "scenario", order.plan.scenarios, "one scenario")
    spec, info = planned_run(order, stack, say)
    (base,), (about,) = spec.scenarios, info.scenarios
    require(base.flood is None and base.fault is None, "scenario", base.name, "a caching scenario with open arrivals")
    require(base.workload.arrivals != "closed", "arrivals", "closed", "open arrivals: a knee is a rate")
    names = list(dict.fromkeys(cell.contender for cell in spec.cells))
    spec, info.cells, info.scenarios = replace(spec, cells=(), scenarios=()), [], []
    spec = replace(spec, folder=str(new_folder(order, datetime.fromisoformat(info.started_utc))))
    searches = {name: Search(start_per_s=base.workload.rate_per_s) for name in names}
    rng = random.Random(order.seed)
    for stage in range(1, stages + 1):
        wanted = {name: rate for name, search in searches.items() if (rate := search.next_rate()) is not None}
        if not wanted:
            break
        spec = with_stage(spec, info, (base, about), wanted, stage, rng)
        reopen(Path(spec.folder), info)
        run_bench(spec, stack, lambda _event: None)
        for cell in spec.cells:
            rate = wanted[cell.contender]
            was_met = met(Path(spec.folder), cell.id)
            searches[cell.contender].note(rate, was_met, cell.id)
            say(f"stage {stage}: {cell.contender} at {rate:.0f}/s: {'met' if was_met else 'missed'}")
        info = read_run(Path(spec.folder)).info
    return Path(spec.folder), searches


def with_stage(
    spec: Spec,
    info: RunInfo,
    base: tuple[ScenarioOrder, ScenarioInfo],
    wanted: Mapping[str, float],
    stage: int,
    rng: random.Random,
) -> Spec:
    """The orders for one stage: a scenario for each rate that is new, a cell for each contender."""
    scenario, about = base
    scenarios = {s.name: s for s in spec.scenarios}
    cells: list[CellOrder] = []
    last = max((cell.id for cell in info.cells), default=0)
    seed, predecessor = rng.randrange(2**31), None
    for name in rng.sample(sorted(wanted), len(wanted)):
        rate = wanted[name]
        at = f"{scenario.name}-{rate:.0f}-per-s"
        if at not in scenarios:
            ttl_s = scenario.workload.ttl_s
            window_s = ttl_s * math.ceil(max(scenario.window_s, min(LONGEST_S, SAMPLES / rate)) / ttl_s)
            workload = replace(scenario.workload, rate_per_s=rate)
            scenarios[at] = replace(scenario, name=at, workload=workload, window_s=window_s)
            info.scenarios.append(replace(about, name=at, workload=workload.described(), window_s=window_s, apart=True))
        cells.append(
            CellOrder(
                id=last + len(cells) + 1, scenario=at, contender=name, round=stage, seed=seed, predecessor=predecessor
            )
        )
        predecessor = name
    info.cells += [cell_info(cell) for cell in cells]
    return replace(spec, scenarios=tuple(scenarios.values()), cells=tuple(cells))
