"""What rounds can carry. The unit of evidence is the round: requests in a cell share its luck.

Every interval says its exact level. Below MIN_ROUNDS there is a range of what was seen, and no verdict.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

MIN_ROUNDS = 6
MEDIAN_LEVEL = 0.9296
"""The least level of a median's interval: what order statistics 2 and 7 of eight rounds give (92.97 %)."""
PAIRED_LEVEL = 0.95
LEAST_DIFFERENCE = 0.05
"""Differences below it are called the same, whatever the noise floor."""

COARSE = 0.25
"""A noise floor above it is too coarse to call anything the same: that reads cannot tell."""

Sentence = Literal["better", "worse", "same", "cannot tell", ""]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure over rounds. A value of infinity reads "> D"."""

    value: float
    """nan: there is none, and `why` says why."""
    low: float = math.nan
    high: float = math.nan
    level: float | None = None
    """Of the interval low to high, 0 to 1; None: the range of the rounds, no interval."""
    rounds: int = 0
    how: str = "median of the rounds"
    why: str = ""
    """Why it is missing, or what must be said beside it."""

    @property
    def missing(self) -> bool:
        return math.isnan(self.value)


def missing(why: str, rounds: int = 0) -> Estimate:
    return Estimate(value=math.nan, why=why, rounds=rounds)


def median(values: Sequence[float], level: float = MEDIAN_LEVEL) -> Estimate:
    """The median over rounds with its order-statistic interval, which holds for any distribution.

    The interval is the narrowest [x(k), x(n+1−k)] whose level 1 − 2·P(Bin(n, ½) < k) is at least `level`. Below
    MIN_ROUNDS: the range. Rounds without a value are left out.
    """
    x = np.sort(np.array([v for v in values if not math.isnan(v)], dtype=np.float64))
    n = len(x)
    if n == 0:
        return missing("not measured")
    middle = float(x[n // 2]) if n % 2 else float(x[n // 2 - 1] + x[n // 2]) / 2
    if n < MIN_ROUNDS:
        return Estimate(value=middle, low=float(x[0]), high=float(x[-1]), rounds=n)
    k = 1
    while k + 1 <= n // 2 and median_level(n, k + 1) >= level:
        k += 1
    return Estimate(value=middle, low=float(x[k - 1]), high=float(x[n - k]), level=median_level(n, k), rounds=n)


def median_level(n: int, k: int) -> float:
    """How often the k-th smallest and k-th largest of n values enclose the median."""
    return 1 - 2 * sum(math.comb(n, i) for i in range(k)) / float(2**n)


@cache
def signed_rank_below(n: int) -> tuple[float, ...]:
    """P(T ≤ t) for t = 0 … n(n+1)/2: the signed-rank statistic under the null, exactly, by adding rank to rank."""
    counts = [1]
    for rank in range(1, n + 1):
        counts = [
            (counts[t] if t < len(counts) else 0) + (counts[t - rank] if t >= rank else 0)
            for t in range(len(counts) + rank)
        ]
    total, running, below = 2**n, 0, []
    for count in counts:
        running += count
        below.append(running / total)
    return tuple(below)


@dataclass(frozen=True, kw_only=True)
class Shift:
    """How far paired differences lie from zero."""

    estimate: float
    low: float
    high: float
    level: float
    p: float
    """Two-sided; at most 1 − level exactly when the interval excludes zero."""
    rounds: int

    @property
    def as_ratio(self) -> "Shift":
        """Of logarithms: the same on the ratio's own scale."""
        low, estimate, high = (math.exp(x) for x in (self.low, self.estimate, self.high))
        return replace(self, low=low, estimate=estimate, high=high)


def shift(differences: Sequence[float], level: float = PAIRED_LEVEL) -> Shift:
    """The Hodges–Lehmann estimate (median of the Walsh averages) with the exact signed-rank interval.

    Exact for symmetric continuous differences; ties count against a finding, so with them it is conservative. Raises
    ValueError without differences. Source: Hollander, Wolfe, Chicken: Nonparametric Statistical Methods, 3.1–3.3.
    """
    d = np.asarray(differences, dtype=np.float64)
    n = len(d)
    if n == 0:
        raise ValueError("no differences")
    i, j = np.triu_indices(n)
    walsh = np.sort((d[i] + d[j]) / 2)
    m = len(walsh)
    below = signed_rank_below(n)
    k = 0
    while k + 1 < m - 1 - k and 1 - 2 * below[k + 1] >= level:
        k += 1
    least = int(min(np.count_nonzero(walsh <= 0), np.count_nonzero(walsh >= 0)))
    return Shift(
        estimate=float(np.median(walsh)),
        low=float(walsh[k]),
        high=float(walsh[m - 1 - k]),
        level=1 - 2 * below[k],
        p=min(1.0, 2 * below[least]),
        rounds=n,
    )


@cache
def rank_sum_below(m: int, n: int) -> tuple[float, ...]:
    """P(U ≤ u) for u = 0 … m·n: the Mann–Whitney statistic of m and n values under the null, exactly.

    The number of ways to reach u is the coefficient of q^u in the Gaussian binomial (m + n choose m): a product of
    (1 − q^(n + i)) / (1 − q^i) for i = 1 … m, multiplied out and divided term by term.
    """
    counts = [1] + [0] * (m * n)
    for i in range(1, m + 1):
        for u in range(m * n, n + i - 1, -1):
            counts[u] -= counts[u - n - i]
        for u in range(i, m * n + 1):
            counts[u] += counts[u - i]
    total, running, below = math.comb(m + n, m), 0, []
    for count in counts:
        running += count
        below.append(running / total)
    return tuple(below)


def independent_shift(x: Sequence[float], y: Sequence[float], level: float = PAIRED_LEVEL) -> Shift:
    """How far x lies above y, where their values are not paired: two runs.

    The Hodges–Lehmann estimate (median of all differences x − y) with the exact Mann–Whitney interval. Exact for
    continuous distributions of one shape; ties count against a finding. Raises ValueError where either is empty.
    Source: Hollander, Wolfe, Chicken: Nonparametric Statistical Methods, 4.1–4.3.
    """
    m, n = len(x), len(y)
    if not m or not n:
        raise ValueError("no rounds")
    differences = np.sort(np.subtract.outer(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)).ravel())
    below = rank_sum_below(m, n)
    last = m * n - 1
    k = 0
    while k + 1 < last - k and 1 - 2 * below[k + 1] >= level:
        k += 1
    least = int(min(np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0)))
    return Shift(
        estimate=float(np.median(differences)),
        low=float(differences[k]),
        high=float(differences[last - k]),
        level=1 - 2 * below[k],
        p=min(1.0, 2 * below[least]),
        rounds=min(m, n),
    )


def chance_of_less(x: Sequence[float], y: Sequence[float]) -> float:
    """The chance of an x so far above y, or farther, were x not above y: the exact Mann–Whitney test, one-sided.

    Ties count against it. Raises ValueError where either is empty.
    """
    if not len(x) or not len(y):
        raise ValueError("no rounds")
    below = np.subtract.outer(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)) <= 0
    return rank_sum_below(len(x), len(y))[int(np.count_nonzero(below))]


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given: the chance of one false finding in the table stays below them."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, running = [1.0] * len(p), 0.0
    for position, i in enumerate(order):
        running = max(running, min(1.0, (len(p) - position) * p[i]))
        adjusted[i] = running
    return adjusted


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A contender against the reference, paired by round."""

    ratio: Shift | None
    """On the ratio's own scale; None: a zero among the values, or too few rounds."""
    difference: Shift | None
    rounds: int
    low_seen: float = math.nan
    high_seen: float = math.nan
    """The range of the rounds' ratios."""
    why: str = ""
    spread: float = math.nan
    """Standard deviation of what is judged: of the rounds' log ratios, else of their differences."""

    @property
    def p(self) -> float:
        test = self.ratio or self.difference
        return test.p if test else 1.0


def compare(values: Sequence[float], reference: Sequence[float]) -> Comparison:
    """Value over reference, round by round; the sequences are aligned, nan where a round has none.

    Where a zero stands among the values there is no ratio, and the absolute difference is judged instead.
    """
    pairs = [(v, r) for v, r in zip(values, reference, strict=True) if math.isfinite(v) and math.isfinite(r)]
    n = len(pairs)
    if n == 0:
        return Comparison(ratio=None, difference=None, rounds=0, why="no round has both")
    v, r = np.array(pairs, dtype=np.float64).T
    positive = bool(np.all(v > 0) and np.all(r > 0))
    ratios = v / r if positive else np.array([math.nan])
    low, high = float(ratios.min()), float(ratios.max())
    if n < MIN_ROUNDS:
        return Comparison(
            ratio=None, difference=None, rounds=n, low_seen=low, high_seen=high, why=f"range of {n} rounds"
        )
    judged = np.log(v) - np.log(r) if positive else v - r
    ratio = shift([float(x) for x in judged]).as_ratio if positive else None
    difference = shift([float(x) for x in v - r])
    spread = float(np.std(judged, ddof=1))
    return Comparison(ratio=ratio, difference=difference, rounds=n, low_seen=low, high_seen=high, spread=spread)


def compare_independent(values: Sequence[float], base: Sequence[float]) -> Comparison:
    """As `compare`, where the rounds are not paired: of two runs. Either may have more rounds; nan: none in that round.

    The rounds of each run are one sample. Its spread is that of a difference of two rounds, one from each.
    """
    x, y = (np.array([v for v in side if math.isfinite(v)], dtype=np.float64) for side in (values, base))
    n = min(len(x), len(y))
    if n == 0:
        return Comparison(ratio=None, difference=None, rounds=0, why="no round of one of the runs has it")
    positive = bool(np.all(x > 0) and np.all(y > 0))
    low, high = (float(x.min() / y.max()), float(x.max() / y.min())) if positive else (math.nan, math.nan)
    if n < MIN_ROUNDS:
        return Comparison(
            ratio=None, difference=None, rounds=n, low_seen=low, high_seen=high, why=f"range of {n} rounds"
        )
    a, b = (np.log(x), np.log(y)) if positive else (x, y)
    logs = independent_shift(list(a), list(b)).as_ratio if positive else None
    spread = math.sqrt(float(np.var(a, ddof=1)) + float(np.var(b, ddof=1)))
    difference = independent_shift(list(x), list(y))
    return Comparison(ratio=logs, difference=difference, rounds=n, low_seen=low, high_seen=high, spread=spread)


EFFICIENCY = 3 / math.pi
"""Of ranks against means where values are normal: so many rounds of a t test do what one round of ours does."""


def rounds_needed(spread: float, difference: float, alpha: float = 1 - PAIRED_LEVEL, power: float = 0.95) -> float:
    """How many rounds a paired interval needs to exclude zero with that power, where the truth is that difference.

    Spread and difference on one scale: logarithms of ratios, or a unit. At least MIN_ROUNDS, and what the exact test
    needs to reach alpha at all; infinity where there is no difference. The t formula n ≥ (t(1 − α/2) + t(power))² ·
    spread² / difference², over the efficiency of ranks.
    """
    if not difference or math.isnan(spread) or math.isnan(difference):
        return math.inf
    least = max(MIN_ROUNDS, math.ceil(1 + math.log2(1 / alpha)))
    if spread == 0:
        return float(least)
    far = (spread / abs(difference)) ** 2 / EFFICIENCY
    if not math.isfinite(far):
        return math.inf
    n = max(float(least), math.ceil(float(special.ndtri(1 - alpha / 2) + special.ndtri(power)) ** 2 * far))
    while n < 1000 and (special.stdtrit(n - 1, 1 - alpha / 2) + special.stdtrit(n - 1, power)) ** 2 * far > n:
        n += 1
    return n


def rounds_to_tell(comparison: Comparison, m: float, alpha: float = 1 - PAIRED_LEVEL) -> float:
    """About how many rounds would end a "cannot tell", if the estimate is the truth: the fewer of those that exclude
    no difference, and those that fit the interval into ± m. Infinity where neither can be expected. Of paired rounds.
    """
    test = comparison.ratio or comparison.difference
    if test is None or math.isnan(comparison.spread):
        return math.inf
    centre = abs(math.log(test.estimate)) if comparison.ratio else abs(test.estimate)
    apart = rounds_needed(comparison.spread, centre, alpha)
    if comparison.ratio is None or m > COARSE or centre >= math.log1p(m):
        return apart
    return min(apart, rounds_needed(comparison.spread, math.log1p(m) - centre))


def noise_floor(twins: Comparison | None) -> float:
    """m: the larger of 5 % and how far the A/A pair's interval reaches. A share: 0.05 is ± 5 %."""
    if twins is None or twins.ratio is None:
        return LEAST_DIFFERENCE
    return max(LEAST_DIFFERENCE, math.exp(max(abs(math.log(twins.ratio.low)), abs(math.log(twins.ratio.high)))) - 1)


def sentence(comparison: Comparison, m: float, adjusted_p: float, better: Literal["lower", "higher"]) -> Sentence:
    """One of four sentences, or none below MIN_ROUNDS.

    same: the whole interval lies inside ± m (taken on the log scale; this wins), unless m is above COARSE: then this
    run cannot tell. better, worse: the interval excludes 1, and Holm's adjusted p is at most 5 %. Else cannot tell.
    """
    if comparison.rounds < MIN_ROUNDS:
        return ""
    test = comparison.ratio or comparison.difference
    assert test is not None
    if comparison.ratio is not None:
        low, high = math.log(test.low), math.log(test.high)
        if -math.log1p(m) <= low and high <= math.log1p(m):
            return "same" if m <= COARSE else "cannot tell"
    else:
        low, high = test.low, test.high
        if low == high == 0:
            return "same"
    if (low > 0 or high < 0) and adjusted_p <= 1 - PAIRED_LEVEL + 1e-12:
        return "better" if (high < 0) == (better == "lower") else "worse"
    return "cannot tell"


def clustered_mean(sums: Sequence[float], counts: Sequence[float], level: float = 0.95) -> Estimate:
    """Sum over count, with clusters (rounds) as the unit: Σ sums / Σ counts with the t interval of a ratio estimator.

    What happens within a round shares its luck, so the spread between the rounds' residuals sum − mean × count is all
    the evidence there is: variance n/(n−1) · Σ residual² / (Σ counts)², n − 1 degrees of freedom (Cochran: Sampling
    Techniques, 6.4). That keeps a cluster that saw five expiries heavier than one that saw two. Its level is the
    nominal one; a simulation in the tests holds the coverage to it. Below MIN_ROUNDS: the range of the rounds.
    """
    s, c = np.asarray(sums, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    s, c = s[c > 0], c[c > 0]
    n = len(c)
    how = "mean over all expiries, clustered by round"
    if n == 0:
        return missing("none seen")
    mean = float(s.sum() / c.sum())
    if n < MIN_ROUNDS:
        return Estimate(value=mean, low=float((s / c).min()), high=float((s / c).max()), rounds=n, how=how)
    error = math.sqrt(n / (n - 1) * float(((s - mean * c) ** 2).sum())) / float(c.sum())
    reach = float(special.stdtrit(n - 1, (1 + level) / 2)) * error
    return Estimate(value=mean, low=mean - reach, high=mean + reach, level=level, rounds=n, how=how)


def counted_mean(sums: Sequence[float], counts: Sequence[float], least: float = 0.0) -> Estimate:
    """As `clustered_mean`, of what is counted and is never below `least`: loads an expiry never below 1.

    Where nothing above the least was seen there is no spread to make an interval of, and that nothing was seen in n
    excludes more than 3 / n of it (with 95 % confidence: the rule of three), not all of it.
    """
    mean = clustered_mean(sums, counts)
    if mean.level is None or mean.value > least:
        return replace(mean, low=max(least, mean.low))
    n = float(sum(counts))
    how = f"none above {least:g} in {n:,.0f}: below the upper bound with 95 % confidence (3 / n)"
    return replace(mean, low=least, high=least + 3 / n, how=how)


def quantile(values: Floats, q: float) -> float:
    """The smallest value that at least a share q of the values do not exceed (no interpolation); nan of nothing."""
    n = len(values)
    if n == 0:
        return math.nan
    return float(np.partition(values, rank(n, q))[rank(n, q)])


def rank(n: int, q: float) -> int:
    """Index of the q-quantile among n sorted values. The tiny amount undoes binary rounding: 0.99 × 100 is 99."""
    return min(n - 1, max(0, math.ceil(q * n - 1e-9) - 1))


def pooled_quantile(rounds: Sequence[Floats], q: float, level: float = 0.95) -> Estimate:
    """The q-quantile of all rounds' values together, with Woodruff's interval, rounds as clusters.

    The share of values at or below the estimate varies from round to round; the t interval of that share (n − 1
    degrees of freedom, ratio estimator) is carried back to values. Woodruff, JASA 47 (1952). The share's upper bound
    may reach 1: then the interval ends at the largest value seen. Below MIN_ROUNDS: the range of the rounds' own.
    """
    rounds = [r for r in rounds if len(r)]
    n = len(rounds)
    how = "all rounds' samples together"
    if n == 0:
        return missing("not measured")
    pool = np.sort(np.concatenate(rounds))
    value = float(pool[rank(len(pool), q)])
    if n < MIN_ROUNDS:
        own = [quantile(r, q) for r in rounds]
        return Estimate(value=value, low=min(own), high=max(own), rounds=n, how=how)
    share = clustered_mean([float(np.count_nonzero(r <= value)) for r in rounds], [len(r) for r in rounds], level)
    half = (share.high - share.low) / 2
    low, high = pool[rank(len(pool), q - half)], pool[rank(len(pool), q + half)]
    return Estimate(value=value, low=float(low), high=float(high), level=level, rounds=n, how=how)
