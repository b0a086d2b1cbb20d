"""Claim C12: pipelining makes several operations faster.

For each simulated RTT: yes if, from some number of reads on, a pipeline is faster than single reads at every number
that was tried, with the whole paired interval. The condition names the number.
"""

from collections.abc import Sequence

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim
from stampede.reports.output import formatting
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.topics.experiments.pipelining_section import NAME, Batch, batches, break_even

PIPELINED = "pipelined"


def cases_of(found: Sequence[Batch]) -> list[Case]:
    """One case per simulated RTT."""
    each = []
    for rtt in dict.fromkeys(b.rtt for b in found):
        own = [b for b in found if (b.method, b.rtt) == (PIPELINED, rtt) and b.against_alone is not None]
        if not own:
            continue
        most = max(own, key=lambda b: b.reads)
        c = most.against_alone
        href = f"experiment-{NAME}"
        if c is None or c.rounds < MIN_ROUNDS or c.ratio is None:
            rounds = c.rounds if c else 0
            why = f"{rounds} round{'s' * (rounds != 1)}; an interval needs {MIN_ROUNDS}"
            each.append(Case(condition=f"at {rtt}", answer="unclear", why=why, figure=why, href=href))
            continue
        ratio, low, high = (formatting.number(x) for x in (c.ratio.estimate, c.ratio.low, c.ratio.high))
        figure = (
            f"{most.reads} reads at {rtt}: × {ratio} of the time ({low} – {high}; "
            f"{formatting.level(c.ratio.level, c.rounds)})"
        )
        least = break_even(list(found), PIPELINED, rtt)
        if least is not None:
            each.append(Case(condition=f"from {least} reads on at {rtt}", answer="yes", figure=figure, href=href))
        elif c.ratio.low >= 1:
            each.append(Case(condition=f"up to {most.reads} reads at {rtt}", answer="no", figure=figure, href=href))
        else:
            why = "1 lies within the interval"
            each.append(Case(condition=f"at {rtt}", answer="unclear", why=why, figure=figure, href=href))
    return each


def cases(analysis: Analysis) -> list[Case]:
    for info in analysis.run.info.experiments:
        if info.name == NAME and info.status == "done":
            return cases_of(batches(analysis.run.experiment(NAME)))
    return []


CLAIM = Claim(
    row="C12",
    statement="pipelining makes several operations faster",
    short="pipelining is faster",
    rule="from some number of reads on, the whole paired interval of the time relative to single reads is below 1",
    cases=cases,
    command="make bench",
)
