"""Claim C4: write-through ensures the cache is always fresh, and adds latency to writes.

The claim has two parts. One read that is stale after acknowledgement refutes “always fresh”, and no sample can prove
it: if none was seen, it is open, and the rule of three bounds the share. “Adds latency to writes” is a paired
comparison with writes without a cache.
"""

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, CaseAnswer, Claim, briefly, with_interval
from stampede.reports.claims.lookup import UNCACHED, write_waits
from stampede.reports.output import formatting
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate

STALE = "stale-after-told"  # quoted
WRITE_THROUGH = "write-through"


def of_stale(place: str, stale: Estimate, href: str = "") -> Case:
    """The case about "always fresh" in one scenario."""
    condition = "it means that the cache is always fresh"
    figure = f"{WRITE_THROUGH}, stale after acknowledgement in {place}: {with_interval(stale, '%')}"
    if stale.missing or stale.value == 0:
        brief = "no stale read was seen, which is no proof"
        return Case(
            condition=condition,
            answer="unclear",
            why=f"none was seen; {stale.how}",
            figure=figure,
            href=href,
            brief=brief,
        )
    brief = f"{briefly(stale, '%')} of reads are stale"
    return Case(condition=condition, answer="no", figure=figure, href=href, brief=brief)


def of_writes(place: str, c: Comparison, href: str = "") -> Case:
    """The case about slower writes in one scenario."""
    condition = f"it means that writes are slower ({place})"
    if c.rounds < MIN_ROUNDS or c.ratio is None:
        why = f"{c.rounds} round{'s' * (c.rounds != 1)}; an interval needs {MIN_ROUNDS}"
        return Case(condition=condition, answer="unclear", why=why, figure=f"writes in {place}: {why}", href=href)
    ratio, low, high = (formatting.number(x) for x in (c.ratio.estimate, c.ratio.low, c.ratio.high))
    figure = (
        f"write p50 relative to {UNCACHED} in {place}: × {ratio} ({low} – {high}; "
        f"{formatting.level(c.ratio.level, c.rounds)})"
    )
    answer: CaseAnswer = "yes" if c.ratio.low > 1 else "no" if c.ratio.high < 1 else "unclear"
    why = "1 lies within the interval" if answer == "unclear" else ""
    brief = f"writes take {ratio} × the time ({low} – {high})"
    return Case(condition=condition, answer=answer, why=why, figure=figure, href=href, brief=brief)


def cases(analysis: Analysis) -> list[Case]:
    found = []
    for s in analysis.scenarios:
        if s.variant_of or s.workload["read_share"] == 1 or not analysis.of(s.name, WRITE_THROUGH):
            continue
        if s.check_after_drain:
            found.append(of_stale(s.name, analysis.figure(s.name, WRITE_THROUGH, STALE), s.name))
        mine, other = (write_waits(analysis.of(s.name, name)) for name in (WRITE_THROUGH, UNCACHED))
        both = sorted(mine.keys() & other.keys())
        if both:
            found.append(of_writes(s.name, compare([mine[r] for r in both], [other[r] for r in both]), s.name))
    return found


CLAIM = Claim(
    row="C4",
    statement="write-through ensures the cache is always fresh, and adds latency to writes",
    short="write-through is always fresh",
    rule=(
        "fresh: one read that is stale after acknowledgement refutes it, none leaves it open; slower: the whole "
        f"interval of the paired ratio to the writes of {UNCACHED} is above 1"
    ),
    cases=cases,
)
