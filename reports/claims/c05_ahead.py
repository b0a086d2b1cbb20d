"""Claim C5: refresh-ahead prevents misses on frequently read data.

Without refresh-ahead, each expiry of the most-read key causes misses. “Prevents” means that at most one expiry in four
still does. Only misses by expiry count: an entry that a write deleted cannot be refreshed, so those misses are stated
apart. The key must expire in the window, and the scenario must preserve the order load time, refresh window, TTL: a
load that takes longer than the refresh window cannot end in time, whatever the pattern.
"""

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.time_scale import refresh_window_ms, scale_preserved
from stampede.reports.claims.claim import Case, CaseAnswer, Claim, briefly, counted_below, with_interval
from stampede.reports.claims.lookup import REFERENCE, groups, simulated_rtt
from stampede.reports.metrics.key_misses import KeyMisses, all_key_misses, expiries_with_a_miss
from stampede.reports.output import formatting
from stampede.reports.statistics.estimate import Estimate, missing
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

MOST = 0.25
AHEAD = "refresh-ahead"
LEAST_TTLS = 1.0
"""In shorter windows, all rounds together, the key hardly expires."""
OFTEN = 0.5
"""Expiries with a miss per TTL of the reference, below which the key seldom expires: writes delete it before."""


def of_misses(
    place: str, expiries: Estimate, counted: KeyMisses, excluded: str = "", reference: str = "", href: str = ""
) -> Case:
    """The case of one scenario.

    `expiries`: those with a miss, per TTL. `excluded`: why the scenario does not count. `reference`: the same figure of
    the reference, as text.
    """
    answer: CaseAnswer
    answer, why = ("informational", excluded) if excluded else counted_below(expiries, MOST, of=counted.ttls)
    figure = f"{AHEAD}: {with_interval(expiries)} expiries with a miss of the most-read key per TTL{reference}"
    if counted.ttls < LEAST_TTLS:
        figure = f"{AHEAD}: expiries with a miss per TTL not estimated"
    if counted.after_writes:
        figure += f"; {counted.after_writes:,} misses after a delete by a write do not count"
    if excluded:
        figure += f" (does not count: {excluded})"
    brief = f"{briefly(expiries)} expiries with a miss per TTL"
    return Case(condition=place, answer=answer, why=why, figure=figure, href=href, brief=brief)


def place(s: ScenarioInfo, contender: ContenderInfo) -> str:
    """The condition: writes, duration of a load and time of the refresh."""
    writes = 100 * (1 - float(s.workload["read_share"]))
    window_ms = refresh_window_ms(contender, s)
    left = "" if window_ms is None else f", refreshed in the last {formatting.duration(window_ms / 1e3)} of a TTL"
    load_ms = s.measured.get("load_ms", 0.0)
    return f"{writes:g} % writes and queries of {load_ms:.0f} ms{left} ({s.name}, {simulated_rtt(s)})"


def exclusion(s: ScenarioInfo, contender: ContenderInfo, counted: KeyMisses, reference: Estimate) -> str:
    """Why a scenario does not count; empty if it does. `reference`: its expiries with a miss, per TTL."""
    if counted.ttls < LEAST_TTLS:
        return "the windows are shorter than one TTL"
    if s.cold or s.fault is not None or s.report_separately:
        return "the scenario is reported separately"
    if not reference.missing and reference.value < OFTEN:
        return "the key seldom expires, because writes delete it before"
    return scale_preserved(contender, s)


def cases(analysis: Analysis) -> list[Case]:
    without = {s.name: expiries_with_a_miss(cells) for s, cells in groups(analysis, REFERENCE)}
    found = []
    for s, cells in groups(analysis, AHEAD):
        counted = all_key_misses(cells)
        if counted is None:
            continue
        usual = without.get(s.name, missing("did not run"))
        reference = "" if usual.missing else f"; {REFERENCE} {with_interval(usual)}"
        contender = cells[0].contender
        excluded = exclusion(s, contender, counted, usual)
        estimate = expiries_with_a_miss(cells)
        found.append(of_misses(place(s, contender), estimate, counted, excluded, reference, s.name))
    return found


CLAIM = Claim(
    row="C5",
    statement="refresh-ahead prevents misses on frequently read data",
    short="refresh-ahead prevents misses",
    rule=(
        f"fewer than {MOST:g} expiries of the most-read key per TTL cause a miss, for the whole interval (or each of "
        "three rounds); if none did, 3/n of n TTLs must be below that. Misses after a delete by a write do not count"
    ),
    cases=cases,
)
