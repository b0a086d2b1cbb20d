"""The "Depends on" sentence: the factors that a run varied, and whether the order of contenders changes with them."""

import itertools
from collections.abc import Iterator
from typing import Literal

from stampede.reports.analysis.aa_pair import AAPair, aa_pair_of
from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.metrics.metric import Metric, metrics
from stampede.reports.output import formatting
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, overlap
from stampede.run_folder.schema import ScenarioInfo


def depends_on(figures: FigureSet) -> str:
    """Whether the order of contenders changes with each factor that the run varied."""
    factors = [(factor, base, other) for base, other in varied(figures) if (factor := varied_factor(base, other))]
    parts = [order_changes(figures, factor, base, other) for factor, base, other in factors]
    rest = [name for name in ("simulated RTT", "cores", "processes", "rate") if name not in {f for f, _, _ in factors}]
    names = formatting.listed(rest)
    return " ".join([*parts, f"{names[:1].upper()}{names[1:]}: not varied in this run."])


def varied(figures: FigureSet) -> list[tuple[ScenarioInfo, ScenarioInfo]]:
    """Each scenario that the run repeats with one condition changed, and that variant."""
    known = {s.name: s for s in figures.scenarios}
    return [(known[s.variant_of], s) for s in figures.scenarios if s.variant_of in known]


Factor = Literal["simulated RTT", "processes", ""]


def varied_factor(base: ScenarioInfo, other: ScenarioInfo) -> Factor:
    """The one factor in which both differ: the simulated RTT or the processes; empty: another, or several."""
    differs = {name for name in base.workload if base.workload[name] != other.workload.get(name)}
    if base.processes != other.processes:
        return "" if differs else "processes"
    return "simulated RTT" if differs == {"rtt_ms"} else ""


def factor_level(factor: Factor, scenario: ScenarioInfo) -> str:
    """The level of a factor in a scenario, with its unit."""
    if factor == "simulated RTT":
        return f"{scenario.workload.get('rtt_ms') or 0:g} ms"
    return f"{scenario.processes} {'process' if scenario.processes == 1 else 'processes'}"


def order_changes(figures: FigureSet, factor: Factor, base: ScenarioInfo, other: ScenarioInfo) -> str:
    """The pairs of contenders that certainly change their order between two levels of a factor, by deciding metrics."""
    at = [factor_level(factor, s) for s in (base, other)]
    by = "at" if factor == "simulated RTT" else "with"
    changed, kept = [], 0
    for metric, pair, here, there in orders(figures, base, other):
        if here and there and here != there:
            first, second = pair if here < 0 else pair[::-1]
            changed.append(f"{formatting.label(metric)}: {first} below {second} {by} {at[0]}, above it {by} {at[1]}")
        kept += here != 0 and here == there
    head = f"The {factor} in {base.name} ({formatting.listed(at)}): "
    if figures.rounds < MIN_ROUNDS:
        return f"{head}varied, but it takes {MIN_ROUNDS} rounds to decide whether the order of contenders changes."
    if changed:
        return f"{head}the order of contenders changes. {'; '.join(changed)}."
    return (
        f"{head}the order of contenders does not change ({kept} pairs keep it; no pair reverses it with intervals that "
        "do not overlap)."
    )


def orders(
    figures: FigureSet, base: ScenarioInfo, other: ScenarioInfo
) -> Iterator[tuple[Metric, tuple[str, str], int, int]]:
    """Each pair of contenders by each metric that decides, with their order in both scenarios."""
    names = [c.name for c in figures.contenders if c.kind == "contender"]
    names = [name for name in names if figures.ran(base.name, name) and figures.ran(other.name, name)]
    for metric in (m for m in metrics() if m.decides or m.name == "read-p50"):
        for a, b in itertools.combinations(names, 2):
            here, there = (
                order(
                    figures.figure(s.name, a, metric.name),
                    figures.figure(s.name, b, metric.name),
                    aa_pair_of(figures, s.name, metric.name),
                )
                for s in (base, other)
            )
            yield metric, (a, b), here, there


def order(a: Estimate, b: Estimate, copies: AAPair) -> int:
    """-1 if a is certainly below b, 1 if above, 0 if their intervals overlap or the A/A copies differ as much."""
    if a.missing or b.missing or a.level is None or b.level is None or overlap(a, b):
        return 0
    return -1 if lies_below(a, b, copies) else 1 if lies_below(b, a, copies) else 0


def lies_below(mine: Estimate, its: Estimate, copies: AAPair) -> bool:
    """Whether one figure is below another by more than the difference between the A/A copies."""
    return not copies.ignored and mine.value * copies.gap < its.value
