"""Report section on rate limiters, and its CSV: a sentence, a plane, a table, and every figure in a fold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.output import formatting
from stampede.reports.output.charts import Chart
from stampede.reports.recommend.rule import number_texts
from stampede.reports.topics.rate_limiting.limiter_analysis import (
    IN_A_ROW,
    USUAL_LIMIT,
    WITHIN,
    LimiterResult,
    limiter_results,
)
from stampede.reports.topics.rate_limiting.limiter_answer import KINDS, LimiterVerdict, answer, contract, verdict_of
from stampede.reports.topics.rate_limiting.limiter_charts import charts
from stampede.reports.topics.rate_limiting.limiter_details import LimiterDetails, details_of
from stampede.reports.topics.rate_limiting.limiter_plane import plane
from stampede.run_folder.races_json import RacesInfo
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

PROFILES = {
    "steady": "evenly spaced calls at that multiple of the limit",
    "Poisson": "many independent users, at that multiple of the limit on average",
    "flood 10": "evenly spaced calls at that multiple of the limit",
    "flood 20": "evenly spaced calls at that multiple of the limit",
    "edge burst": "L calls just before an edge of the clock's windows, and L just after it",
    "idle, then 3 L": "no call for a window or more, then 3 L calls at once",
    "ties": "2 L calls at one instant, every 1.25 windows",
    "drip": "one call every W / L, a little early or late",
    "flood, then half": "20 times the limit for one window, then half the limit",
    "burst, then": "L calls at once, then evenly spaced calls at that multiple of the limit",
}
"""What a caller does, by the beginning of its profile's name."""


@dataclass(frozen=True, kw_only=True)
class LimiterSummary:
    """A limiter's row of the short table. Figures with unit and interval."""

    contender: ContenderInfo
    strictness: str
    """The fullest window over L."""
    worst_caller: str
    """The lowest share of one caller's entitled calls."""
    worst_profile: str
    added_time: str
    """Time per call over an empty script."""
    bytes_here: str
    bytes_usual: str
    """Bytes per caller at USUAL_LIMIT."""
    verdict: LimiterVerdict
    warnings: list[int]


@dataclass(frozen=True, kw_only=True)
class LimiterSection:
    """One limiting scenario's part of the page."""

    scenario: ScenarioInfo
    settings_text: str
    answer: str
    limit: int
    usual_limit: int
    exact: str
    """The limiter that refused no call wrongly, although its worst-served caller lacks calls; empty: none."""
    rows: list[LimiterSummary]
    plane: Chart | None
    profiles: list[tuple[str, str]]
    """(caller profile, what such a caller does)"""
    details: LimiterDetails
    charts: list[Chart]
    warnings: list[int]
    """The warnings that concern several limiters, or the whole scenario."""


def sections(analysis: Analysis, races: RacesInfo | None = None) -> list[LimiterSection]:
    """One section per limiting scenario. `races`: the results of the race explorer, if there are any."""
    if analysis.limiting is None:
        return []
    found: dict[str, list[LimiterResult]] = {}
    for limiter in limiter_results(analysis.limiting):
        found.setdefault(limiter.scenario.name, []).append(limiter)
    return [section(analysis, limiters, races) for limiters in found.values()]


def section(analysis: Analysis, limiters: Sequence[LimiterResult], races: RacesInfo | None) -> LimiterSection:
    """The section of one scenario."""
    contenders, scenario = analysis.run.info.contenders, limiters[0].scenario
    rivals = [x for x in limiters if x.info.kind != "baseline"]
    rivals.sort(key=lambda x: KINDS.index(verdict_of(x, races).kind))
    details = details_of(analysis, limiters)
    warnings = {row.contender.name: row.warnings for row in details.rows}
    return LimiterSection(
        scenario=scenario,
        settings_text=settings_text(scenario),
        answer=answer(limiters, races),
        limit=limiters[0].limit,
        usual_limit=USUAL_LIMIT,
        exact=next((x.info.name for x in rivals if not (x.wrong.refused or x.wrong.admitted) and x.starved[0] < 1), ""),
        rows=[summary_of(x, races, warnings[x.info.name]) for x in rivals],
        plane=plane(rivals, contenders, races),
        profiles=[(name, explained(name)) for name in profile_names(scenario)],
        details=details,
        charts=charts(limiters, contenders),
        warnings=[x.number for x in analysis.shared_warnings(scenario.name)],
    )


def summary_of(x: LimiterResult, races: RacesInfo | None, warnings: list[int]) -> LimiterSummary:
    """The short table's row of a limiter."""
    lowest, profile = x.starved
    return LimiterSummary(
        contender=x.info,
        strictness=formatting.number(x.most_certain / x.limit),
        worst_caller=formatting.MISSING if math.isnan(lowest) else f"{100 * lowest:.0f} %",
        worst_profile=profile,
        added_time=added_time(x),
        bytes_here=whole(x.largest_key_bytes),
        bytes_usual=whole(x.key_bytes_at(USUAL_LIMIT), "≈ " * (x.key_grows and x.limit != USUAL_LIMIT)),
        verdict=verdict_of(x, races),
        warnings=warnings,
    )


def whole(value: float, sign: str = "") -> str:
    """A number of bytes: three digits if it is an estimate, else whole."""
    if math.isnan(value):
        return formatting.MISSING
    return f"{sign}{float(f'{value:.2g}'):,.0f}" if sign else f"{value:,.0f}"


def added_time(x: LimiterResult) -> str:
    """Time per call above that of an empty script: "+0.061 ms (0.039 – 0.075)"; few rounds: their median and range."""
    shift = x.latency.difference if x.latency is not None else None
    if shift is not None:
        return f"{number_texts.signed(shift.estimate, 'ms')}{number_texts.between(shift.low, shift.high)}"
    each = x.latency_rounds_ms
    if not len(each):
        return formatting.MISSING
    middle, low, high = float(np.median(each)), float(each.min()), float(each.max())
    return f"{number_texts.signed(middle, 'ms')}{number_texts.between(low, high)}"


def profile_names(scenario: ScenarioInfo) -> list[str]:
    """The caller profiles of the flood, in its order."""
    assert scenario.flood is not None
    return list(dict.fromkeys(group["profile"] for group in scenario.flood["caller_groups"]))


def explained(profile: str) -> str:
    """What a caller of that profile does; empty for an unknown profile."""
    return next((text for begin, text in PROFILES.items() if profile.startswith(begin)), "")


def settings_text(scenario: ScenarioInfo) -> str:
    """The flood's settings as one line."""
    flood = scenario.flood
    assert flood is not None
    caller_groups = ", ".join(f"{group['subjects']} {group['profile']}" for group in flood["caller_groups"])
    windows = scenario.window_s / flood["window_s"]
    return (
        f"limit L = {flood['limit']} calls in W = {flood['window_s']:g} s, {windows:g} windows per cell, "
        f"{scenario.workload['rate_per_s']:.0f} calls/s in total; subjects: {caller_groups}; simulated RTT "
        f"{scenario.workload.get('rtt_ms') or 0:g} ms, {scenario.processes} processes with "
        f"{scenario.workload['users_per_process']} threads each"
    )


HEADER = (
    "scenario contender kind contract bound held need_certain need_possible held_strict most_certain most_possible "
    "time_above excess_share admitted_over_entitled within_limit lowest lowest_whose jain least wrong_admitted "
    "wrong_refused decisions waited waited_admitted sooner sooner_admitted waste_s promised promised_admitted herd "
    "first_admission_s ten_in_a_row_s edge over_evalsha_ms sent_per_decision scripted_per_decision round_trips "
    "key_bytes_mean steady_admitted steady_entitled"
)


def csv_rows(analysis: Analysis) -> list[tuple[object, ...]]:
    """The table's figures as CSV rows with the columns of HEADER."""
    if analysis.limiting is None:
        return []
    rows: list[tuple[object, ...]] = []
    for x in limiter_results(analysis.limiting):
        t, w = x.retry_outcomes, x.wrong
        figures = (
            *(x.above_share, x.excess_share, x.got(), x.got(*WITHIN), x.starved[0], x.starved[1], *x.fairness),
            *(w.admitted, w.refused, x.decisions, t.waited, t.waited_admitted, t.sooner, t.sooner_admitted, t.waste_s),
            *(t.guaranteed, t.guaranteed_admitted, x.herd, x.recovery(1)[0], x.recovery(IN_A_ROW)[0], x.edge_alignment),
            float(np.median(x.latency_rounds_ms)) if len(x.latency_rounds_ms) else math.nan,
            *(x.sent_per_decision, x.scripted_per_decision, x.round_trips),
            float(np.mean(x.key_bytes)) if len(x.key_bytes) else math.nan,
            *((math.nan, math.nan) if x.starvation is None else (x.starvation.admitted, x.starvation.entitled)),
        )
        head = (
            x.scenario.name,
            x.info.name,
            x.info.kind,
            contract(x),
            x.bound,
            x.kept,
            x.need_certain,
            x.need_possible,
        )
        rows.append((*head, x.kept_strict, x.most_certain, x.most_possible, *(plain(value) for value in figures)))
    return rows


def plain(value: object) -> object:
    """A CSV value: six significant digits; empty for nan."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return value
