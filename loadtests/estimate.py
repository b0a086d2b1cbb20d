"""How long a plan takes, told before it begins.

    a cell      warm-up + window + 0.35 s (drain while all answer, reset, change)
      fault     + its whole drain of 2 s: what hangs is waited for
      worker    + 2 s: a worker process of its own starts and stops
      at rest   + 0.3 s: what was written is read again
    experiments what each states, times its rounds
    around      15 s: servers, data, calibration; and 2 ms of report a second of cells and contender

Standard, by scenario (who runs x rounds x a cell): read-heavy and stampede 11 x 10 x 2.75 s each = 10 min; at 0 ms
7 x 8 x 2.75 s each = 5 min; mixed-writes 8 x 6 x 3.05 s = 2.4 min; rate-limit-flood 7 x 6 x 2.1 s = 1.5 min;
slow-load 2 x 6 x 2.75 s = 0.6 min; outages 2 x 2 x 3 x 8.5 s = 1.7 min; the rest and the experiments 4 min.
"""

from dataclasses import dataclass

from loadtests.bench import BenchOrder, check_order, plan_cells
from loadtests.experiments.experiment import find_experiment
from scenarios.plans import Plan
from scenarios.scenario import Scenario
from scenarios.workload import Workload

AROUND_CELL_S = 0.35
AROUND_S = 15.0
REPORT_SHARE = 0.02
"""Of the cells' time: what the report takes."""
WORKER_S = 2.0
AT_REST_S = 0.3


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Of a run."""

    by_scenario: dict[str, float]
    """Seconds."""
    by_experiment: dict[str, float]
    cells: int

    @property
    def total_s(self) -> float:
        cells_s = sum(self.by_scenario.values())
        return AROUND_S + cells_s * (1 + REPORT_SHARE) + sum(self.by_experiment.values())

    def said(self, plan: str) -> str:
        """In one line."""
        total = self.total_s
        length = f"{total:.0f} seconds" if total < 90 else f"{total / 60:.0f} minutes"
        return f"plan {plan}: {self.cells:,} cells, about {length}"


def estimate(order: BenchOrder) -> Estimate:
    """What the run will take on two cores. Raises ConfigError where the order is wrong."""
    scenarios, workloads, entrants = check_order(order)
    each = {s.name: cell_s(s, w, order.plan) for s, w in zip(scenarios, workloads, strict=True)}
    workers = {e.name for e in entrants if e.worker}
    cells = plan_cells(order, entrants)
    by_scenario = dict.fromkeys(each, 0.0)
    for cell in cells:
        by_scenario[cell.scenario] += each[cell.scenario] + WORKER_S * (cell.contender in workers)
    return Estimate(by_scenario=by_scenario, by_experiment=experiments_s(order), cells=len(cells))


def cell_s(scenario: Scenario, workload: Workload, plan: Plan) -> float:
    """From a cell's beginning to the next one's."""
    if scenario.flood is not None:
        window_s = scenario.flood.window_s * plan.flood_windows
    else:
        window_s = scenario.window_ttls * workload.ttl_s * plan.windows
    waited_s = scenario.drain_s if scenario.fault is not None else 0.0
    return scenario.warm_up_s + window_s + AROUND_CELL_S + waited_s + AT_REST_S * scenario.judge_at_rest


def experiments_s(order: BenchOrder) -> dict[str, float]:
    plan = order.plan
    return {name: find_experiment(name).lasts_s(plan.rounds, small=plan.small_experiments) for name in plan.experiments}
