"""How requests of a trace are spread over time: rate, busiest second, burstiness."""

import math

import numpy as np
import numpy.typing as npt

MOST_BINS = 1 << 20


class ArrivalCounts:
    """Counts requests in bins of one second. For traces above 12 days, the bins get wider by factors of 2."""

    def __init__(self) -> None:
        self.width_s = 1.0
        self.bins = np.zeros(1024, dtype=np.int64)
        self.count = 0
        self.latest_s = 0.0
        self.out_of_order = 0
        """Requests with a time before that of an earlier line."""
        self.has_fractions = False
        """Whether any time is no whole second: only then are the gaps between requests known."""
        self.gaps, self.gap_sum, self.gap_squares = 0, 0.0, 0.0

    def add(self, times: npt.NDArray[np.float64]) -> None:
        """Count requests. The times are seconds since the first request; none is NaN."""
        if not len(times):
            return
        highest = np.maximum.accumulate(np.maximum(times, self.latest_s))
        before = np.append(self.latest_s, highest[:-1])
        self.out_of_order += int((times < before).sum())
        gaps = highest - before if self.count else (highest - before)[1:]
        self.gaps += len(gaps)
        self.gap_sum += float(gaps.sum())
        self.gap_squares += float((gaps * gaps).sum())
        self.has_fractions = self.has_fractions or bool(np.any(times != np.floor(times)))
        self.count += len(times)
        self.latest_s = float(highest[-1])
        while self.latest_s >= self.width_s * MOST_BINS:
            self.bins = self.bins.reshape(-1, 2).sum(axis=1)
            self.width_s *= 2
        places = np.floor(np.maximum(times, 0.0) / self.width_s).astype(np.int64)
        needed = int(self.latest_s // self.width_s) + 1
        if needed > len(self.bins):
            wider = np.zeros(1 << (needed - 1).bit_length(), dtype=np.int64)
            wider[: len(self.bins)] = self.bins
            self.bins = wider
        first = int(places.min())
        counted = np.bincount(places - first)
        self.bins[first : first + len(counted)] += counted

    @property
    def span_s(self) -> float:
        """The time of the trace. Whole seconds stand for the second that they begin."""
        return self.latest_s if self.has_fractions else self.latest_s + 1.0

    @property
    def rate_per_s(self) -> float:
        """Mean requests per second; NaN for a trace without duration."""
        return self.count / self.span_s if self.count > 1 and self.span_s > 0 else math.nan

    def whole_bins(self) -> npt.NDArray[np.int64]:
        """The counts of the bins that the trace covers wholly."""
        return self.bins[: int(self.span_s // self.width_s)]

    @property
    def peak_per_s(self) -> float:
        """Requests per second in the busiest bin; NaN without a whole bin."""
        whole = self.whole_bins()
        return float(whole.max()) / self.width_s if len(whole) else math.nan

    def dispersion(self, width_s: float) -> float:
        """Variance over mean of the counts in intervals of about that width: 1 for Poisson arrivals.

        NaN with fewer than ten intervals, or if the bins are wider.
        """
        joined = max(round(width_s / self.width_s), 1)
        whole = self.whole_bins()
        intervals = len(whole) // joined
        if intervals < 10 or width_s < self.width_s:
            return math.nan
        counts = whole[: intervals * joined].reshape(intervals, joined).sum(axis=1)
        return float(counts.var(ddof=1) / counts.mean()) if counts.any() else math.nan

    @property
    def gap_variation(self) -> float:
        """Squared coefficient of variation of the gaps between requests: 1 for Poisson arrivals.

        NaN if all times are whole seconds, or with fewer than ten gaps.
        """
        if not self.has_fractions or self.gaps < 10 or self.gap_sum <= 0:
            return math.nan
        mean = self.gap_sum / self.gaps
        return (self.gap_squares / self.gaps - mean * mean) / (mean * mean)
