"""The table of every figure about rate limiters, which the page shows in a fold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.output import formatting
from stampede.reports.output.charts import style_of
from stampede.reports.recommend.rule import number_texts
from stampede.reports.topics.rate_limiting.limiter_analysis import IN_A_ROW, WITHIN, LimiterResult
from stampede.reports.topics.rate_limiting.limiter_answer import contract
from stampede.run_folder.schema import ContenderInfo


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of the table."""

    title: str
    explain: str
    group: str


COLUMNS = (
    Column(group="its own contract", title="contract", explain="the bound that the limiter guarantees; t in seconds"),
    Column(
        group="its own contract",
        title="held?",
        explain=(
            "broken: certainly exceeded; held: certainly not exceeded; no confirmed violation: calls in flight at a "
            "window's ends may count in it or not. Below: the measured value that the contract bounds, "
            "certain – possible"
        ),
    ),
    Column(
        group="at most L in any W",
        title="held?",
        explain=("as before, for the strict window; below: most admitted in any window over L, certain – possible"),
    ),
    Column(
        group="at most L in any W",
        title="time above",
        explain=(
            "share of the subjects' time in which their rolling count was above L; below: share of the admissions that "
            "were above L"
        ),
    ),
    Column(
        group="entitled",
        title="got",
        explain=(
            "admitted calls over the calls that the exact log would have admitted, in the whole run and for all "
            "subjects; below: the same for subjects that are within the limit on average"
        ),
    ),
    Column(
        group="entitled",
        title="lowest",
        explain=(
            "starvation: the lowest value of one subject's admitted over entitled calls, counted up to any instant "
            "after the first window, in any round; below: its caller profile"
        ),
    ),
    Column(
        group="entitled",
        title="steady, above",
        explain=(
            "starvation of a steady caller: admitted calls over the calls that the limiter's own contract allows, "
            "after the first window, for the callers at 1.1 or 1.5 times the limit with the lowest ratio; below: the "
            "counts"
        ),
    ),
    Column(
        group="entitled",
        title="fairness",
        explain=(
            "Jain's index over the subjects' admitted over entitled calls at the end, 1 if all are equal; below: the "
            "lowest ratio"
        ),
    ),
    Column(
        group="wrong decisions",
        title="admitted",
        explain="calls admitted although the limiter's own count of the last W was certainly ≥ L, per 1,000 decisions",
    ),
    Column(
        group="wrong decisions",
        title="refused",
        explain="calls refused although the limiter's own count of the last W was certainly < L, per 1,000 decisions",
    ),
    Column(
        group="returned to callers",
        title="retry after",
        explain=(
            "refused callers whose next call came at or after the returned retry time: how many were admitted; below: "
            "callers whose next call came sooner and was admitted, and by how much their retry time was too late on "
            "average"
        ),
    ),
    Column(
        group="returned to callers",
        title="remaining",
        explain="calls made right after an answer with remaining calls: how many were admitted",
    ),
    Column(
        group="returned to callers",
        title="herd",
        explain="returned retry times per 100 ms, largest bin over mean",
    ),
    Column(
        group="after a flood",
        title="recovery",
        explain=(
            "after a flood of 20 × the limit, followed by calls at half the limit: time from the end of the flood to "
            f"the first admission; below: to the {IN_A_ROW}th in a row"
        ),
    ),
    Column(
        group="after a flood",
        title="edge",
        explain="admissions per 10 ms modulo W, largest bin over mean: shows whether all callers are admitted at once",
    ),
    Column(
        group="cost",
        title="over EVALSHA",
        explain="service p50 minus that of an empty script in the same round; below: interval, or range of the rounds",
    ),
    Column(
        group="cost",
        title="commands",
        explain="Redis commands per decision: sent + run inside scripts; below: round trips",
    ),
    Column(
        group="cost",
        title="bytes a key",
        explain="MEMORY USAGE of a key during the flood: mean; below: maximum. A log grows with the limit",
    ),
)


COSTS = sum(column.group == "cost" for column in COLUMNS)


@dataclass(frozen=True, kw_only=True)
class LimiterEntry:
    value: str
    detail: str = ""
    mark: str = ""
    """CSS class: better, worse or empty."""


@dataclass(frozen=True, kw_only=True)
class LimiterRow:
    contender: ContenderInfo
    color: str
    entries: list[LimiterEntry]
    warnings: list[int]


@dataclass(frozen=True, kw_only=True)
class LimiterDetails:
    """The table: groups of columns with their widths, columns, and a row for each limiter."""

    headings: list[tuple[str, int]]
    columns: Sequence[Column]
    rows: list[LimiterRow]


def details_of(analysis: Analysis, limiters: Sequence[LimiterResult]) -> LimiterDetails:
    """The table of one scenario."""
    groups: list[tuple[str, int]] = []
    for column in COLUMNS:
        if groups and groups[-1][0] == column.group:
            groups[-1] = (column.group, groups[-1][1] + 1)
        else:
            groups.append((column.group, 1))
    rows = [
        LimiterRow(
            contender=limiter.info,
            color=style_of(analysis.run.info.contenders, limiter.info.name).variable,
            entries=entries(limiter),
            warnings=[x.number for x in analysis.warnings_of(limiter.scenario.name, limiter.info.name)],
        )
        for limiter in limiters
    ]
    return LimiterDetails(headings=groups, columns=COLUMNS, rows=rows)


def entries(x: LimiterResult) -> list[LimiterEntry]:
    """One limiter's row of the table."""
    if x.info.kind == "baseline":  # it admits every call, so only its costs are shown
        return [LimiterEntry(value=formatting.MISSING)] * (len(COLUMNS) - COSTS) + costs(x)
    t, wrong, limit = x.retry_outcomes, x.wrong, x.limit
    lowest, lowest_profile = x.starved
    fairness, least = x.fairness
    first, seen_first, sought = x.recovery(1)
    ten, seen_ten, _ = x.recovery(IN_A_ROW)
    return [
        LimiterEntry(value=contract(x), detail=f"bound {formatting.number(x.bound)}"),
        verdict_entry(x.kept, span(x.need_certain, x.need_possible)),
        verdict_entry(x.kept_strict, f"{span(x.most_certain / limit, x.most_possible / limit)} × L"),
        LimiterEntry(value=percent(x.above_share), detail=f"{percent(x.excess_share)} of admissions"),
        LimiterEntry(value=formatting.number(x.got()), detail=f"{formatting.number(x.got(*WITHIN))} within the limit"),
        LimiterEntry(value=formatting.number(lowest), detail=lowest_profile, mark="worse" if lowest < 0.5 else ""),
        steadily_above(x),
        LimiterEntry(value=formatting.number(fairness), detail=f"least {formatting.number(least)}"),
        LimiterEntry(value=formatting.number(1000 * wrong.admitted / max(1, x.decisions))),
        LimiterEntry(value=formatting.number(1000 * wrong.refused / max(1, x.decisions))),
        LimiterEntry(
            value=f"{t.waited_admitted} of {t.waited}" if t.waited else formatting.MISSING,
            detail=f"sooner: {t.sooner_admitted} of {t.sooner}"
            + (f", {1000 * t.waste_s / t.sooner_admitted:.0f} ms too late" if t.sooner_admitted else ""),
        ),
        LimiterEntry(value=f"{t.guaranteed_admitted} of {t.guaranteed}" if t.guaranteed else formatting.MISSING),
        LimiterEntry(value=formatting.number(x.herd)),
        LimiterEntry(value=ms_or_not(first, seen_first, sought), detail=f"ten: {ms_or_not(ten, seen_ten, sought)}"),
        LimiterEntry(value=formatting.number(x.edge_alignment)),
        *costs(x),
    ]


def steadily_above(x: LimiterResult) -> LimiterEntry:
    """Starvation of a steady caller above the limit."""
    found = x.starvation
    if found is None:
        return LimiterEntry(value=formatting.MISSING)
    counts = f"{found.admitted} of {found.entitled}, {found.multiple:g} ×"
    return LimiterEntry(value=formatting.number(found.share.value), detail=counts, mark="worse" if x.starves else "")


def costs(x: LimiterResult) -> list[LimiterEntry]:
    """Entries of the cost columns."""
    return [
        latency(x),
        LimiterEntry(
            value=f"{formatting.number(x.sent_per_decision)} + {formatting.number(x.scripted_per_decision)}",
            detail=f"{formatting.number(x.round_trips)} round trips",
        ),
        LimiterEntry(
            value=formatting.number(float(np.mean(x.key_bytes))) if len(x.key_bytes) else formatting.MISSING,
            detail=f"up to {formatting.number(float(x.key_bytes.max()))}" if len(x.key_bytes) else "",
        ),
    ]


def verdict_entry(kept: str, detail: str) -> LimiterEntry:
    """Whether a bound was held."""
    value = {"kept": "held", "broken": "broken", "cannot tell": "no confirmed violation"}[kept]
    return LimiterEntry(value=value, detail=detail, mark={"kept": "better", "broken": "worse"}.get(kept, ""))


def span(certain: float, possible: float) -> str:
    """Certain and possible value."""
    return f"{formatting.number(certain)} – {formatting.number(possible)}"


def percent(share: float) -> str:
    return formatting.MISSING if math.isnan(share) else f"{100 * share:.1f} %"


def ms_or_not(seconds: float, seen: int, sought: int) -> str:
    """A recovery time; how often it was seen, if not for all callers."""
    if not sought:
        return formatting.MISSING
    if not seen:
        return "not seen"
    return f"{1000 * seconds:.0f} ms" + (f" (in {seen} of {sought})" if seen < sought else "")


def latency(x: LimiterResult) -> LimiterEntry:
    """Service p50 above that of the empty script."""
    if x.info.kind == "baseline" or not len(x.latency_rounds_ms):
        return LimiterEntry(value=formatting.MISSING, detail="the bound" if x.info.kind == "baseline" else "")
    shift = x.latency.difference if x.latency is not None else None
    if shift is not None:
        span = f"{number_texts.signed(shift.low)} – {number_texts.signed(shift.high)}"
        return LimiterEntry(
            value=number_texts.signed(shift.estimate, "ms"), detail=f"{span}, {100 * shift.level:.1f} %"
        )
    each = x.latency_rounds_ms
    rounds = f"range of {len(each)} round{'' if len(each) == 1 else 's'}"
    span = f"{number_texts.signed(float(each.min()))} – {number_texts.signed(float(each.max()))}"
    return LimiterEntry(value=number_texts.signed(float(np.median(each)), "ms"), detail=f"{span}, {rounds}")
