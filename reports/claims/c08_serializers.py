"""Claim C8: JSON costs about 1 ms an object, MessagePack about 0.1 ms.

“About” means within a factor of two. The rule compares the time to encode an object, at each size, with 1 ms for JSON
and with 0.1 ms for MessagePack.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, CaseAnswer, Claim, briefly, with_interval
from stampede.reports.statistics.estimate import Estimate, median

NAME = "serializer-cost"
ABOUT = 2.0
SAID_MS = {"JSON": 1.0, "MessagePack": 0.1}


@dataclass(frozen=True, kw_only=True)
class TimedSerializer:
    """The encode time of a serializer at one size."""

    codec: str
    size_bytes: float
    """Size of the object as JSON."""
    took_ms: Estimate


def cases_of(each: Sequence[TimedSerializer]) -> list[Case]:
    """One case per serializer and size."""
    found = []
    for x in each:
        said_ms = SAID_MS[x.codec]
        low, high = said_ms / ABOUT, said_ms * ABOUT
        condition = f"{x.codec} of {size(x.size_bytes)}"
        figure = f"{x.codec}, {size(x.size_bytes)}: {with_interval(x.took_ms, 'ms')}"
        brief = f"{condition} {briefly(x.took_ms, 'ms')}"
        answer: CaseAnswer = "unclear"
        why = ""
        if x.took_ms.level is None:
            why = f"{x.took_ms.rounds} rounds are too few for an interval"
        elif low <= x.took_ms.low and x.took_ms.high <= high:
            answer = "yes"
        elif x.took_ms.high < low or x.took_ms.low > high:
            answer = "no"
        else:
            why = "the interval includes half or twice the claimed time"
        href = f"experiment-{NAME}"
        found.append(Case(condition=condition, answer=answer, why=why, figure=figure, href=href, brief=brief))
    return with_size_ranges(found, each)


def with_size_ranges(found: Sequence[Case], each: Sequence[TimedSerializer]) -> list[Case]:
    """The cases with merged conditions for neighbouring sizes of equal answer: "JSON of 3 KB to 44 KB"."""
    both = list(zip(found, each, strict=True))
    merged: list[Case] = []
    differ = len({case.answer for case in found}) > 1
    for (codec, _), neighbours in itertools.groupby(both, key=lambda pair: (pair[1].codec, pair[0].answer)):
        some = list(neighbours)
        first, last = size(some[0][1].size_bytes), size(some[-1][1].size_bytes)
        condition = f"{codec} of {first}" + (f" to {last}" if len(some) > 1 else "")
        merged += [replace(c, condition=condition, brief=condition if differ else c.brief) for c, _ in some]
    return merged


def size(size_bytes: float) -> str:
    """For example "170 bytes" or "3 KB"."""
    return f"{size_bytes / 1000:.0f} KB" if size_bytes >= 1000 else f"{size_bytes:.0f} bytes"


def timed(facts: pd.DataFrame) -> list[TimedSerializer]:
    """The encode times over the rounds, by serializer and size."""
    sizes = facts[facts["name"] == "size"].set_index("at")["value"].to_dict()
    own = facts[(facts["name"] == "object") & (facts["parameter"] == "encode")]
    return [
        TimedSerializer(codec=str(codec), size_bytes=sizes.get(at, math.nan), took_ms=median(some["value"].tolist()))
        for (codec, at), some in own.groupby(["variant", "at"], sort=True)
    ]


def cases(analysis: Analysis) -> list[Case]:
    for info in analysis.run.info.experiments:
        if info.name == NAME and info.status == "done":
            return cases_of(timed(analysis.run.experiment(NAME)))
    return []


CLAIM = Claim(
    row="C8",
    statement="JSON costs about 1 ms an object, MessagePack about 0.1 ms",
    short="JSON 1 ms, MessagePack 0.1 ms",
    rule=f"the whole interval of the encode time is within a factor of {ABOUT:g} of the claimed time, at each size",
    cases=cases,
    command="make bench; all serializers: make serializers",
)
