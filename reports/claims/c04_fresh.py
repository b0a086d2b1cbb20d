"""C4. Two sentences in one. "Always fresh" is refuted by one read that returned an old value after the writer had been
told, and shown by no sample: with none seen it stays open, and the rule of three says how rare they are. "Adds latency
to writes" is a paired comparison with writes that touch no cache."""

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim, told
from stampede.reports.claims.lookup import UNCACHED, write_waits
from stampede.reports.output import formatting
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate

WRITE_THROUGH = "write-through"


def of_stale(place: str, stale: Estimate, href: str = "") -> Case:
    condition = "it says that the cache is always fresh"
    figure = f"{WRITE_THROUGH}, stale after told in {place}: {told(stale, '%')}"
    if stale.missing or stale.value == 0:
        return Case(condition=condition, says="unclear", why=f"none was seen; {stale.how}", figure=figure, href=href)
    return Case(condition=condition, says="no", figure=figure, href=href)


def of_writes(place: str, c: Comparison, href: str = "") -> Case:
    condition = "it says that writes are slower"
    if c.rounds < MIN_ROUNDS or c.ratio is None:
        why = f"{c.rounds} rounds; {MIN_ROUNDS} carry an interval"
        return Case(condition=condition, says="unclear", why=why, figure=f"writes in {place}: {why}", href=href)
    figure = (
        f"write p50 against {UNCACHED} in {place}: × {formatting.number(c.ratio.estimate)} ({formatting.number(c.ratio.low)} – "
        f"{formatting.number(c.ratio.high)}; {formatting.level(c.ratio.level, c.rounds)})"
    )
    if c.ratio.low > 1:
        return Case(condition=condition, says="yes", figure=figure, href=href)
    if c.ratio.high < 1:
        return Case(condition=condition, says="no", figure=figure, href=href)
    return Case(condition=condition, says="unclear", why="1 lies within the interval", figure=figure, href=href)


def cases(analysis: Analysis) -> list[Case]:
    found = []
    for s in analysis.scenarios:
        if not s.check_after_drain or not analysis.of(s.name, WRITE_THROUGH):
            continue
        found.append(of_stale(s.name, analysis.figure(s.name, WRITE_THROUGH, "stale-after-told"), s.name))
        mine, other = (write_waits(analysis.of(s.name, name)) for name in (WRITE_THROUGH, UNCACHED))
        both = sorted(mine.keys() & other.keys())
        found.append(of_writes(s.name, compare([mine[r] for r in both], [other[r] for r in both]), s.name))
    return found


CLAIM = Claim(
    row="C4",
    says="write-through ensures the cache is always fresh, and adds latency to writes",
    rule=(
        "fresh: a single read that was stale after the writer had been told refutes it, none leaves it open; slower: "
        f"the whole interval of the paired ratio to {UNCACHED}'s writes lies above 1"
    ),
    cases=cases,
)
