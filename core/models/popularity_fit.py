"""Finds the skew of a cache's keys from its hit rate, by the steady state of a TTL cache."""

from dataclasses import dataclass

import numpy as np

from stampede.core.models.closed_forms import Floats, SteadyState
from stampede.core.models.screening import HIGHEST_SKEW

EXACT_RANKS = 2_000
"""The most popular keys are computed one by one, the others in groups of similar popularity."""
GROUPS_PER_E = 100
"""Groups for each factor e of the rank: within a group the popularity differs by 1 % for a skew of 1."""


@dataclass(frozen=True, kw_only=True)
class CacheFacts:
    """What is known of a cache with TTLs, whose writes delete entries."""

    reads_per_s: float
    writes_per_s: float
    ttl_s: float
    load_s: float
    """Time of a load, in seconds."""


def rank_groups(records: int) -> tuple[Floats, Floats]:
    """The ranks 1 to `records` as groups: the rank that stands for each group, and how many ranks it has."""
    exact = np.arange(1, min(records, EXACT_RANKS) + 1, dtype=np.float64)
    if records <= EXACT_RANKS:
        return exact, np.ones_like(exact)
    count = max(2, int(GROUPS_PER_E * np.log(records / EXACT_RANKS)) + 2)
    edges = np.unique(np.round(np.geomspace(EXACT_RANKS, records, count)))
    sizes = np.diff(edges)
    middles = np.sqrt((edges[:-1] + 1) * edges[1:])
    return np.concatenate([exact, middles]), np.concatenate([np.ones_like(exact), sizes])


def zipf_hit_rate(facts: CacheFacts, records: int, skew: float) -> float:
    """The hit rate (0 to 1) of that many keys whose popularity is Zipf's with that exponent."""
    ranks, sizes = rank_groups(records)
    weights = ranks**-skew
    shares = weights / (weights * sizes).sum()
    state = SteadyState(
        reads_per_s=shares * facts.reads_per_s, writes_per_s=shares * facts.writes_per_s, ttl_s=facts.ttl_s
    )
    return float((state.presence(facts.load_s) * shares * sizes).sum())


def skew_for_hit_rate(wanted: float, facts: CacheFacts, records: int) -> float:
    """The skew, 0 to 5, whose hit rate is nearest to the wanted one. The hit rate rises with the skew; bisection."""
    low, high = 0.0, HIGHEST_SKEW
    if zipf_hit_rate(facts, records, low) >= wanted:
        return low
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if zipf_hit_rate(facts, records, middle) >= wanted else (middle, high)
    return high


def idle_shares(facts: CacheFacts, records: int, skew: float, idle_s: Floats) -> Floats:
    """The share of the entries that were not used for longer than each of these times (below the TTL).

    An entry that is not deleted has an age that is uniform on 0 to the TTL. It was not used for x seconds if it is
    older and no read came: (1 − x / T) · e^(−λ·x).
    """
    ranks, sizes = rank_groups(records)
    weights = ranks**-skew
    rates = weights / (weights * sizes).sum() * facts.reads_per_s
    state = SteadyState(reads_per_s=rates, writes_per_s=np.zeros_like(rates), ttl_s=facts.ttl_s)
    present = state.presence(facts.load_s) * sizes
    survives = (1 - idle_s / facts.ttl_s)[:, None] * np.exp(-idle_s[:, None] * rates[None, :])
    return np.asarray((survives * present).sum(axis=1) / present.sum(), dtype=np.float64)
