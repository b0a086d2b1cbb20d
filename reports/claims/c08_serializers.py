"""C8. "About" is within a factor of two. The time of one conversion to bytes is judged at each object's size: JSON
against 1 ms, MessagePack against 0.1 ms."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim, told
from stampede.reports.statistics.estimate import Estimate, median

NAME = "serializer-cost"
ABOUT = 2.0
SAID_MS = {"JSON": 1.0, "MessagePack": 0.1}


@dataclass(frozen=True, kw_only=True)
class TimedSerializer:
    codec: str
    size_bytes: float
    """Of the object as JSON."""
    took_ms: Estimate


def judged(each: Sequence[TimedSerializer]) -> list[Case]:
    found = []
    for x in each:
        said_ms = SAID_MS[x.codec]
        low, high = said_ms / ABOUT, said_ms * ABOUT
        condition = f"{x.codec} of {size(x.size_bytes)}"
        figure = f"{x.codec}, {size(x.size_bytes)}: {told(x.took_ms, 'ms')}"
        case = {"condition": condition, "figure": figure, "href": f"experiment-{NAME}"}
        if x.took_ms.level is None:
            why = f"{x.took_ms.rounds} rounds carry no interval"
            found.append(Case(says="unclear", why=why, **case))
        elif low <= x.took_ms.low and x.took_ms.high <= high:
            found.append(Case(says="yes", **case))
        elif x.took_ms.high < low or x.took_ms.low > high:
            found.append(Case(says="no", **case))
        else:
            found.append(Case(says="unclear", why="the interval crosses half or twice what is said", **case))
    return spanned(found, each)


def spanned(found: Sequence[Case], each: Sequence[TimedSerializer]) -> list[Case]:
    """The same, the conditions of neighbouring sizes that say the same put together: "JSON of 3 KB to 44 KB"."""
    both = list(zip(found, each, strict=True))
    said: list[Case] = []
    for (codec, _), neighbours in itertools.groupby(both, key=lambda pair: (pair[1].codec, pair[0].says)):
        some = list(neighbours)
        first, last = size(some[0][1].size_bytes), size(some[-1][1].size_bytes)
        condition = f"{codec} of {first}" + (f" to {last}" if len(some) > 1 else "")
        said += [replace(case, condition=condition) for case, _ in some]
    return said


def size(size_bytes: float) -> str:
    return f"{size_bytes / 1000:.0f} KB" if size_bytes >= 1000 else f"{size_bytes:.0f} bytes"


def timed(facts: pd.DataFrame) -> list[TimedSerializer]:
    """To bytes, by codec and size, over the rounds."""
    sizes = facts[facts["name"] == "size"].set_index("at")["value"].to_dict()
    own = facts[(facts["name"] == "object") & (facts["parameter"] == "encode")]
    return [
        TimedSerializer(codec=str(codec), size_bytes=sizes.get(at, math.nan), took_ms=median(some["value"].tolist()))
        for (codec, at), some in own.groupby(["variant", "at"], sort=True)
    ]


def cases(analysis: Analysis) -> list[Case]:
    for info in analysis.run.info.experiments:
        if info.name == NAME and info.status == "done":
            return judged(timed(analysis.run.experiment(NAME)))
    return []


CLAIM = Claim(
    row="C8",
    says="JSON costs about 1 ms an object, MessagePack about 0.1 ms",
    rule=f"the whole interval of the time to encode lies within a factor of {ABOUT:g} of what is said, at each size",
    cases=cases,
    command="make bench; all serializers: make serializers",
)
