"""The scorecard: contenders by the metrics that decide, coloured by the ratio to the best of each column."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stampede.reports.analysis.aa_pair import AAPair, aa_pair_of
from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.analysis.timeseries import LATE_MS
from stampede.reports.metrics.metric import find_metric, metrics
from stampede.reports.output import formatting
from stampede.reports.output.charts import slug
from stampede.reports.recommend.eligibility import rivals
from stampede.reports.statistics.estimate import Estimate, separated
from stampede.reports.topics.faults.outage_effects import OutageEffects, outages, percent_served, share_served
from stampede.run_folder.races_json import NOT_JUDGED, RacesInfo
from stampede.run_folder.schema import ContenderInfo

STEPS = (1.25, 2.0, 4.0, 16.0)
"""Bounds of the colours, as ratios to the best, resolution added to both: about even steps on a log scale."""
IN_AN_OUTAGE = "in an outage of Redis"
RACES_BROKEN = "races broken"
STALE = "stale-after-told"
UNSERVED = (0.001, 0.01, 0.1, 0.5)
"""Bounds of the colours of the outage column: the share of requests that was not served."""


@dataclass(frozen=True, kw_only=True)
class ScorecardEntry:
    """One cell of the scorecard."""

    text: str
    detail: str = ""
    heat: int | None = None
    """0 (the best and its ties) to len(STEPS); None: no colour."""
    unclear: bool = False
    """Whether the verdict against the reference is "cannot tell", or the column's metric is ignored."""
    title: str = ""
    """The tooltip."""
    link: str = ""
    """The place on the page that explains it."""


@dataclass(frozen=True, kw_only=True)
class Scorecard:
    """The table of contenders by the metrics that decide."""

    columns: list[tuple[str, str]]
    """(scenario or "", title)"""
    rows: list[tuple[ContenderInfo, list[ScorecardEntry]]]
    ignored: str = ""
    """The columns whose metric is ignored because the A/A copies differ, with both figures."""


def heat(value: float, best: float, resolution: float, gap: float = 1.0) -> int:
    """The step of colour. A ratio up to `gap`, the ratio between the A/A copies, has the colour of the best."""
    if math.isinf(value):
        return len(STEPS)
    base = best + resolution
    ratio = (value + resolution) / base if base > 0 else (1.0 if value == best else math.inf)
    return 0 if ratio <= gap else sum(ratio > step for step in STEPS)


def scorecard_of(
    figures: FigureSet, races: RacesInfo | None = None, outages: Mapping[str, list[OutageEffects]] | None = None
) -> Scorecard:
    """Every caching contender by the metrics that decide, in each scenario. `outages`: by contender, see outages_of."""
    through = outages or {}
    contenders = [c for c in rivals(figures) if ran_anywhere(figures, c.name) or c.name in through]
    columns: list[tuple[str, str]] = []
    notes: list[str] = []
    rows: dict[str, list[ScorecardEntry]] = {c.name: [] for c in contenders}
    for scenario in [s for s in figures.scenarios if not s.variant_of] or figures.scenarios:
        for metric in metrics():
            by_name = {c.name: figures.figure(scenario.name, c.name, metric.name) for c in contenders}
            known = [f.value for f in by_name.values() if not f.missing and not f.why]
            if not metric.decides or not known:
                continue
            if metric.name == "loads-per-1000-reads" and expiries(figures, scenario.name):
                continue
            columns.append((scenario.name, formatting.label(metric)))
            copies = aa_pair_of(figures, scenario.name, metric.name)
            if copies.ignored:
                notes.append(f"{scenario.name}, {copies.text}")
            grey = tied_shares(by_name, copies) if metric.name == STALE else frozenset()
            for name in by_name:
                rows[name].append(measured(figures, scenario.name, name, min(known), copies, grey))
    for title in (formatting.label(find_metric(STALE)), RACES_BROKEN, IN_AN_OUTAGE):  # shown even if not measured
        if any(label.endswith(title) for _, label in columns):
            continue
        columns.append(("", title))
        for name, entries in rows.items():
            if title == IN_AN_OUTAGE:
                entries.append(served(through.get(name, []), measured=bool(through)))
            elif title == RACES_BROKEN:
                entries.append(raced(races, name))
            else:
                entries.append(ScorecardEntry(text=formatting.MISSING, detail="not measured in this run"))
    return Scorecard(columns=columns, rows=[(c, rows[c.name]) for c in contenders], ignored="; ".join(notes))


def tied_shares(by_name: Mapping[str, Estimate], copies: AAPair) -> frozenset[str]:
    """The contenders whose share is tied with the lowest: their intervals overlap, or one has none.

    A few stale reads in thousands are chance, and their ratio can be large. If the lowest share is that of the A/A
    copies' original, a share must be separated from both copies.
    """
    known = {name: share for name, share in by_name.items() if not share.missing and not share.why}
    lowest = min(known, key=lambda name: known[name].value)
    best = [known[lowest]] + [copies.other] * (lowest == copies.name and not copies.other.missing)
    return frozenset(name for name, share in known.items() if not all(separated(share, other) for other in best))


def ran_anywhere(figures: FigureSet, contender: str) -> bool:
    """Whether the contender ran in any scenario."""
    return any(figures.ran(scenario.name, contender) for scenario in figures.scenarios)


def measured(
    figures: FigureSet, scenario: str, contender: str, best: float, copies: AAPair, grey: frozenset[str]
) -> ScorecardEntry:
    """One figure, coloured by its ratio to the best. `copies`: the A/A copies by the same metric.

    `grey`: the contenders whose figure has no colour, because it is tied with the best.
    """
    metric = copies.metric
    figure = figures.figure(scenario, contender, metric.name)
    if figure.missing:
        return ScorecardEntry(
            text=formatting.MISSING, detail=figure.why if figures.ran(scenario, contender) else "not run here"
        )
    verdict = figures.verdicts.get((scenario, contender, metric.name))
    ignored = bool(figure.why) or copies.ignored or contender in grey
    return ScorecardEntry(
        text=formatting.figure(figure.value, metric),
        detail=figure.why or formatting.interval(figure),
        heat=None if ignored else heat(figure.value, best, metric.resolution, copies.gap),
        unclear=copies.ignored or (verdict is not None and verdict.sentence == "cannot tell"),
        title=formatting.provenance(figure),
    )


def outages_of(analysis: Analysis) -> dict[str, list[OutageEffects]]:
    """By contender, the outages of Redis in which it ran."""
    found: dict[str, list[OutageEffects]] = {}
    faults = analysis.separate
    if faults is not None:
        for scenario in faults.scenarios:
            of_redis = scenario.fault is not None and scenario.fault.get("server", "Redis") == "Redis"
            for one in outages(faults, scenario) if of_redis else ():
                found.setdefault(one.contender.name, []).append(one)
    return found


def served(through: Sequence[OutageEffects], *, measured: bool) -> ScorecardEntry:
    """The lowest share of requests served in an outage, over all rounds; below it, the share of each outage."""
    if not through:
        why = "ran in no outage" if measured else "not measured in this run: make bench PLAN=standard"
        return ScorecardEntry(text=formatting.MISSING, detail=why)
    shares = {one.cells[0].info.scenario: share_served(one) for one in through}
    worst = min(shares.values())
    return ScorecardEntry(
        text=f"{percent_served(worst)} served",
        detail=", ".join(f"{scenario} {percent_served(share)}" for scenario, share in shares.items()),
        heat=sum(1 - worst > step for step in UNSERVED),
        title=f"share of requests due in the outage that were answered without an error within {LATE_MS / 1000:g} s",
    )


def raced(races: RacesInfo | None, name: str) -> ScorecardEntry:
    """The number of tried invariants that an order of steps breaks; below it, how many of those are guaranteed."""
    if races is None:
        return ScorecardEntry(text=formatting.MISSING, detail="not measured in this run: make races")
    if name in races.skipped:
        return ScorecardEntry(text=formatting.MISSING, detail=f"not explored: {races.skipped[name]}")
    words = {i.name: word for i in races.invariants if (word := races.word(name, i.name))}
    if not words:
        return ScorecardEntry(text=formatting.MISSING, detail="not explored")
    broken = [invariant for invariant, word in words.items() if word in ("BROKEN", "broken", "kept but")]
    guaranteed = sum(word == "BROKEN" for word in words.values())
    unjudged = sum(word == NOT_JUDGED for word in words.values())
    return ScorecardEntry(
        text=f"{len(broken)} of {len(words) - unjudged} broken",
        detail=f"{guaranteed} of its guarantees" + (f"; {unjudged} not judged" if unjudged else ""),
        heat=len(STEPS) if guaranteed else 2 if broken else 0,
        title="broken: " + ", ".join(broken) if broken else "no schedule that was tried breaks any",
        link=f"#races-{slug(name)}" if broken else "#races",
    )


def expiries(figures: FigureSet, scenario: str) -> bool:
    """Whether the scenario has loads per expiry, which replace loads per 1,000 reads."""
    return any(
        not figure.missing
        for (where, _, name), figure in figures.figures.items()
        if where == scenario and name == "loads-per-expiry"
    )
