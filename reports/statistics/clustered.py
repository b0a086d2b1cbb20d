"""Means and quantiles over pooled samples, clustered by round."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, Floats, missing, quantile, rank


def clustered_mean(sums: Sequence[float], counts: Sequence[float], level: float = 0.95) -> Estimate:
    """Σ sums / Σ counts, with the t interval of a ratio estimator. The clusters are the rounds.

    Events within a round are not independent, so only the spread between the rounds' residuals sum − mean × count is
    evidence: variance n/(n−1) · Σ residual² / (Σ counts)², n − 1 degrees of freedom (Cochran: Sampling Techniques,
    6.4). A cluster with five expiries thereby has more weight than one with two. The level is the nominal one; a
    simulation in the tests checks the coverage. Below MIN_ROUNDS: the range of the rounds.
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
    """As `clustered_mean`, for counts that are never below `least`; for example, an expiry causes at least 1 load.

    If every count is the least, there is no spread to compute an interval from. Then the rule of three applies: zero
    observations in n exclude more than 3 / n with 95 % confidence.
    """
    mean = clustered_mean(sums, counts)
    if mean.level is None or mean.value > least:
        return replace(mean, low=max(least, mean.low))
    n = float(sum(counts))
    how = f"none above {least:g} in {n:,.0f}: below the upper bound with 95 % confidence (3 / n)"
    return replace(mean, low=least, high=least + 3 / n, how=how)


def pooled_quantile(rounds: Sequence[Floats], q: float, level: float = 0.95) -> Estimate:
    """The q-quantile of the pooled values of all rounds, with Woodruff's interval clustered by round.

    The share of values at or below the estimate varies from round to round. The t interval of that share (n − 1
    degrees of freedom, ratio estimator) is translated back to values. Woodruff, JASA 47 (1952). If the share's upper
    bound reaches 1, the interval ends at the largest value. Below MIN_ROUNDS: the range of the rounds' quantiles.
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
