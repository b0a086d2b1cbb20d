"""Report section on contenders behind a web service: loads and response times over HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from stampede.reports.analysis.rows import Floats
from stampede.reports.metrics.response_times import Spans, carried, estimated
from stampede.reports.output import formatting
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.reports.statistics.clustered import counted_mean
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, missing, quantile
from stampede.reports.topics.experiments.experiments_section import Findings
from stampede.run_folder.schema import ExperimentInfo

NAME = "over-http"
SCENARIO = "stampede"
"""The scenario of the grid with the same workload."""
PAIR = ("cache-aside", "coalescing")
"""The contenders whose order is compared."""
FIGURES = ("loads-per-1000-reads", "read-p50", "read-p99")
"""Names of the grid's metrics that are compared; every request is a read."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """Requests and results of one contender in one round."""

    requests: int
    failed: int
    loads: float
    spans: Spans
    """Times of the answered requests."""
    late_ms: Floats
    """Delay of each call's start after its due instant."""


def served(facts: pd.DataFrame) -> dict[str, dict[int, Served]]:
    """Results by contender and round."""
    found: dict[str, dict[int, Served]] = {}
    for (name, _), own in facts.groupby(["variant", "round"], sort=True):
        by_name = {str(fact): rows for fact, rows in own.groupby("name")}
        answers = by_name.get("response", own.iloc[:0]).sort_values("at", kind="stable")
        due_s, wait_ms = (answers[column].to_numpy(dtype=np.float64) for column in ("at", "value"))
        late_ms = by_name.get("late", own.iloc[:0])["value"].to_numpy(dtype=np.float64)
        found.setdefault(str(name), {})[int(own["round"].iloc[0])] = Served(
            requests=len(late_ms),
            failed=len(by_name.get("failed", ())),
            loads=float(by_name["loads"]["value"].sum()) if "loads" in by_name else np.nan,
            spans=Spans(due_s, due_s + wait_ms / 1e3, wait_ms),
            late_ms=late_ms,
        )
    return found


def figures(rounds: Mapping[int, Served]) -> dict[str, Estimate]:
    """A contender's figures over its rounds, computed like the grid's; missing if a request failed."""
    own = list(rounds.values())
    failed = sum(each.failed for each in own)
    if failed:
        return dict.fromkeys(FIGURES, missing(f"{failed:,} request{'' if failed == 1 else 's'} failed", len(own)))
    spans = [each.spans for each in own]
    loads = counted_mean([each.loads for each in own], [float(each.requests) for each in own])
    per_1000 = replace(loads, value=1000 * loads.value, low=1000 * loads.low, high=1000 * loads.high)
    return dict(zip(FIGURES, (per_1000, estimated(spans, 0.5), estimated(spans, 0.99)), strict=True))


def loads_compared(found: Mapping[str, Mapping[int, Served]]) -> Comparison:
    """Loads per request: ratio of the pair's second contender to its first, paired by round."""
    first, second = (found.get(name, {}) for name in PAIR)
    both = sorted(first.keys() & second.keys())
    per_request = [[rounds[r].loads / max(1, rounds[r].requests) for r in both] for rounds in (second, first)]
    return compare(*per_request)


def answer(found: Mapping[str, Mapping[int, Served]]) -> str:
    """Loads of each contender, and the ratio of the pair."""
    by_name = {name: figures(rounds)["loads-per-1000-reads"] for name, rounds in found.items()}
    loads = [f"{name} {with_interval(figure)}" for name, figure in by_name.items()]
    seen = f"queries per 1,000 requests: {formatting.listed(loads)}"
    if any(figure.missing for figure in by_name.values()):
        return f"No verdict, because requests failed. {seen.capitalize()}."
    c = loads_compared(found)
    if c.rounds < MIN_ROUNDS:
        rounds = f"{c.rounds} round{'' if c.rounds == 1 else 's'}"
        return f"No verdict: {rounds} cannot support one. Measured {seen}."
    first, second = PAIR
    if c.ratio is None:
        return f"{seen.capitalize()}."
    low, high = formatting.number(c.ratio.low), formatting.number(c.ratio.high)
    ratio = f"× {formatting.number(c.ratio.estimate)} ({low} – {high})"
    sure = c.ratio.high < 1 or c.ratio.low > 1
    return f"{seen.capitalize()}; {second} makes {ratio} of {first}'s{'' if sure else ': cannot tell'}."


def with_interval(figure: Estimate) -> str:
    """A figure with its interval, or the reason why it is missing."""
    if figure.missing:
        return f"{formatting.MISSING} ({figure.why})"
    span = formatting.interval(figure)
    return f"{formatting.number(figure.value)}{f' ({span})' if span else ''}"


def findings_of(info: ExperimentInfo, facts: pd.DataFrame) -> Findings:
    """Findings of the experiment."""
    found = served(facts)
    rows = []
    for name, rounds in found.items():
        per_1000, p50, p99 = figures(rounds).values()
        entries = [entry(per_1000), entry(p50, "ms"), entry(p99, "ms")]
        counts = [sum(each.requests for each in rounds.values()), sum(each.failed for each in rounds.values())]
        rows.append((name, [*entries, *(GridEntry(text=f"{count:,}") for count in counts)]))
    grid = Grid(
        anchor="over-http-table",
        title="Over HTTP",
        explain=(
            "Queries counted by the database, per request, and response times since the due instant, with intervals as "
            "in the grid."
        ),
        columns=["contender", "queries per 1,000 requests", "response p50", "response p99", "requests", "failed"],
        rows=rows,
    )
    csv = [
        (name, number, each.requests, each.loads, each.failed, *of_round(each))
        for name, rounds in found.items()
        for number, each in rounds.items()
    ]
    late = [each.late_ms for rounds in found.values() for each in rounds.values()]
    late_ms = quantile(np.concatenate(late), 0.99) if late else np.nan
    threads = info.settings.get("threads")
    note = (
        f"Open arrivals from one Locust process against {info.settings.get('server', 'the web service')}"
        f"{f', {threads} threads' if threads else ''}; no simulated RTT. "
        f"99 % of the calls were sent within {formatting.with_unit(late_ms, 'ms')} of their due time."
    )
    names = "contender round requests loads failed response_p50_ms response_p99_ms late_p99_ms"
    return Findings(answer=answer(found), notes=[note], grids=[grid], names=names, csv=csv)


def entry(figure: Estimate, unit: str = "") -> GridEntry:
    """A figure as an entry of the table."""
    if figure.missing:
        return GridEntry(text=formatting.MISSING, detail=figure.why)
    return GridEntry(text=formatting.with_unit(figure.value, unit), detail=figure.why or formatting.span(figure))


def of_round(each: Served) -> tuple[str, ...]:
    """Percentiles of one round for the CSV; empty if it has too few samples."""
    values = (carried(each.spans.wait_ms, 0.5), carried(each.spans.wait_ms, 0.99), quantile(each.late_ms, 0.99))
    return tuple("" if np.isnan(value) else f"{value:.6g}" for value in values)
