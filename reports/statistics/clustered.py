"""Means and quantiles over pooled samples, with rounds as clusters."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, Floats, missing, quantile, rank


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
    from scipy.special import stdtrit

    error = math.sqrt(n / (n - 1) * float(((s - mean * c) ** 2).sum())) / float(c.sum())
    reach = float(stdtrit(n - 1, (1 + level) / 2)) * error
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
