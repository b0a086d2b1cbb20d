"""Report part "Which of your values decide the answers?": a screening by the closed forms.

The workload's values come from the run; the query time is the one that cache-aside measured. The part says nothing if
the measured hit rates differ from theory: then the forms do not describe this run.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stampede.core.models.screening import (
    UNSCREENED,
    FactorEffect,
    FactorName,
    Picks,
    ScreenedPattern,
    ScreenedWorkload,
    Screening,
    screen,
)
from stampede.reports.analysis.analysis import Analysis
from stampede.reports.output import formatting
from stampede.reports.recommend.rule.simplicity import by_simplicity
from stampede.reports.topics.theory.hit_model import key_count, mean_query_s, refresh_share, why_not
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

SHOWN = 3
"""How many factors the sentence names."""
ONE_LOAD = "ONE_LOAD_PER_MISS"
PLAIN = "cache-aside"


@dataclass(frozen=True, kw_only=True)
class FactorRow:
    """One factor of the table, as texts."""

    name: str
    value: str
    queries: str
    """Its effect on the queries per 1,000 reads, between half and double the value."""
    changes: str
    """The nearest values at which an answer changes."""


@dataclass(frozen=True, kw_only=True)
class DecidingValues:
    """The factors of one workload, the most important first."""

    sentence: str
    rows: Sequence[FactorRow]
    note: str
    """How the table was computed, and what it leaves out."""


def deciding_values(analysis: Analysis, base: ScenarioInfo) -> DecidingValues | None:
    """The part for a scenario; None if the closed forms do not describe it (as with several queries, which have a Zipf
    law each) or cache-aside did not run."""
    cells = analysis.of(base.name, PLAIN)
    keys = key_count(base)
    candidates = screened_patterns(analysis.contenders)
    if why_not(base) or base.queries or keys is None or not cells or not candidates or candidates[0].name != PLAIN:
        return None
    query_s = mean_query_s(cells)
    if query_s <= 0:
        return None
    workload = ScreenedWorkload(
        rate_per_s=float(base.workload["rate_per_s"]),
        write_share=1 - float(base.workload["read_share"]),
        keys=keys,
        key_skew=float(base.workload["key_skew"]),
        ttl_s=float(base.workload["ttl_s"]),
        query_s=query_s,
    )
    return described(workload, candidates)


def screened_patterns(contenders: Sequence[ContenderInfo]) -> list[ScreenedPattern]:
    """The suite's contenders that the closed forms describe, simplest first: no refreshes, and a delete or a fill on
    write."""
    described_by_forms = [
        c
        for c in by_simplicity(contenders)
        if c.kind == "contender"
        and c.file is None
        and c.family == "caching"
        and c.on_write != "keeps"
        and not refresh_share(c)
        and "ttl_s" in c.config
        and c.moving_parts
    ]
    seen: set[tuple[str, bool]] = set()
    found = []
    for c in described_by_forms:
        kind = (c.on_write, ONE_LOAD in c.guarantees)
        if kind not in seen:
            seen.add(kind)
            found.append(ScreenedPattern(name=c.name, on_write=c.on_write, one_load_per_miss=kind[1]))
    return found


def described(workload: ScreenedWorkload, candidates: Sequence[ScreenedPattern]) -> DecidingValues:
    """The screening of a workload in words. `candidates`: simplest first."""
    screening = screen(workload, candidates)
    return DecidingValues(
        sentence=decides_sentence(screening.effects),
        rows=[row_of(screening, effect) for effect in screening.effects],
        note=(
            f"By the closed forms for {formatting.listed([c.name for c in candidates])}. The last column changes one "
            "value at a time, from a tenth to ten times. Not screened, because no closed form covers them: "
            f"{formatting.listed(list(UNSCREENED))}."
        ),
    )


def decides_sentence(effects: Sequence[FactorEffect]) -> str:
    """The factors that matter most, in one sentence."""
    names = [NAMES[effect.factor] for effect in effects[:SHOWN]]
    largest = max(effects, key=lambda e: abs(math.log(e.query_ratio)))
    text = f"Of your values, {formatting.listed(names)} decide the answers most"
    if NAMES[largest.factor] in names:
        return f"{text}."
    return f"{text}; {NAMES[largest.factor]} changes the number of queries most."


NAMES: dict[FactorName, str] = {
    "rate": "the request rate",
    "skew": "the key skew",
    "ttl": "the TTL",
    "query time": "the query time",
    "write share": "the write share",
}


def row_of(screening: Screening, effect: FactorEffect) -> FactorRow:
    """One row of the table."""
    factor, here = effect.factor, screening.picks
    low, high = value_text(factor, effect.low.value(factor)), value_text(factor, effect.high.value(factor))
    percent = 100 * (effect.query_ratio - 1)
    return FactorRow(
        name=NAMES[factor].removeprefix("the "),
        value=value_text(factor, screening.workload.value(factor)),
        queries=f"{percent:+.0f} % from {low} to {high}",
        changes="; ".join(
            f"{'below' if c.value < screening.workload.value(factor) else 'from'} {value_text(factor, c.value)}: "
            f"{change_text(here, c.picks)}"
            for c in effect.changes
        )
        or "none in the range",
    )


def change_text(here: Picks, there: Picks) -> str:
    """What is different between two sets of answers."""
    parts = []
    if there.cache != here.cache:
        parts.append("the median read is a hit" if there.cache else "the median read is a miss")
    if there.fewest_queries != here.fewest_queries:
        parts.append(f"fewest queries by {there.fewest_queries}")
    if there.protect_hot_key != here.protect_hot_key:
        parts.append(
            "the hottest key needs one load per miss"
            if there.protect_hot_key
            else "the hottest key needs no protection"
        )
    return formatting.listed(parts)


def value_text(factor: FactorName, value: float) -> str:
    """A value with its unit."""
    match factor:
        case "rate":
            return f"{formatting.number(value)}/s"
        case "skew":
            return f"{value:.2g}"
        case "ttl":
            return formatting.duration(value)
        case "query time":
            return f"{formatting.number(1e3 * value)} ms"
        case "write share":
            return f"{formatting.number(100 * value)} %"
