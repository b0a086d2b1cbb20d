"""Search for the knee: the highest open rate at which a contender still meets an objective.

A quick search locates the knee. Then every round brackets it again, from its own start and with long cells. In each
stage every contender runs one cell at the rate that its own bracket needs next, in random order.
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
from stampede.loadtests.bench.duration_estimate import CELL_OVERHEAD_S
from stampede.loadtests.bench.resume import reopen
from stampede.loadtests.bench.run_bench import run_bench
from stampede.loadtests.bench.run_plan.planning import new_folder, planned_run
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig, ScenarioPlan, cell_info
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import RunInfo, ScenarioInfo
from stampede.stack.servers import Stack

MAX_PER_S, MIN_PER_S = 20_000.0, 1.0
SAMPLES = 1500
"""The requests that a cell should have: fifteen are above the 99th percentile."""
LOCATING_SAMPLES = 500
"""The same while the knee is only located."""
MAX_WINDOW_S = 12.0
WIDTH = 0.15
"""The largest distance between the ends of a round's bracket, as a share."""
START_S = 3.5
"""The time of a stage in addition to its cells: Locust's processes start and end."""
MAX_MS = 3_600_000.0
"""The longest response time that an objective may name."""
OBJECTIVE = re.compile(r"\s*p(\d{1,2}(?:\.\d+)?)\s*<=?\s*(\d+(?:\.\d+)?)\s*(ms|s)\s*")

Met = Callable[[Path, int], bool]
"""Whether a finished cell of a run folder met the objective."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A share of the requests that must be answered within a time, counted from their due times."""

    share: float
    within_ms: float

    def __str__(self) -> str:
        return f"p{100 * self.share:g} < {self.within_ms:g} ms"


def read_objective(text: str) -> Objective:
    """Read an objective such as "p99<50ms" or "p50 < 0.1 s". Raises ConfigError."""
    match = OBJECTIVE.fullmatch(text)
    share, within_ms = 0.0, 0.0
    if match is not None:
        share, within_ms = float(match[1]) / 100, float(match[2]) * (1000 if match[3] == "s" else 1)
    if not 0 < share < 1 or not 0 < within_ms <= MAX_MS:
        raise ConfigError("objective", text, "a percentile and a time of at most an hour, such as p99<50ms")
    return Objective(share=share, within_ms=within_ms)


@dataclass(kw_only=True)
class Bracket:
    """A bracket of the knee: met at `low`, missed at `high`. Steps away from the start grow, up to doubling."""

    start_per_s: float
    step: float = 1 + WIDTH
    low: float | None = None
    high: float | None = None
    missed_in: int | None = None
    """The cell that missed at `high`."""

    def next_rate(self) -> float | None:
        """The next rate to try; None once the bracket is narrow enough or has reached the lowest or highest rate."""
        if self.low is None and self.high is None:
            return self.start_per_s
        if self.high is None:
            assert self.low is not None
            return None if self.low >= MAX_PER_S else min(MAX_PER_S, self.low * self.step)
        if self.low is None:
            return None if self.high <= MIN_PER_S else max(MIN_PER_S, self.high / self.step)
        return None if self.high / self.low <= 1 + WIDTH + 1e-9 else math.sqrt(self.low * self.high)

    def note(self, rate: float, met: bool, cell: int = 0) -> None:
        """Note the result at a rate that `next_rate` returned."""
        if self.low is not None or self.high is not None:
            self.step = min(2.0, self.step**2)
        if met:
            self.low = rate
        else:
            self.high, self.missed_in = rate, cell

    @property
    def knee_per_s(self) -> float:
        """The geometric middle of the bracket; 0 if no rate was met, infinity if none was missed."""
        if self.low is None:
            return 0.0
        return math.inf if self.high is None else math.sqrt(self.low * self.high)


@dataclass(kw_only=True)
class Search:
    """The search of one contender: a bracket that locates its knee, and then one for each round."""

    start_per_s: float
    rounds: int
    max_cells: int
    rng: random.Random
    brackets: list[Bracket] = field(default_factory=list)
    """The brackets of the finished rounds."""
    cells: int = 0
    _current: Bracket | None = None
    _located: bool = False

    @property
    def locating(self) -> bool:
        return not self._located

    def next_rate(self) -> float | None:
        """The next rate to try; None once all rounds are over or the cells are used up."""
        if self._current is None:
            self._current = Bracket(start_per_s=self.start_per_s, step=2.0)
        while (rate := self._current.next_rate()) is None:
            if self._located:
                self.brackets.append(self._current)
            self._located = True
            if len(self.brackets) == self.rounds:
                return None
            self._current = Bracket(start_per_s=self._round_start(self._current.knee_per_s))
        return rate if self.cells < self.max_cells and len(self.brackets) < self.rounds else None

    def _round_start(self, about_per_s: float) -> float:
        """A rate near the last bracket's middle, shifted at random, so that rounds do not all try the same rates."""
        phase: float = (1 + WIDTH) ** self.rng.uniform(-0.5, 0.5)
        near = min(MAX_PER_S, max(MIN_PER_S, about_per_s)) * phase
        return min(MAX_PER_S, max(MIN_PER_S, near))

    def note(self, rate: float, met: bool, cell: int = 0) -> None:
        """Note the result at a rate that `next_rate` returned."""
        assert self._current is not None
        self.cells += 1
        self._current.note(rate, met, cell)


def search_duration_s(base: ScenarioPlan, contenders: int, rounds: int) -> float:
    """Estimated seconds of a search, if the knees were at the scenario's own rate: five cells to locate each knee and
    two and a half per round."""
    rate_per_s, around_s = base.workload.rate_per_s, base.warm_up_s + CELL_OVERHEAD_S
    locating, measuring = (window_s(base, rate_per_s, n) + around_s for n in (LOCATING_SAMPLES, SAMPLES))
    return contenders * (5 * locating + 2.5 * rounds * measuring) + (5 + 2.5 * rounds) * START_S


def window_s(base: ScenarioPlan, rate_per_s: float, samples: int) -> float:
    """The length of a window in seconds, long enough for that many samples, but not above MAX_WINDOW_S: whole TTLs, or
    whole windows of a scenario whose TTL is longer than its window."""
    unit_s = min(base.workload.ttl_s, base.window_s)
    return unit_s * math.ceil(max(base.window_s, min(MAX_WINDOW_S, samples / rate_per_s)) / unit_s)


def find_knees(
    config: BenchConfig,
    stack: Stack,
    met: Met,
    say: ReportProgress,
    on_begun: Callable[[Path], None] = lambda _folder: None,
    *,
    rounds: int,
    max_cells: int,
) -> tuple[Path, dict[str, Search]]:
    """Bracket each contender's knee in the configuration's one scenario, once per round.

    `max_cells`: per contender. `on_begun` is called with the folder as soon as it holds a run. Returns the run folder
    and the searches. Raises BenchFailed if the harness broke.
    """
    require(len(config.plan.scenarios) == 1, "scenario", config.plan.scenarios, "one scenario")
    run_config, info = planned_run(config, stack, say)
    (base,), (scenario_info,) = run_config.scenarios, info.scenarios
    require(base.flood is None and base.fault is None, "scenario", base.name, "a caching scenario with open arrivals")
    require(base.trace is None, "trace", base.name, "no [trace]: a knee is a rate, and a trace has its own")
    require(base.workload.arrivals != "closed", "arrivals", "closed", "open arrivals: a knee is a rate")
    baselines = {
        contender_spec.name for contender_spec in run_config.contender_specs if contender_spec.kind == "baseline"
    }
    names = [name for name in dict.fromkeys(cell.contender for cell in run_config.cells) if name not in baselines]
    run_config, info.cells, info.scenarios = replace(run_config, cells=(), scenarios=()), [], []
    run_config = replace(run_config, folder=str(new_folder(config, datetime.fromisoformat(info.started_utc))))
    rng = random.Random(config.seed)
    searches = {
        name: Search(
            start_per_s=base.workload.rate_per_s,
            rounds=rounds,
            max_cells=max_cells,
            rng=random.Random(rng.randrange(2**31)),
        )
        for name in names
    }
    minutes = search_duration_s(base, len(names), rounds) / 60
    say(f"{rounds} rounds for {len(names)} contenders: about {minutes:.0f} minutes")
    for stage in itertools.count(1):
        rates = {name: rate for name, search in searches.items() if (rate := search.next_rate()) is not None}
        if not rates:
            break
        short = frozenset(name for name in rates if searches[name].locating)
        run_config = with_stage(run_config, info, (base, scenario_info), rates, short, stage, rng)
        reopen(Path(run_config.folder), info)
        if stage == 1:
            on_begun(Path(run_config.folder))
        run_bench(run_config, stack, lambda _event: None)
        for cell in run_config.cells:
            rate = rates[cell.contender]
            was_met = met(Path(run_config.folder), cell.id)
            searches[cell.contender].note(rate, was_met, cell.id)
            say(f"stage {stage}: {cell.contender} at {rate:.0f}/s: {'met' if was_met else 'missed'}")
        info = read_run(Path(run_config.folder)).info
    return Path(run_config.folder), searches


def with_stage(
    run_config: RunConfig,
    info: RunInfo,
    base: tuple[ScenarioPlan, ScenarioInfo],
    rates: Mapping[str, float],
    short: Set[str],
    stage: int,
    rng: random.Random,
) -> RunConfig:
    """The run configuration of one stage: a scenario for each new rate and a cell for each contender.

    The cells of contenders in `short` are short.
    """
    scenario, scenario_info = base
    scenarios = {s.name: s for s in run_config.scenarios}
    cells: list[CellPlan] = []
    last = max((cell.id for cell in info.cells), default=0)
    seed, predecessor = rng.randrange(2**31), None
    for name in rng.sample(sorted(rates), len(rates)):
        rate = rates[name]
        at = f"{scenario.name}-{rate:.0f}-per-s{'-brief' if name in short else ''}"
        if at not in scenarios:
            length_s = window_s(scenario, rate, LOCATING_SAMPLES if name in short else SAMPLES)
            workload = replace(scenario.workload, rate_per_s=rate)
            scenarios[at] = replace(scenario, name=at, workload=workload, window_s=length_s)
            info.scenarios.append(
                replace(scenario_info, name=at, workload=workload.as_dict(), window_s=length_s, report_separately=True)
            )
        cells.append(
            CellPlan(
                id=last + len(cells) + 1, scenario=at, contender=name, round=stage, seed=seed, predecessor=predecessor
            )
        )
        predecessor = name
    info.cells += [cell_info(cell) for cell in cells]
    return replace(run_config, scenarios=tuple(scenarios.values()), cells=tuple(cells))
