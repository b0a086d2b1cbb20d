"""Whether single decisions, and what was told with them, were true: held against the limiter's own history."""

from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.rows import Floats
from stampede.reports.topics.rate_limiting.calls import Calls


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """Decisions that differ from the strict rule, given what the limiter itself had admitted before."""

    admitted: int
    """Although its own count in the last W had certainly reached L."""
    refused: int
    """Although its own count in the last W was certainly below L."""


def wrong(calls: Calls, limit: int, window_s: float) -> Wrong:
    """Comparing with the oracle's own list instead would cascade from one early difference."""
    past = calls.admitted
    starts, ends = np.sort(past.start_s), np.sort(past.end_s)
    over_admitted = over_refused = 0
    for start, end, allowed in zip(calls.start_s, calls.end_s, calls.allowed, strict=True):
        if allowed:
            inside = (past.end_s < start) & (past.start_s > end - window_s)
            over_admitted += int(inside.sum() >= limit)
        else:
            touching = np.searchsorted(starts, end, side="right") - np.searchsorted(ends, start - window_s, "right")
            over_refused += int(touching < limit)
    return Wrong(admitted=over_admitted, refused=over_refused)


@dataclass(frozen=True, kw_only=True)
class RetryOutcomes:
    """What became of what callers were told."""

    waited: int = 0
    """Refused callers whose next call came at or after the instant that they were told."""
    waited_admitted: int = 0
    sooner: int = 0
    """Refused callers whose next call came before it."""
    sooner_admitted: int = 0
    """… and was admitted: they were told to wait in vain."""
    waste_s: float = 0.0
    """How much longer than needed those were told to wait, together."""
    guaranteed: int = 0
    """Calls that were next after a decision that said calls were left."""
    promised_admitted: int = 0

    def __add__(self, other: "RetryOutcomes") -> "RetryOutcomes":
        return RetryOutcomes(**{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__})


def told(calls: Calls) -> RetryOutcomes:
    """Each decision against the next call of the same subject, where that began after the answer was there.

    A refusal counts where neither it nor the next call overlaps a third: it is then clear who came when.
    """
    if len(calls) < 2:
        return RetryOutcomes()
    after = calls.start_s[1:] >= calls.end_s[:-1]
    others = rivals(calls)
    alone = (others[:-1] == 0) & (others[1:] == 0)
    refused, nextly = ~calls.allowed[:-1], calls.allowed[1:]
    instant = calls.end_s[:-1] + calls.retry_after_s[:-1]
    waits = after & alone & refused & (calls.retry_after_s[:-1] > 0)
    late = waits & (calls.start_s[1:] >= instant)
    soon = waits & (calls.end_s[1:] < calls.start_s[:-1] + calls.retry_after_s[:-1])
    vain = soon & nextly
    guaranteed = after & (calls.remaining[:-1] - others[:-1] >= 1)
    return RetryOutcomes(
        waited=int(late.sum()),
        waited_admitted=int((late & nextly).sum()),
        sooner=int(soon.sum()),
        sooner_admitted=int(vain.sum()),
        waste_s=float((instant - calls.end_s[1:])[vain].sum()),
        guaranteed=int(guaranteed.sum()),
        promised_admitted=int((guaranteed & nextly).sum()),
    )


def rivals(calls: Calls) -> Floats:
    """How many other calls of the subject overlap each call's span: they may have used what it was told was left."""
    starts, ends = np.sort(calls.start_s), np.sort(calls.end_s)
    begun = np.searchsorted(starts, calls.end_s, side="left")
    over = np.searchsorted(ends, calls.start_s, side="right")
    return np.asarray(begun - over - 1, dtype=np.float64)


def recovery_s(calls: Calls, quiet_from_s: float, wanted: int) -> float:
    """From when a client became quiet to its first admission (`wanted` = 1), or to the last of so many in a row.

    nan: not seen.
    """
    later = calls.where(calls.start_s >= quiet_from_s)
    run = 0
    for instant, allowed in zip(later.end_s, later.allowed, strict=True):
        run = run + 1 if allowed else 0
        if run == wanted:
            return float(instant) - quiet_from_s
    return np.nan


def peak_to_mean(instants_s: Floats, bin_s: float, span_s: float) -> float:
    """The fullest bin over the mean of all bins of [0, span); nan without instants."""
    bins = max(1, round(span_s / bin_s))
    inside = instants_s[(instants_s >= 0) & (instants_s < span_s)]
    if not len(inside):
        return np.nan
    counts = np.bincount(np.minimum((inside / bin_s).astype(int), bins - 1), minlength=bins)
    return float(counts.max() / counts.mean())
