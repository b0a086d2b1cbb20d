"""Starvation of a steady caller slightly above the limit.

A caller at 1.1 times the limit should get nearly all calls that the limiter's contract allows. A limiter that charges
refused calls, or loses the earned fraction at a refusal, keeps its bound but admits few or none of the caller's calls.
On a busy machine calls are late. At 1.1 times the limit even such a limiter admits a call that is late by a tenth of
its gap; at 1.5 times the limit only one that is late by a third.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stampede.core.models.greedy_log import greedy_log
from stampede.reports.statistics.clustered import counted_mean
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, missing
from stampede.reports.topics.rate_limiting.decision_counts.calls import Calls
from stampede.reports.topics.rate_limiting.decision_counts.entitlement import greedy_bucket

ABOVE = {"burst, then 1.1 ×": 1.1, "steady 1.1 ×": 1.1, "burst, then 1.5 ×": 1.5}
"""Caller profiles that reveal starvation, and their rates as multiples of the limit. Within a few windows the second
one does not empty a bucket."""
LEAST_SHARE = 0.75
"""Share of the entitled calls. A limiter and the oracle can differ by one call of 8 at a window's ends."""


@dataclass(frozen=True, kw_only=True)
class Steady:
    """Admitted and entitled calls of one caller after its first window, in one round."""

    profile: str
    round: int
    admitted: int
    entitled: int
    """Number of the same calls that the limiter's contract allows, and at most what the requested limit allows."""


@dataclass(frozen=True, kw_only=True)
class Starvation:
    """Admitted and entitled calls of all callers of one profile after their first window, over all rounds."""

    profile: str
    admitted: int
    entitled: int
    share: Estimate
    """Admitted over entitled calls: with an interval from six rounds on, else with the range of the callers."""

    @property
    def multiple(self) -> float:
        """The callers' rate as a multiple of the limit."""
        return ABOVE[self.profile]

    @property
    def starves(self) -> bool:
        """Whether the share is below LEAST_SHARE and its whole interval below 1."""
        return self.share.value < LEAST_SHARE and self.share.high < 1


def steady(
    profile: str, round_number: int, calls: Calls, flood: Mapping[str, Any], contract: Mapping[str, Any]
) -> Steady:
    """Admitted and entitled calls of one caller after its first window."""
    instants, window_s = calls.instant_s, float(flood["window_s"])
    if not len(instants):
        return Steady(profile=profile, round=round_number, admitted=0, entitled=0)
    late = instants >= instants[0] + window_s
    limit = int(flood["limit"])
    if contract["kind"] == "bucket":
        requested = greedy_bucket(instants, flood.get("burst") or limit, limit / window_s)
        guaranteed = greedy_bucket(instants, contract["capacity"], contract["refill_per_s"])
    else:
        requested = greedy_log(instants, limit, window_s)
        guaranteed = greedy_log(instants, int(contract["limit"]), float(contract["window_s"]))
    entitled = min(int(requested[late].sum()), int(guaranteed[late].sum()))
    return Steady(profile=profile, round=round_number, admitted=int(calls.allowed[late].sum()), entitled=entitled)


def starvation(found: Sequence[Steady]) -> Starvation | None:
    """The first profile that is starved, else the one with the lowest share; None if none was entitled to a call."""
    profiles = [of_profile(callers) for name in ABOVE if (callers := [x for x in found if x.profile == name])]
    entitled = [x for x in profiles if x.entitled]
    starved = [x for x in entitled if x.starves]
    return starved[0] if starved else min(entitled, key=lambda x: x.share.value, default=None)


def of_profile(callers: Sequence[Steady]) -> Starvation:
    """Totals of the callers of one profile."""
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
    """The pooled share with the range of the callers in place of an interval."""
    shares = [x.admitted / x.entitled for x in callers if x.entitled]
    if not shares:
        return missing("entitled to nothing after the first window")
    mean = sum(x.admitted for x in callers) / sum(x.entitled for x in callers)
    return Estimate(value=mean, low=min(shares), high=max(shares), rounds=len(shares), how="range of the callers")
