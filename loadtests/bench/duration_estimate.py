"""Estimate of a run's duration, printed before the run begins.

    a cell       warm-up + window + 0.3 s (drain while all answer, reset, next cell)
      fault      + half its drain of 2 s: the cell waits for contenders that hang, not for those that fall back
      worker     + 2 s: a separate worker process starts and stops
      drain      + 0.3 s: written records are read again after the drain
      entries    + 0.03 ms for each entry from which it begins
    filling      0.4 ms for each of these entries, once for each contender and TTL; before every cell for a contender
                 of the user (not counted with the user's own SQL, whose number of ids is not known here)
    experiments  the stated duration of each, times its rounds
    races        3 s for each built-in contender or limiter that runs
    fixed        8 s for servers, data and calibration; for the report 3 s and 5 % of the cells

Standard (contenders x rounds x a cell, with the filling): read-mostly 11 x 9 x 2.55 s = 4.9 min, at 0 ms 7 x 8 x 2.55 s
= 2.6 min; stampede 8 x 9 x 3.55 s = 4.4 min, at 0 ms and in one process 5 x 7 x 3.55 s = 2.2 min each; mixed-writes
8 x 8 x 2.85 s = 3.1 min; rate-limit-flood 7 x 6 x 1.9 s = 1.3 min; slow-load 2 x 6 x 2.55 s = 0.5 min; a killed Redis
2 x 3 x 13.6 s and a hung one 2 x 3 x 7.6 s = 2.1 min; cold start and queue 1 min; experiments 2.3 min, of which
eviction 65 s and over-http 40 s; races 0.9 min; fixed 1.4 min.
Quick: read-mostly 7 x 8 x 2.55 s = 2.7 min; stampede 5 x 8 x 3.55 s = 2.5 min; rate-limit-flood 7 x 3 x 1.9 s
= 0.7 min; two more TTLs 0.3 min; experiments 1 min.
"""

from dataclasses import dataclass, replace

from stampede.core.errors import require
from stampede.core.models.closed_forms import zipf_shares
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan.cell_plan import plan_cells
from stampede.loadtests.bench.run_plan.scenario_selection import check_bench_config
from stampede.loadtests.experiments.experiment import find_experiment
from stampede.scenarios.plans import Plan
from stampede.scenarios.scenario import Scenario
from stampede.scenarios.traffic.resident_entries import MOST_RECORDS
from stampede.scenarios.workload import Workload

DAY_S = 86_400.0
"""The longest run that starts without --yes."""
CELL_OVERHEAD_S = 0.3
FIXED_S = 8.0
REPORT_S = 3.0
REPORT_SHARE = 0.05
"""The time of the report, as a share of the cells' time."""
WORKER_S = 2.0
RACES_S = 3.0
"""Exploring the schedules of one contender."""
AFTER_DRAIN_S = 0.3
FILL_ENTRY_S = 0.000_4
"""Making one entry through a contender."""
RESTORE_ENTRY_S = 0.000_03
"""Putting one kept entry back."""


@dataclass(frozen=True, kw_only=True)
class RunEstimate:
    """The estimated duration of a run."""

    by_scenario: dict[str, float]
    """Seconds of cells in each scenario."""
    by_experiment: dict[str, float]
    """Seconds of each experiment."""
    cells: int
    races_s: float = 0.0

    @property
    def total_s(self) -> float:
        cells_s = sum(self.by_scenario.values())
        return FIXED_S + REPORT_S + cells_s * (1 + REPORT_SHARE) + sum(self.by_experiment.values()) + self.races_s

    def summary(self, plan: str) -> str:
        """The estimate in one line."""
        return f"plan {plan}: {self.cells:,} cells, about {format_duration(self.total_s)}"

    def require_accepted(self, yes: bool) -> None:
        """Raise ConfigError for a run of more than a day, unless the user gave --yes."""
        length = f"about {format_duration(self.total_s)} for {self.cells:,} cells"
        require(yes or self.total_s <= DAY_S, "length", length, "at most a day, or --yes")


def format_duration(seconds: float) -> str:
    """A duration in seconds, minutes, hours or days."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds <= 2 * DAY_S else f"{seconds / DAY_S:,.0f} days"


def estimate_knees(config: BenchConfig, max_cells: int) -> RunEstimate:
    """The longest duration of a knee search: each contender runs `max_cells` cells."""
    one = estimate(config)
    cells_s = sum(one.by_scenario.values())
    return replace(one, by_scenario={"knee": cells_s * max_cells}, cells=one.cells * max_cells)


def estimate(config: BenchConfig) -> RunEstimate:
    """Estimate the duration of the run on two cores. Raises ConfigError if the configuration is wrong."""
    scenarios, workloads, contender_specs = check_bench_config(config)
    each = {s.name: cell_s(s, w, config.plan) for s, w in zip(scenarios, workloads, strict=True)}
    workers = {c.name for c in contender_specs if c.worker}
    entries = {s.name: entries_in(s, w) for s, w in zip(scenarios, workloads, strict=True)}
    specs = {spec.name: spec for spec in contender_specs}
    filled: set[tuple[str, float, int]] = set()
    cells = plan_cells(config, contender_specs)
    by_scenario = dict.fromkeys(each, 0.0)
    for cell, count in ((cell, entries[cell.scenario]) for cell in cells):
        by_scenario[cell.scenario] += each[cell.scenario] + WORKER_S * (cell.contender in workers)
        spec = specs[cell.contender]
        if spec.kind != "baseline" and spec.family == "caching" and spec.pattern().moving_parts != ():
            made = (spec.copy_of or spec.name, *count)
            again = made not in filled or spec.file is not None
            by_scenario[cell.scenario] += count[1] * (FILL_ENTRY_S * again + RESTORE_ENTRY_S)
            filled.add(made)
    raced = {cell.contender for cell in cells} & {
        c.name for c in contender_specs if c.kind == "contender" and not c.opt_in
    }
    return RunEstimate(
        by_scenario=by_scenario,
        by_experiment=experiment_durations(config),
        cells=len(cells),
        races_s=RACES_S * len(raced) * config.plan.races,
    )


def cell_s(scenario: Scenario, workload: Workload, plan: Plan) -> float:
    """Seconds from the beginning of one cell to the beginning of the next."""
    if scenario.flood is not None:
        window_s = scenario.flood.window_s * plan.flood_windows
    else:
        window_s = scenario.caching_window_s(workload.ttl_s) * plan.windows
    waited_s = scenario.drain_s / 2 if scenario.fault is not None else 0.0
    return scenario.warm_up_s + window_s + CELL_OVERHEAD_S + waited_s + AFTER_DRAIN_S * scenario.check_after_drain


def entries_in(scenario: Scenario, workload: Workload) -> tuple[float, int]:
    """The TTL, and about how many entries a cell begins with."""
    if scenario.flood is not None or scenario.cold or workload.own_sql:
        return workload.ttl_s, 0
    shares = zipf_shares(workload.active_records or workload.records, workload.key_skew)
    reads_per_ttl = shares * workload.rate_per_s * workload.read_share * workload.ttl_s
    return workload.ttl_s, min(MOST_RECORDS, round(float((reads_per_ttl / (1 + reads_per_ttl)).sum())))


def experiment_durations(config: BenchConfig) -> dict[str, float]:
    plan = config.plan
    return {name: find_experiment(name).lasts_s(plan.rounds, small=plan.small_experiments) for name in plan.experiments}
