"""How long a plan takes, told before it begins.

    a cell      warm-up + window + 0.3 s (drain while all answer, reset, change)
      fault     + half its drain of 2 s: who hangs is waited for, who falls back is not
      worker    + 2 s: a worker process of its own starts and stops
      at rest   + 0.3 s: what was written is read again
    experiments what each states, times its rounds
    races       3 s a contender or limiter of ours that runs
    around      8 s: servers, data, calibration; the report 3 s and 5 % of the cells

Standard (who runs x rounds x a cell): read-heavy and stampede 11 x 10 x 2.55 s each = 9.4 min; the two at 0 ms 7 and 6
x 8 x 2.55 s = 4.4 min; in one process 5 x 7 x 2.55 s = 1.5 min; mixed-writes 8 x 8 x 2.85 s = 3.1 min; rate-limit-flood
7 x 6 x 1.9 s = 1.3 min; slow-load 2 x 6 x 2.55 s = 0.5 min; a killed Redis 2 x 3 x 13.6 s and a hung one 2 x 3 x 7.6 s
= 2.1 min; cold start and queue 1.2 min; experiments 2.6 min, of which over-http 40 s; races 0.9 min; around 1.4 min.
Quick: two scenarios 7 x 8 x 2.55 s each = 4.8 min; rate-limit-flood 7 x 3 x 1.9 s = 0.7 min; experiments 0.8 min.
"""

from dataclasses import dataclass, replace

from stampede.core.errors import require
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan.cell_plan import plan_cells
from stampede.loadtests.bench.run_plan.scenario_selection import check_order
from stampede.loadtests.experiments.experiment import find_experiment
from stampede.scenarios.plans import Plan
from stampede.scenarios.scenario import Scenario
from stampede.scenarios.workload import Workload

DAY_S = 86_400.0
"""The longest run that is begun without a question."""
AROUND_CELL_S = 0.3
AROUND_S = 8.0
REPORT_S = 3.0
REPORT_SHARE = 0.05
"""Of the cells' time: what the report takes."""
WORKER_S = 2.0
RACES_S = 3.0
"""Of a contender whose schedules are explored."""
AT_REST_S = 0.3


@dataclass(frozen=True, kw_only=True)
class RunEstimate:
    """The estimated duration of a run."""

    by_scenario: dict[str, float]
    """Seconds."""
    by_experiment: dict[str, float]
    cells: int
    races_s: float = 0.0

    @property
    def total_s(self) -> float:
        cells_s = sum(self.by_scenario.values())
        return AROUND_S + REPORT_S + cells_s * (1 + REPORT_SHARE) + sum(self.by_experiment.values()) + self.races_s

    def said(self, plan: str) -> str:
        """In one line."""
        return f"plan {plan}: {self.cells:,} cells, about {lasting(self.total_s)}"

    def accepted(self, yes: bool) -> None:
        """Raise ConfigError for a run of more than a day, unless the user said yes to it."""
        length = f"about {lasting(self.total_s)} for {self.cells:,} cells"
        require(yes or self.total_s <= DAY_S, "length", length, "at most a day, or --yes")


def lasting(seconds: float) -> str:
    """A span in words."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds <= 2 * DAY_S else f"{seconds / DAY_S:,.0f} days"


def knees_estimate(order: BenchConfig, most_cells: int) -> RunEstimate:
    """As `estimate`, at most: each contender may take that many cells, each of them a run of its own."""
    one = estimate(order)
    cells_s = sum(one.by_scenario.values())
    return replace(one, by_scenario={"knee": cells_s * most_cells}, cells=one.cells * most_cells)


def estimate(order: BenchConfig) -> RunEstimate:
    """What the run will take on two cores. Raises ConfigError where the order is wrong."""
    scenarios, workloads, contender_specs = check_order(order)
    each = {s.name: cell_s(s, w, order.plan) for s, w in zip(scenarios, workloads, strict=True)}
    workers = {e.name for e in contender_specs if e.worker}
    cells = plan_cells(order, contender_specs)
    by_scenario = dict.fromkeys(each, 0.0)
    for cell in cells:
        by_scenario[cell.scenario] += each[cell.scenario] + WORKER_S * (cell.contender in workers)
    raced = {cell.contender for cell in cells} & {
        e.name for e in contender_specs if e.kind == "contender" and not e.opt_in
    }
    return RunEstimate(
        by_scenario=by_scenario,
        by_experiment=experiments_s(order),
        cells=len(cells),
        races_s=RACES_S * len(raced) * order.plan.races,
    )


def cell_s(scenario: Scenario, workload: Workload, plan: Plan) -> float:
    """From a cell's beginning to the next one's."""
    if scenario.flood is not None:
        window_s = scenario.flood.window_s * plan.flood_windows
    else:
        window_s = scenario.window_ttls * workload.ttl_s * plan.windows
    waited_s = scenario.drain_s / 2 if scenario.fault is not None else 0.0
    return scenario.warm_up_s + window_s + AROUND_CELL_S + waited_s + AT_REST_S * scenario.check_after_drain


def experiments_s(order: BenchConfig) -> dict[str, float]:
    plan = order.plan
    return {name: find_experiment(name).lasts_s(plan.rounds, small=plan.small_experiments) for name in plan.experiments}
