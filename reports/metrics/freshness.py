"""How fresh what was read was: shares of stale reads by cause, their age, and when a write is seen by all."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from reports.frames import Cell, of_group
from reports.freshness.curve import Curve, classes, curve, together
from reports.freshness.judge import Judged
from reports.freshness.nines import Nines, added, nines
from reports.freshness.sessions import Sessions
from reports.metrics.metric import Metric
from reports.metrics.response import EPISODES_BEYOND, SAMPLES_BEYOND
from reports.rows import Bools
from reports.statistics.clustered import clustered_mean, pooled_quantile
from reports.statistics.estimate import MIN_ROUNDS, Estimate, missing, quantile, rank

APART = "freshness"
"""The table that has room for what does not decide."""
UNTOLD = "not judged: no versions, or nothing was written"
WRONG_FOR = "those who must see what was written"


def judged(cells: Sequence[Cell]) -> list[Judged]:
    return [cell.judged for cell in cells if cell.judged is not None]


def measured(j: Judged) -> Bools:
    return j.reads.measured


def of_written_keys(j: Judged) -> Bools:
    return j.reads.measured & j.written


def at_rest(j: Judged) -> Bools:
    return j.reads.at_rest


def share(which: Callable[[Judged], Bools], of: Callable[[Judged], Bools]) -> Callable[[Cell], float]:
    """Per cent of those reads that are of that kind."""

    def of_cell(cell: Cell) -> float:
        if cell.judged is None or not of(cell.judged).any():
            return math.nan
        return 100 * float((which(cell.judged) & of(cell.judged)).sum() / of(cell.judged).sum())

    return of_cell


def shares(which: Callable[[Judged], Bools], of: Callable[[Judged], Bools]) -> Callable[[Sequence[Cell]], Estimate]:
    """Total over total, clustered by round; where none was seen, what so many reads can exclude (the rule of three)."""

    def of_rounds(cells: Sequence[Cell]) -> Estimate:
        found = [(float((which(j) & of(j)).sum()), float(of(j).sum())) for j in judged(cells)]
        total = sum(n for _, n in found)
        if not total:
            return missing(UNTOLD if not found else "no such reads", len(cells))
        if not any(k for k, _ in found):
            how = f"none of {total:,.0f} reads; below the upper bound with 95 % confidence (3 / n)"
            high = 300 / total
            level = 0.95 if len(found) >= MIN_ROUNDS else None
            return Estimate(value=0, low=0, high=min(100.0, high), level=level, rounds=len(found), how=how)
        mean = clustered_mean([100 * k for k, _ in found], [n for _, n in found])
        how = "total over total, clustered by round"
        return Estimate(
            value=mean.value,
            low=max(0.0, mean.low),
            high=min(100.0, mean.high),
            level=mean.level,
            rounds=mean.rounds,
            how=how,
        )

    return of_rounds


def stale_before_told(j: Judged) -> Bools:
    return j.stale & ~j.after_told


def ages_ms(j: Judged) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return j.age[j.stale & j.reads.measured] / 1e6


def episodes(j: Judged, beyond_ms: float) -> int:
    """How many different old values the reads older than that returned: reads of one entry are one piece of luck."""
    old = j.stale & j.reads.measured & (j.age / 1e6 > beyond_ms)
    return len({*zip(j.reads.key[old].tolist(), j.reads.version[old].tolist(), strict=True)})


def age(q: float) -> Callable[[Sequence[Cell]], Estimate]:
    """A quantile of the ages, where ten older ones in three episodes stand behind it."""

    def of_rounds(cells: Sequence[Cell]) -> Estimate:
        every = judged(cells)
        rounds = [ages_ms(j) for j in every]
        n = sum(len(r) for r in rounds)
        if not n:
            return missing(UNTOLD if not every else "no stale read", len(cells))
        beyond = n - rank(n, q) - 1
        if beyond < SAMPLES_BEYOND:
            return missing(f"seen, not estimated: {beyond} samples beyond it, {SAMPLES_BEYOND} wanted", len(cells))
        pooled = pooled_quantile(rounds, q)
        if sum(episodes(j, pooled.value) for j in every) < EPISODES_BEYOND:
            return missing("seen, not estimated: fewer than three episodes beyond it", len(cells))
        return pooled

    return of_rounds


def oldest_ms(cell: Cell) -> float:
    """Δ: nothing older was returned."""
    return float(ages_ms(cell.judged).max(initial=0.0)) if cell.judged is not None else math.nan


def largest(of_cell: Callable[[Cell], float]) -> Callable[[Sequence[Cell]], Estimate]:
    def of_rounds(cells: Sequence[Cell]) -> Estimate:
        own = [x for x in map(of_cell, cells) if not math.isnan(x)]
        if not own:
            return missing(UNTOLD, len(cells))
        return Estimate(value=max(own), rounds=len(own), how="largest of all rounds: seen, not estimated")

    return of_rounds


def most_behind(cell: Cell) -> float:
    """Newer versions that were known when a read began, at most."""
    j = cell.judged
    return float(j.behind[j.reads.measured].max(initial=0)) if j is not None else math.nan


@of_group
def curve_of(cells: Sequence[Cell]) -> Curve | None:
    """Share fresh against time since told, of all rounds together."""
    every = judged(cells)
    if not every:
        return None
    edges = classes(round(max(cell.window_s for cell in cells) * 1e9))
    return together([curve(j, edges) for j in every])


def fresh_after(level: float) -> Callable[[Sequence[Cell]], Estimate]:
    """From when on after a write was told at least that share of reads is fresh."""

    def of_rounds(cells: Sequence[Cell]) -> Estimate:
        found = curve_of(cells)
        if found is None:
            return missing(UNTOLD, len(cells))
        at_ms = found.reaches(level)
        if math.isnan(at_ms):
            return missing(f"too few reads follow writes: {found.pairs.sum():,} pairs", len(cells))
        if math.isinf(at_ms):
            return missing("not within the window", len(cells))
        return Estimate(value=at_ms, rounds=len(cells), how="all rounds' pairs of a write and a later read together")

    return of_rounds


def right_within(within_s: Callable[[Cell], float]) -> Callable[[Sequence[Cell]], Estimate]:
    """Per cent of the writes that every later read begun so long after them found."""

    def of_rounds(cells: Sequence[Cell]) -> Estimate:
        parts = [nines(cell.judged, round(within_s(cell) * 1e9)) for cell in cells if cell.judged is not None]
        if not parts:
            return missing(UNTOLD, len(cells))
        whole = added(parts)
        if not whole.writes:
            return missing("no read checked a write so late", len(cells))
        why = "" if whole.wrong else f"at least: 0 wrong of {whole.writes:,}"
        how = f"{whole.wrong:,} of {whole.writes:,} writes were missed by a later read; 0 of n is at least 1 − 3/n"
        return Estimate(value=100 * whole.share, rounds=len(parts), how=how, why=why)

    return of_rounds


def right_in_cell(within_s: Callable[[Cell], float]) -> Callable[[Cell], float]:
    def of_cell(cell: Cell) -> float:
        if cell.judged is None:
            return math.nan
        found: Nines = nines(cell.judged, round(within_s(cell) * 1e9))
        return 100 * found.share

    return of_cell


def violations(which: Callable[[Sessions], int]) -> Callable[[Sequence[Cell]], Estimate]:
    """Per million reads."""

    def of_rounds(cells: Sequence[Cell]) -> Estimate:
        found = [cell.sessions for cell in cells if cell.sessions is not None]
        reads = sum(s.reads for s in found)
        if not reads:
            return missing(UNTOLD, len(cells))
        seen = sum(which(s) for s in found)
        return Estimate(value=1e6 * seen / reads, rounds=len(found), how=f"{seen:,} in {reads:,} reads of all rounds")

    return of_rounds


def violations_in_cell(which: Callable[[Sessions], int]) -> Callable[[Cell], float]:
    def of_cell(cell: Cell) -> float:
        found = cell.sessions
        if found is None:
            return math.nan
        return 1e6 * which(found) / found.reads if found.reads else math.nan

    return of_cell


def share_metric(
    name: str,
    title: str,
    which: Callable[[Judged], Bools],
    of: Callable[[Judged], Bools],
    order: int,
    explain: str,
    *,
    apart: str = "",
    decides: bool = False,
) -> Metric:
    return Metric(
        name=name,
        title=title,
        unit="%",
        explain=explain,
        of_cell=share(which, of),
        of_rounds=shares(which, of),
        better="lower",
        compared=decides,
        decides=decides,
        apart=apart,
        order=order,
        resolution=0.05,
        wrong_for=WRONG_FOR,
        absent=UNTOLD,
        group="stale reads",
    )


def ms_metric(
    name: str,
    title: str,
    group: str,
    of_cell: Callable[[Cell], float],
    of_rounds: Callable[[Sequence[Cell]], Estimate],
    order: int,
    explain: str,
    *,
    apart: str = "",
    unit: str = "ms",
    whole: bool = False,
) -> Metric:
    return Metric(
        name=name,
        title=title,
        unit=unit,
        explain=explain,
        of_cell=of_cell,
        of_rounds=of_rounds,
        better="lower",
        apart=apart,
        order=order,
        whole=whole,
        resolution=1.0,
        wrong_for=WRONG_FOR,
        absent=UNTOLD,
        group=group,
    )


def age_in_cell(q: float) -> Callable[[Cell], float]:
    return lambda cell: math.nan if cell.judged is None else quantile(ages_ms(cell.judged), q)


def fresh_after_in_cell(level: float) -> Callable[[Cell], float]:
    def of_cell(cell: Cell) -> float:
        found = curve_of([cell])
        return math.nan if found is None or math.isinf(found.reaches(level)) else found.reaches(level)

    return of_cell


def nines_metric(name: str, title: str, within_s: Callable[[Cell], float], order: int) -> Metric:
    return Metric(
        name=name,
        title=title,
        unit="%",
        explain=f"writes that every read begun {title} after the caller was told, or later, returned or superseded",
        of_cell=right_in_cell(within_s),
        of_rounds=right_within(within_s),
        better="higher",
        apart=APART,
        order=order,
        absent=UNTOLD,
        group="writes right within",
    )


def session_metric(name: str, title: str, which: Callable[[Sessions], int], order: int, explain: str) -> Metric:
    return Metric(
        name=name,
        title=title,
        unit="",
        explain=explain,
        of_cell=violations_in_cell(which),
        of_rounds=violations(which),
        better="lower",
        apart=APART,
        order=order,
        resolution=100.0,
        absent=UNTOLD,
        group="session violations per million reads",
    )


METRICS = [
    share_metric(
        "stale-after-told",
        "after told",
        lambda j: j.after_told,
        measured,
        60,
        "reads that returned an older version though the writer had been told before they began: the broken promise",
        decides=True,
    ),
    share_metric(
        "stale-before-told",
        "before told",
        stale_before_told,
        measured,
        61,
        "reads that returned an older version than was committed, whose writer had not been told yet: the window",
    ),
    share_metric(
        "stale-possible",
        "at most",
        lambda j: j.possible,
        measured,
        62,
        "reads that may have been stale: the certain ones, and those that overlap the COMMIT of a newer version",
    ),
    share_metric(
        "stale-at-rest",
        "at rest",
        lambda j: j.stale,
        at_rest,
        63,
        "after the last request, each key that was written was read once more by each process: those still old",
    ),
    ms_metric(
        "stale-age-max",
        "Δ",
        "age of stale reads",
        oldest_ms,
        largest(oldest_ms),
        65,
        "no read returned anything that had been older than this when it began (a lower bound of its age)",
    ),
    ms_metric(
        "fresh-99",
        "99 % fresh",
        "time since told until",
        fresh_after_in_cell(0.99),
        fresh_after(0.99),
        67,
        "from then on after a write was told, at least 99 % of reads return it or something newer",
    ),
    share_metric(
        "stale-after-told-written",
        "after told, of written keys",
        lambda j: j.after_told,
        of_written_keys,
        60,
        "as after told, of the reads of keys that were written at least once in the cell",
        apart=APART,
    ),
    ms_metric(
        "stale-age-p50",
        "p50",
        "age of stale reads",
        age_in_cell(0.5),
        age(0.5),
        63,
        "half of the stale reads were at most so old: since somebody knew of a newer version",
        apart=APART,
    ),
    ms_metric(
        "stale-age-p99",
        "p99",
        "age of stale reads",
        age_in_cell(0.99),
        age(0.99),
        64,
        "99 % of the stale reads were at most so old",
        apart=APART,
    ),
    ms_metric(
        "versions-behind",
        "versions behind, most",
        "age of stale reads",
        most_behind,
        largest(most_behind),
        65,
        "newer versions that were known when a read began",
        apart=APART,
        unit="",
        whole=True,
    ),
    ms_metric(
        "fresh-999",
        "99.9 % fresh",
        "time since told until",
        fresh_after_in_cell(0.999),
        fresh_after(0.999),
        68,
        "from then on after a write was told, at least 99.9 % of reads return it or something newer",
        apart=APART,
    ),
    nines_metric("right-10ms", "10 ms", lambda _cell: 0.010, 70),
    nines_metric("right-1s", "1 s", lambda _cell: 1.0, 71),
    nines_metric("right-ttl", "one TTL", lambda cell: float(cell.scenario.workload["ttl_s"]), 72),
    session_metric(
        "own-writes-missed",
        "own write missed",
        lambda s: s.own_writes_missed,
        75,
        "reads that returned an older version than the same client had written before",
    ),
    session_metric(
        "gone-back",
        "gone back",
        lambda s: s.gone_back,
        76,
        "reads that returned an older version than the same client had read before",
    ),
]
