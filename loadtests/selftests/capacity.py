"""The knee: the highest open rate at which a contender still meets an objective, bracketed again in each round.

A quick search finds about where it is; then every round brackets it anew, from a start of its own, with long cells. In
each stage every contender runs one cell at the rate that its own bracket asks for, in shuffled order.
"""

import itertools
import math
import random
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from stampede.core.errors import ConfigError, require
from stampede.core.text.safe_text import ReportProgress
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.duration_estimate import AROUND_CELL_S
from stampede.loadtests.bench.resume import reopen
from stampede.loadtests.bench.run_bench import run_bench
from stampede.loadtests.bench.run_plan.planning import new_folder, planned_run
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig, ScenarioPlan, cell_info
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import RunInfo, ScenarioInfo
from stampede.stack.servers import Stack

MOST_PER_S, LEAST_PER_S = 20_000.0, 1.0
SAMPLES = 1500
"""Requests that a cell should have: fifteen beyond a ninety-ninth percentile."""
LOCATING_SAMPLES = 500
"""While it is only looked for."""
LONGEST_S = 12.0
WIDTH = 0.15
"""How far apart the ends of a round's bracket may be, as a share."""
START_S = 3.5
"""What a stage takes beside its cells: Locust's processes start and end."""
MOST_MS = 3_600_000.0
"""The longest response time that an objective may name."""
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
    share, within_ms = 0.0, 0.0
    if match is not None:
        share, within_ms = float(match[1]) / 100, float(match[2]) * (1000 if match[3] == "s" else 1)
    if not 0 < share < 1 or not 0 < within_ms <= MOST_MS:
        raise ConfigError("objective", text, "a percentile and a time of at most an hour, such as p99<50ms")
    return Objective(share=share, within_ms=within_ms)


@dataclass(kw_only=True)
class Bracket:
    """One bracket: met at `low`, missed at `high`. Steps away from the start grow, up to doubling."""

    start_per_s: float
    step: float = 1 + WIDTH
    low: float | None = None
    high: float | None = None
    missed_in: int | None = None
    """The cell that missed at `high`."""

    def next_rate(self) -> float | None:
        """What to try next; None once the bracket is narrow enough, or at the ends of what can be tried."""
        if self.low is None and self.high is None:
            return self.start_per_s
        if self.high is None:
            assert self.low is not None
            return None if self.low >= MOST_PER_S else min(MOST_PER_S, self.low * self.step)
        if self.low is None:
            return None if self.high <= LEAST_PER_S else max(LEAST_PER_S, self.high / self.step)
        return None if self.high / self.low <= 1 + WIDTH + 1e-9 else math.sqrt(self.low * self.high)

    def note(self, rate: float, met: bool, cell: int = 0) -> None:
        """What was seen at a rate that `next_rate` asked for."""
        if self.low is not None or self.high is not None:
            self.step = min(2.0, self.step**2)
        if met:
            self.low = rate
        else:
            self.high, self.missed_in = rate, cell

    @property
    def knee_per_s(self) -> float:
        """Its middle; 0 where no rate was met, infinity where none was missed."""
        if self.low is None:
            return 0.0
        return math.inf if self.high is None else math.sqrt(self.low * self.high)


@dataclass(kw_only=True)
class Search:
    """One contender's: the bracket that locates its knee, and then one a round."""

    start_per_s: float
    rounds: int
    most_cells: int
    rng: random.Random
    brackets: list[Bracket] = field(default_factory=list)
    """Those of the rounds that are over."""
    cells: int = 0
    _current: Bracket | None = None
    _located: bool = False

    @property
    def locating(self) -> bool:
        return not self._located

    def next_rate(self) -> float | None:
        """What to try next; None once all rounds are over, or the cells are used up."""
        if self._current is None:
            self._current = Bracket(start_per_s=self.start_per_s, step=2.0)
        while (rate := self._current.next_rate()) is None:
            if self._located:
                self.brackets.append(self._current)
            self._located = True
            if len(self.brackets) == self.rounds:
                return None
            self._current = Bracket(start_per_s=self._start_of_a_round(self._current.knee_per_s))
        return rate if self.cells < self.most_cells and len(self.brackets) < self.rounds else None

    def _start_of_a_round(self, about_per_s: float) -> float:
        """Near the last bracket's middle, at a random phase, so that rounds do not all try the same rates."""
        phase: float = (1 + WIDTH) ** self.rng.uniform(-0.5, 0.5)
        near = min(MOST_PER_S, max(LEAST_PER_S, about_per_s)) * phase
        return min(MOST_PER_S, max(LEAST_PER_S, near))

    def note(self, rate: float, met: bool, cell: int = 0) -> None:
        """What was seen at a rate that `next_rate` asked for."""
        assert self._current is not None
        self.cells += 1
        self._current.note(rate, met, cell)


def lasts_s(base: ScenarioPlan, contenders: int, rounds: int) -> float:
    """About how long a search takes, were the knees at the scenario's own rate: five cells to locate each, two and a
    half a round."""
    rate_per_s, beside_s = base.workload.rate_per_s, base.warm_up_s + AROUND_CELL_S
    locating, measuring = (window_s(base, rate_per_s, n) + beside_s for n in (LOCATING_SAMPLES, SAMPLES))
    return contenders * (5 * locating + 2.5 * rounds * measuring) + (5 + 2.5 * rounds) * START_S


def window_s(base: ScenarioPlan, rate_per_s: float, samples: int) -> float:
    """Whole TTLs, long enough for so many samples, within reason."""
    ttl_s = base.workload.ttl_s
    return ttl_s * math.ceil(max(base.window_s, min(LONGEST_S, samples / rate_per_s)) / ttl_s)


def find_knees(
    order: BenchConfig,
    stack: Stack,
    met: Met,
    say: ReportProgress,
    begun: Callable[[Path], None] = lambda _folder: None,
    *,
    rounds: int,
    most_cells: int,
) -> tuple[Path, dict[str, Search]]:
    """Bracket each contender's knee in the order's one scenario, so many times; the run folder and the searches.

    `most_cells`: a contender. `begun` is told the folder as soon as it has a run in it. Raises BenchFailed where the
    harness broke.
    """
    require(len(order.plan.scenarios) == 1, "scenario", order.plan.scenarios, "one scenario")
    spec, info = planned_run(order, stack, say)
    (base,), (about,) = spec.scenarios, info.scenarios
    require(base.flood is None and base.fault is None, "scenario", base.name, "a caching scenario with open arrivals")
    require(base.workload.arrivals != "closed", "arrivals", "closed", "open arrivals: a knee is a rate")
    ruled = {contender_spec.name for contender_spec in spec.contender_specs if contender_spec.kind == "baseline"}
    names = [name for name in dict.fromkeys(cell.contender for cell in spec.cells) if name not in ruled]
    spec, info.cells, info.scenarios = replace(spec, cells=(), scenarios=()), [], []
    spec = replace(spec, folder=str(new_folder(order, datetime.fromisoformat(info.started_utc))))
    rng = random.Random(order.seed)
    searches = {
        name: Search(
            start_per_s=base.workload.rate_per_s,
            rounds=rounds,
            most_cells=most_cells,
            rng=random.Random(rng.randrange(2**31)),
        )
        for name in names
    }
    say(f"{rounds} rounds for {len(names)} contenders: about {lasts_s(base, len(names), rounds) / 60:.0f} minutes")
    for stage in itertools.count(1):
        wanted = {name: rate for name, search in searches.items() if (rate := search.next_rate()) is not None}
        if not wanted:
            break
        brief = frozenset(name for name in wanted if searches[name].locating)
        spec = with_stage(spec, info, (base, about), wanted, brief, stage, rng)
        reopen(Path(spec.folder), info)
        if stage == 1:
            begun(Path(spec.folder))
        run_bench(spec, stack, lambda _event: None)
        for cell in spec.cells:
            rate = wanted[cell.contender]
            was_met = met(Path(spec.folder), cell.id)
            searches[cell.contender].note(rate, was_met, cell.id)
            say(f"stage {stage}: {cell.contender} at {rate:.0f}/s: {'met' if was_met else 'missed'}")
        info = read_run(Path(spec.folder)).info
    return Path(spec.folder), searches


def with_stage(
    spec: RunConfig,
    info: RunInfo,
    base: tuple[ScenarioPlan, ScenarioInfo],
    wanted: Mapping[str, float],
    brief: Set[str],
    stage: int,
    rng: random.Random,
) -> RunConfig:
    """The orders for one stage: a scenario for each rate that is new, a cell for each contender, short for `brief`."""
    scenario, about = base
    scenarios = {s.name: s for s in spec.scenarios}
    cells: list[CellPlan] = []
    last = max((cell.id for cell in info.cells), default=0)
    seed, predecessor = rng.randrange(2**31), None
    for name in rng.sample(sorted(wanted), len(wanted)):
        rate = wanted[name]
        at = f"{scenario.name}-{rate:.0f}-per-s{'-brief' if name in brief else ''}"
        if at not in scenarios:
            lasts = window_s(scenario, rate, LOCATING_SAMPLES if name in brief else SAMPLES)
            workload = replace(scenario.workload, rate_per_s=rate)
            scenarios[at] = replace(scenario, name=at, workload=workload, window_s=lasts)
            at_rate = replace(about, name=at, workload=workload.as_dict(), window_s=lasts, report_separately=True)
            info.scenarios.append(at_rate)
        cells.append(
            CellPlan(
                id=last + len(cells) + 1, scenario=at, contender=name, round=stage, seed=seed, predecessor=predecessor
            )
        )
        predecessor = name
    info.cells += [cell_info(cell) for cell in cells]
    return replace(spec, scenarios=tuple(scenarios.values()), cells=tuple(cells))
