"""The price of a pick: what it costs against the simplest contender of the row, paired by round.

A price that is significant and above the metric's resolution is printed as measured. The others are named together as
"no significant extra …" or, if the interval excludes zero, "negligible: …", each with its interval. One without values
in MIN_ROUNDS rounds is printed as "not estimated".
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.metrics.metric import find_metric
from stampede.reports.recommend.answer_row import Price
from stampede.reports.recommend.eligibility import NO_CACHE
from stampede.reports.recommend.rule import number_texts
from stampede.reports.recommend.rule.effects import level
from stampede.reports.recommend.rule.pick import SIGNIFICANT, common_rounds
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.rank_tests import holm
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

FREE = "none: it is the simplest contender"
NO_EXTRA = "no significant extra"
NO_COST = f"{NO_EXTRA} cost"
STALE = "reads may be stale for up to a TTL"
"""What a cache loses against no-cache."""

MOST_NAMED = 2
"""The most costs without a significant difference that the table of answers names."""


@dataclass(frozen=True, kw_only=True)
class PricedMetric:
    """A cost that every row looks at."""

    metric: str
    noun: str
    """In "no significant extra …" and "… not estimated"."""
    per: str
    """Completes "+0.8 ms …"."""


HIT = PricedMetric(metric="hit-p50", noun="hit latency", per="per hit")
MISS = PricedMetric(metric="miss-p50", noun="miss latency", per="per miss")
WAIT = PricedMetric(metric="waiting-p50", noun="wait of waiting readers", per="")
COMMANDS = PricedMetric(metric="commands-per-request", noun="Redis commands", per="Redis commands per request")
MEMORY = PricedMetric(metric="bytes-per-record", noun="memory per record", per="per record")
QUERIES = PricedMetric(metric="loads-per-expiry", noun="database queries", per="database queries per expiry")
WRITE = PricedMetric(metric="write-p50", noun="write latency", per="per write")


@dataclass(frozen=True, kw_only=True)
class Paired:
    """A priced metric of the pick against another contender's, with both levels."""

    priced: PricedMetric
    comparison: Comparison
    mine: float
    """The level that the tables print."""
    other: float


def prices_of(
    figures: FigureSet, scenario: ScenarioInfo, pick: ContenderInfo, base: ContenderInfo
) -> tuple[Price, ...]:
    """What the pick costs against the base: waits and latency first, then queries, commands and memory, then the
    guarantees. Fewer queries than the base are no price."""
    if pick.name == base.name:
        return (Price(text=FREE, kind="none", brief="none"),)
    found = costs_of(figures, scenario, pick, base)
    known = [p for p in found if p.comparison.rounds >= MIN_ROUNDS]
    measured = measured_prices(known)
    absent = [p.priced.noun for p in found if p.comparison.rounds < MIN_ROUNDS]
    small = [p for p in known if p not in measured]
    prices = [Price(text=text_of(p), kind="measured") for p in measured]
    unsaved = [p for p in small if p.priced is QUERIES]
    prices += [Price(text=unsaved_text(p), kind="stated", brief=without_interval(unsaved_text(p))) for p in unsaved]
    small = [p for p in small if p.priced is not QUERIES]
    if small:
        prices.append(no_price(small, base.name))
    prices += [Price(text=f"{noun}: not estimated", kind="not estimated") for noun in absent]
    if lost := guarantees_lost(pick, base):
        prices.append(loss(lost, base, ttls=bool(scenario.workload.get("ttl_s"))))
    return tuple(prices)


def no_price(small: Sequence[Paired], base: str) -> Price:
    """The costs without a significant difference, and those whose difference is below the resolution of the metric."""
    negligible = [p for p in small if excludes_zero(p)]
    open_ = [p for p in small if p not in negligible]
    parts = []
    if open_:
        parts.append(f"{NO_EXTRA} {join_or([f'{p.priced.noun}{interval_of(p)}' for p in open_])}")
    if negligible:
        parts.append(f"negligible: {', '.join(f'{p.priced.noun}{interval_of(p)}' for p in negligible)}")
    names = join_or([p.priced.noun for p in small])
    brief = f"{NO_EXTRA} {names}" if len(small) <= MOST_NAMED else NO_COST
    return Price(text="; ".join(parts), kind="none", brief=f"{brief} over {base}")


def excludes_zero(p: Paired) -> bool:
    """Whether the whole interval of the difference is above or below zero."""
    shift = p.comparison.difference
    return shift is not None and (shift.low > 0 or shift.high < 0)


def loss(lost: Sequence[str], base: ContenderInfo, *, ttls: bool) -> Price:
    """The guarantees that the base has and the pick has not. Against no cache: reads may be stale."""
    text = f"guarantees lost: {', '.join(lost)}"
    if base.name == NO_CACHE and ttls:
        return Price(text=f"{STALE} ({text})", kind="stated", brief=STALE)
    return Price(text=text, kind="stated", brief=text if len(lost) == 1 else f"{len(lost)} guarantees lost")


def measured_prices(known: Sequence[Paired]) -> list[Paired]:
    """Those that are significantly above zero, and above the resolution."""
    adjusted = holm([p.comparison.p for p in known])
    measured = []
    for p, adjusted_p in zip(known, adjusted, strict=True):
        shift = p.comparison.difference
        above = shift is not None and shift.estimate > find_metric(p.priced.metric).resolution
        if above and adjusted_p <= SIGNIFICANT:
            measured.append(p)
    return measured


def costs_of(figures: FigureSet, scenario: ScenarioInfo, pick: ContenderInfo, base: ContenderInfo) -> list[Paired]:
    """The costs that exist for this pair. One without common rounds has zero rounds.

    Without entries there are no hits to compare; one hot key takes the memory of one entry with any contender.
    """
    place, entries = scenario.name, base.moving_parts != []
    found = []
    waits = paired(figures, place, WAIT, pick.name, base.name, instead="miss-p50")
    if entries:
        if waits.comparison.rounds:
            found.append(waits)
        found.append(paired(figures, place, HIT, pick.name, base.name))
    never_misses = level(figures, place, pick.name, "misses-per-1000-reads") == 0
    if (not entries or waits.comparison.rounds < MIN_ROUNDS) and not never_misses:
        found.append(paired(figures, place, MISS, pick.name, base.name))
    if scenario.workload.get("read_share", 1.0) < 1:
        found.append(paired(figures, place, WRITE, pick.name, base.name))
    queries = paired(figures, place, QUERIES, pick.name, base.name)
    if queries.comparison.rounds and not saves(queries):
        found.append(queries)
    found.append(paired(figures, place, COMMANDS, pick.name, base.name))
    if scenario.workload.get("active_records") != 1:
        found.append(paired(figures, place, MEMORY, pick.name, base.name, instead=None if entries else ""))
    return found


def saves(p: Paired) -> bool:
    """Whether the whole interval of the difference is below zero."""
    shift = p.comparison.difference
    return shift is not None and shift.high < 0


def paired(
    figures: FigureSet, scenario: str, priced: PricedMetric, name: str, other: str, *, instead: str | None = None
) -> Paired:
    """A metric of one contender against that of another. `instead`: the metric of the other; empty: 0."""
    mine = dict(figures.round_values(scenario, name, priced.metric))
    theirs = dict.fromkeys(mine, 0.0)
    if instead != "":
        theirs = dict(figures.round_values(scenario, other, instead or priced.metric))
    values = common_rounds([mine, theirs])
    return Paired(
        priced=priced,
        comparison=compare(list(values[0]), list(values[1])),
        mine=level(figures, scenario, name, priced.metric),
        other=level(figures, scenario, other, instead or priced.metric),
    )


def text_of(p: Paired) -> str:
    """A measured price with unit and interval: "+5.66 ms per miss (1.99 – 9.20)"."""
    shift = p.comparison.difference
    assert shift is not None
    unit = find_metric(p.priced.metric).unit
    if p.priced is WAIT:
        mine, other = (f"{number_texts.number(level_ms)} {unit}" for level_ms in (p.mine, p.other))
        return f"waiting readers {mine} instead of {other}{number_texts.between(shift.low, shift.high, 'longer')}"
    span = number_texts.between(shift.low, shift.high)
    return f"{number_texts.signed(shift.estimate, unit)} {p.priced.per}{span}"


def unsaved_text(p: Paired) -> str:
    """Queries that the pick does not save: "7.50 queries per expiry instead of 6.62 (not significant, −1 – +3)"."""
    mine, other = number_texts.number(p.mine), number_texts.number(p.other)
    return f"{mine} queries per expiry instead of {other} (not significant,{interval_of(p).replace(' (', ' ', 1)}"


def without_interval(text: str) -> str:
    """The text of unsaved queries without the interval: "… (not significant)"."""
    return f"{text.partition(',')[0]})"


def interval_of(p: Paired) -> str:
    """The interval of a difference with its unit, in brackets: " (−0.2 – +1.6 ms)"."""
    shift = p.comparison.difference
    assert shift is not None
    unit = find_metric(p.priced.metric).unit
    low, high = number_texts.signed(shift.low), number_texts.signed(shift.high)
    bounds = low if low == high else f"{low} – {high}"
    return f" ({bounds}{' ' if unit else ''}{unit})"


def guarantees_lost(pick: ContenderInfo, base: ContenderInfo) -> list[str]:
    """The guarantees that the base has and the pick has not, in words."""
    return [name.lower().replace("_", " ") for name in base.guarantees if name not in pick.guarantees]


def join_or(names: Sequence[str]) -> str:
    """Names joined by commas and "or"."""
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
