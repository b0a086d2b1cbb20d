"""Checks of single decisions and of the retry times and remaining counts returned with them."""

from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.rows import Floats, Ints
from stampede.reports.topics.rate_limiting.decision_counts.calls import Calls

MOST_PAIRS = 1_000_000
"""The largest number of pairs of calls that are compared at once."""


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """Decisions that differ from the strict rule, given the calls that the limiter itself admitted before."""

    admitted: int
    """Admitted although the limiter's own count in the last W had certainly reached L."""
    refused: int
    """Refused although the limiter's own count in the last W was certainly below L."""


def wrong(calls: Calls, limit: int, window_s: float) -> Wrong:
    """Wrong decisions of one subject.

    The rule is applied to the limiter's own history. Against an oracle's history one early difference would cascade.
    """
    past, refused = calls.admitted, calls.where(~calls.allowed)
    begun = np.searchsorted(np.sort(past.start_s), refused.end_s, side="right")
    over = np.searchsorted(np.sort(past.end_s), refused.start_s - window_s, side="right")
    return Wrong(
        admitted=int((certainly_before(past, window_s) >= limit).sum()),
        refused=int((begun - over < limit).sum()),
    )


def certainly_before(calls: Calls, window_s: float) -> Ints:
    """For each call, the number of the calls that ended before it began and began less than a window before its end."""
    found = [np.zeros(0, dtype=np.int64)]
    for part in np.array_split(np.arange(len(calls)), 1 + len(calls) ** 2 // MOST_PAIRS):
        ended = calls.end_s < calls.start_s[part, np.newaxis]
        found.append(np.count_nonzero(ended & (calls.start_s > calls.end_s[part, np.newaxis] - window_s), axis=1))
    return np.concatenate(found)


@dataclass(frozen=True, kw_only=True)
class RetryOutcomes:
    """Whether the returned retry times and remaining counts agreed with the caller's next call."""

    waited: int = 0
    """Refused calls whose next call came at or after the returned retry time."""
    waited_admitted: int = 0
    """Those of which the next call was admitted."""
    sooner: int = 0
    """Refused calls whose next call came before the returned retry time."""
    sooner_admitted: int = 0
    """Those of which the next call was admitted: the retry time was too late."""
    waste_s: float = 0.0
    """Sum of the seconds by which these retry times were too late."""
    guaranteed: int = 0
    """Calls made right after a decision that returned remaining calls."""
    guaranteed_admitted: int = 0
    """Those that were admitted."""

    def __add__(self, other: "RetryOutcomes") -> "RetryOutcomes":
        return RetryOutcomes(**{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__})


def retry_outcomes(calls: Calls) -> RetryOutcomes:
    """Compares each decision with the subject's next call, if that call began after the answer.

    A refusal counts only if neither it nor the next call overlaps a third call: then the order of calls is certain.
    """
    if len(calls) < 2:
        return RetryOutcomes()
    after = calls.start_s[1:] >= calls.end_s[:-1]
    others = overlapping(calls)
    alone = (others[:-1] == 0) & (others[1:] == 0)
    refused, next_allowed = ~calls.allowed[:-1], calls.allowed[1:]
    instant = calls.end_s[:-1] + calls.retry_after_s[:-1]
    waits = after & alone & refused & (calls.retry_after_s[:-1] > 0)
    late = waits & (calls.start_s[1:] >= instant)
    soon = waits & (calls.end_s[1:] < calls.start_s[:-1] + calls.retry_after_s[:-1])
    too_late = soon & next_allowed
    guaranteed = after & (calls.remaining[:-1] - others[:-1] >= 1)
    return RetryOutcomes(
        waited=int(late.sum()),
        waited_admitted=int((late & next_allowed).sum()),
        sooner=int(soon.sum()),
        sooner_admitted=int(too_late.sum()),
        waste_s=float((instant - calls.end_s[1:])[too_late].sum()),
        guaranteed=int(guaranteed.sum()),
        guaranteed_admitted=int((guaranteed & next_allowed).sum()),
    )


def overlapping(calls: Calls) -> Floats:
    """Number of the subject's other calls that overlap each call: they may have used its remaining calls."""
    starts, ends = np.sort(calls.start_s), np.sort(calls.end_s)
    begun = np.searchsorted(starts, calls.end_s, side="left")
    over = np.searchsorted(ends, calls.start_s, side="right")
    return np.asarray(begun - over - 1, dtype=np.float64)


def recovery_s(calls: Calls, quiet_from_s: float, wanted: int) -> float:
    """Seconds from the end of a client's flood to the last of `wanted` admissions in a row; nan if there are none."""
    later = calls.where(calls.start_s >= quiet_from_s)
    run = 0
    for instant, allowed in zip(later.end_s, later.allowed, strict=True):
        run = run + 1 if allowed else 0
        if run == wanted:
            return float(instant) - quiet_from_s
    return np.nan


def peak_to_mean(instants_s: Floats, bin_s: float, span_s: float) -> float:
    """Largest bin divided by the mean of all bins of [0, span); nan without instants."""
    bins = max(1, round(span_s / bin_s))
    inside = instants_s[(instants_s >= 0) & (instants_s < span_s)]
    if not len(inside):
        return np.nan
    counts = np.bincount(np.minimum((inside / bin_s).astype(int), bins - 1), minlength=bins)
    return float(counts.max() / counts.mean())
