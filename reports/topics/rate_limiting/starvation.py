"""Whether a limiter starves a caller that calls steadily, a little above the limit.

A caller at 1.1 times the limit should get nearly all that its limiter's contract allows. A limiter that charges refused
calls, or forgets at a refusal what was earned since the last one, keeps its bound and gives such a caller little or
nothing. On a busy machine calls come late, and one that comes late by a tenth of its gap is admitted even then: at 1.5
times the limit it takes a third.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stampede.core.models.greedy_log import greedy_log
from stampede.reports.statistics.clustered import counted_mean
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, missing
from stampede.reports.topics.rate_limiting.calls import Calls
from stampede.reports.topics.rate_limiting.entitlement import greedy_bucket

ABOVE = {"burst, then 1.1 ×": 1.1, "steady 1.1 ×": 1.1, "burst, then 1.5 ×": 1.5}
"""The callers that show it, and how often each calls, times the limit. In a few windows the second does not empty a
bucket."""
LEAST_SHARE = 0.75
"""Of the entitled calls. What a limiter and the oracle admit differs by a call at a window's ends: by one of 8."""


@dataclass(frozen=True, kw_only=True)
class Steady:
    """What one caller got after its first window, in one round."""

    profile: str
    round: int
    admitted: int
    entitled: int
    """What its limiter's own contract allows of the same calls, and no more than the limit that was asked for."""


@dataclass(frozen=True, kw_only=True)
class Starvation:
    """What all callers of one kind got after their first window, all rounds together."""

    profile: str
    admitted: int
    entitled: int
    share: Estimate
    """Admitted over entitled: from six rounds on with an interval, else with the range of the callers."""

    @property
    def multiple(self) -> float:
        """How often such a caller calls, times the limit."""
        return ABOVE[self.profile]

    @property
    def starves(self) -> bool:
        """Whether it got less than LEAST_SHARE, and the whole interval lies below 1."""
        return self.share.value < LEAST_SHARE and self.share.high < 1


def steady(
    profile: str, round_number: int, calls: Calls, flood: Mapping[str, Any], contract: Mapping[str, Any]
) -> Steady:
    """What that caller got and was entitled to after its first window."""
    instants, window_s = calls.instant_s, float(flood["window_s"])
    if not len(instants):
        return Steady(profile=profile, round=round_number, admitted=0, entitled=0)
    late = instants >= instants[0] + window_s
    limit = int(flood["limit"])
    if contract["kind"] == "bucket":
        asked = greedy_bucket(instants, flood.get("burst") or limit, limit / window_s)
        guaranteed = greedy_bucket(instants, contract["capacity"], contract["refill_per_s"])
    else:
        asked = greedy_log(instants, limit, window_s)
        guaranteed = greedy_log(instants, int(contract["limit"]), float(contract["window_s"]))
    entitled = min(int(asked[late].sum()), int(guaranteed[late].sum()))
    return Steady(profile=profile, round=round_number, admitted=int(calls.allowed[late].sum()), entitled=entitled)


def starvation(found: Sequence[Steady]) -> Starvation | None:
    """The first kind of caller that is starved, else the one that got least; None where none was entitled to any."""
    kinds = [of_kind(callers) for name in ABOVE if (callers := [x for x in found if x.profile == name])]
    judged = [x for x in kinds if x.entitled]
    starved = [x for x in judged if x.starves]
    return starved[0] if starved else min(judged, key=lambda x: x.share.value, default=None)


def of_kind(callers: Sequence[Steady]) -> Starvation:
    rounds: dict[int, list[Steady]] = {}
    for caller in callers:
        rounds.setdefault(caller.round, []).append(caller)
    sums = [sum(x.admitted for x in found) for found in rounds.values()]
    counts = [sum(x.entitled for x in found) for found in rounds.values()]
    return Starvation(
        profile=callers[0].profile,
        admitted=sum(sums),
        entitled=sum(counts),
        share=counted_mean(sums, counts) if len(rounds) >= MIN_ROUNDS else seen(callers),
    )


def seen(callers: Sequence[Steady]) -> Estimate:
    """The mean, and the range of the callers in place of an interval."""
    shares = [x.admitted / x.entitled for x in callers if x.entitled]
    if not shares:
        return missing("entitled to nothing after the first window")
    mean = sum(x.admitted for x in callers) / sum(x.entitled for x in callers)
    return Estimate(value=mean, low=min(shares), high=max(shares), rounds=len(shares), how="range of the callers")
