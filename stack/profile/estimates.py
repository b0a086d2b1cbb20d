"""Estimates from samples, each with the range in which the value lies with a probability of about 95 %."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z = 1.96
T95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.18, 2.16, 2.14, 2.13, 2.12)
"""Student's t at 97.5 % for 1 to 15 degrees of freedom; 2.1 is used above."""


@dataclass(frozen=True, kw_only=True)
class SampleEstimate:
    """A value with the 95 % interval of what was read. None: the limit is not known."""

    value: float
    low: float | None = None
    high: float | None = None

    def scaled(self, factor: float) -> "SampleEstimate":
        low, high = (None if each is None else each * factor for each in (self.low, self.high))
        return SampleEstimate(value=self.value * factor, low=low, high=high)

    def text(self, form: str = ",.3g", unit: str = "") -> str:
        """value (low to high) with its unit."""
        space = " " if unit and not unit.startswith("/") else ""
        value = f"{self.value:{form}}{space}{unit}"
        if self.low is None or self.high is None:
            return value
        return f"{value} ({self.low:{form}} to {self.high:{form}})"


def mean_estimate(values: Sequence[float]) -> SampleEstimate:
    """The mean, with Student's interval. The values: of consecutive seconds, taken as independent."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return SampleEstimate(value=mean)
    t = T95[len(values) - 2] if len(values) - 2 < len(T95) else 2.1
    half = t * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return SampleEstimate(value=mean, low=max(0.0, mean - half), high=mean + half)


def share_estimate(count: float, total: float) -> SampleEstimate:
    """A share of a sample: Wilson's interval (Wilson, JASA 22, 1927)."""
    if total <= 0:
        return SampleEstimate(value=0.0, low=0.0, high=1.0)
    share, z2 = count / total, Z * Z
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    return SampleEstimate(value=share, low=max(0.0, middle - half), high=min(1.0, middle + half))


def ratio_estimate(parts: Sequence[float], totals: Sequence[float]) -> SampleEstimate:
    """Σ parts / Σ totals over consecutive seconds, with the wider of two intervals: Wilson's, which takes requests as
    independent, and the ratio estimator's, which takes seconds as independent."""
    part, total = sum(parts), sum(totals)
    wilson = share_estimate(part, total)
    if len(totals) < 2 or total <= 0:
        return wilson
    share = part / total
    residuals = [a - share * b for a, b in zip(parts, totals, strict=True)]
    t = T95[len(totals) - 2] if len(totals) - 2 < len(T95) else 2.1
    half = t * math.sqrt(sum(r * r for r in residuals) * len(totals) / (len(totals) - 1)) / total
    low, high = min(wilson.low or 0.0, share - half), max(wilson.high or 1.0, share + half)
    return SampleEstimate(value=share, low=max(0.0, low), high=min(1.0, high))


def quantile_estimate(values: Sequence[float], q: float) -> SampleEstimate:
    """A quantile, with the interval of order statistics (distribution-free; normal approximation of the binomial)."""
    ordered = sorted(values)
    n = len(ordered)
    half = Z * math.sqrt(n * q * (1 - q))
    low, high = math.floor(n * q - half), math.ceil(n * q + half)
    return SampleEstimate(
        value=float(np.quantile(ordered, q)),
        low=ordered[low] if low >= 0 else None,
        high=ordered[high] if high < n else None,
    )


@dataclass(frozen=True, kw_only=True)
class TtlEstimate:
    """The TTL that entries are given, estimated from what remains of it."""

    ttl_s: SampleEstimate
    is_uniform: bool
    """Whether the remaining times fit one TTL for all: then they lie evenly between 0 and the TTL."""
    keys: int


def ttl_estimate(remaining_s: Sequence[float]) -> TtlEstimate | None:
    """The given TTL, from the remaining times of a random sample of entries. None without an entry.

    Entries that live one fixed TTL have ages, and so remaining times, that are uniform on 0 to the TTL. The largest of
    n is its lower limit; (n + 1) / n times the largest is unbiased; the largest / 0.05^(1/n) is the upper limit. With
    entries that are deleted early, or several TTLs, the remaining times are not uniform: then the largest is a lower
    limit of the largest TTL.
    """
    n = len(remaining_s)
    if not n:
        return None
    largest = max(remaining_s)
    ttl_s = SampleEstimate(value=largest * (n + 1) / n, low=largest, high=largest / 0.05 ** (1 / n))
    tolerance = 1.63 / math.sqrt(n) + 1 / n  # Kolmogorov's 1 % point, since the maximum is itself estimated
    ordered = np.sort(np.asarray(remaining_s)) / ttl_s.value
    steps = np.arange(1, n + 1) / n
    distance = float(np.max(np.maximum(abs(steps - ordered), abs(ordered - (steps - 1 / n)))))
    return TtlEstimate(ttl_s=ttl_s, is_uniform=distance <= tolerance, keys=n)


def plainest(estimate: SampleEstimate) -> float:
    """The number with the fewest digits inside the interval, nearest to the value: 300 for 299.4 to 301."""
    if estimate.low is None or estimate.high is None or estimate.value <= 0:
        return estimate.value
    for digits in range(1, 7):
        found = float(f"{estimate.value:.{digits}g}")
        if estimate.low <= found <= estimate.high:
            return found
    return estimate.value
