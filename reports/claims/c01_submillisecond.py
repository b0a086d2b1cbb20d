"""Claim C1: Redis reads and writes take less than a millisecond.

The answer depends on where one measures, so the claim is judged at three places, each by the median:

at the server              Redis' own execution time of a command (commandstats), the mean of each cell
at the client on loopback  single GETs of the experiment pipelining, while nothing else runs; without it, the bare GET
                           and SET without a simulated RTT
over a round trip          the bare GET and SET with the simulated RTT; within NEAR of the limit the harness's own
                           time, a few tenths of a millisecond, decides, and the case is unclear

The times at the client are service times: no pattern, no queue. The 99th percentile is shown, but does not count: on a
shared machine it measures the machine.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell
from stampede.reports.claims.claim import Case, Claim, below, briefly, with_interval
from stampede.reports.claims.lookup import hot_scenarios, read_took, write_took
from stampede.reports.statistics.estimate import Estimate, median
from stampede.reports.topics.experiments import pipelining_section

LIMIT_MS = 1.0
NEAR = 0.2
"""Over a round trip, an interval that reaches within 20 % of the limit decides nothing."""
BARE = "bare-get"
AT_SERVER = "at the server"
ON_LOOPBACK = "at the client on loopback"
OVER = "over a round trip of "


@dataclass(frozen=True, kw_only=True)
class TimedRequests:
    """A time of the bare GET or SET at one place."""

    what: str
    """a GET, a SET, or 99 % of the GETs"""
    place: str
    took_ms: Estimate
    href: str = ""
    counts: bool = True
    """Whether it decides the claim."""


def cases_of(each: Sequence[TimedRequests]) -> list[Case]:
    """One case per place and kind of request."""
    found = []
    for x in each:
        answer, why = below(x.took_ms, LIMIT_MS) if x.counts else ("informational", "")
        if x.counts and x.place.startswith(OVER) and near_limit(x.took_ms):
            answer, why = (
                "unclear",
                f"within {100 * NEAR:.0f} % of {LIMIT_MS:g} ms, where the harness's own time decides",
            )
        figure = f"{x.what} {x.place}: {with_interval(x.took_ms, 'ms')}"
        where = {AT_SERVER: "server", ON_LOOPBACK: "loopback"}.get(x.place, f"{x.place.removeprefix(OVER)} RTT")
        brief = f"{where}: {briefly(x.took_ms, 'ms')}"
        condition = f"{x.what} {x.place}"
        found.append(Case(condition=condition, answer=answer, why=why, figure=figure, href=x.href, brief=brief))
    return found


def near_limit(took_ms: Estimate) -> bool:
    """Whether the interval reaches within NEAR of the limit."""
    return took_ms.low < LIMIT_MS * (1 + NEAR) and took_ms.high > LIMIT_MS * (1 - NEAR)


def at_server(cells: Sequence[Cell], href: str) -> Iterator[TimedRequests]:
    """Redis' own time of a GET and of a SET, in ms. A command that a cell did not send is left out."""
    for command, what in (("get", "a GET"), ("set", "a SET")):
        each = []
        for cell in cells:
            calls = cell.counters.get(("redis", f"command.{command}"), 0.0)
            spent_us = cell.counters.get(("redis", f"command.{command}.usec"))
            if calls and spent_us is not None:
                each.append(spent_us / calls / 1e3)
        if each:
            yield TimedRequests(what=what, place=AT_SERVER, took_ms=median(each), href=href)


def at_client(cells: Sequence[Cell], place: str, href: str) -> Iterator[TimedRequests]:
    """The service times of the bare GET and SET, in ms."""
    half, most = read_took(cells)
    times = (("a GET", half, True), ("a SET", write_took(cells), True), ("99 % of the GETs", most, False))
    for what, took, counts in times:
        if not took.missing:
            yield TimedRequests(what=what, place=place, took_ms=took, href=href, counts=counts)


def single_gets(analysis: Analysis) -> Iterator[TimedRequests]:
    """The time of a single GET in the experiment pipelining without a simulated RTT, in ms."""
    name = pipelining_section.NAME
    for info in analysis.run.info.experiments:
        if info.name == name and info.status == "done":
            alone = [
                batch
                for batch in pipelining_section.batches(analysis.run.experiment(name))
                if (batch.method, batch.rtt, batch.reads) == (pipelining_section.ALONE, "0 ms", 1)
            ]
            for batch in alone:
                yield TimedRequests(what="a GET", place=ON_LOOPBACK, took_ms=batch.time_ms, href=f"experiment-{name}")


def cases(analysis: Analysis) -> list[Case]:
    found: dict[str, list[TimedRequests]] = {}
    for s in analysis.scenarios:
        cells = analysis.of(s.name, BARE)
        if not cells or s in hot_scenarios(analysis):
            continue
        found.setdefault(AT_SERVER, list(at_server(cells, s.name)))
        rtt_ms = s.workload.get("rtt_ms")
        place = f"{OVER}{rtt_ms:g} ms" if rtt_ms else ON_LOOPBACK
        found.setdefault(place, list(at_client(cells, place, s.name)))
    if alone := list(single_gets(analysis)):
        found[ON_LOOPBACK] = alone
    order = sorted(found, key=lambda place: (place != AT_SERVER, place != ON_LOOPBACK))
    return cases_of([x for place in order for x in found[place]])


CLAIM = Claim(
    row="C1",
    statement="Redis reads and writes take less than a millisecond",
    short="Redis under 1 ms",
    rule=(
        f"the whole interval of the time of a GET or SET is below {LIMIT_MS:g} ms: at the server, at the client on "
        "loopback, and over the simulated round trip, where it must not reach within 20 % of the limit"
    ),
    cases=cases,
)
