"""Closed forms: pure functions of rates and times, each with its source and its assumptions.

Rates are per second, times in seconds. The tests compare each form with a simulation, within a stated tolerance.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

EULER = 0.5772156649015329


def loads_per_expiry(rate_per_s: float, load_s: float) -> float:
    """Loads of a popular key per expiry, without protection: the first load, and one for each read during it.

    Assumes Poisson reads and a load time that does not grow with the loads. Elementary: 1 + r·Δ.
    """
    return 1 + rate_per_s * load_s


def loads_when_cpu_bound(rate_per_s: float, cpu_s: float, cores: int) -> float:
    """The same, if the database's cores are the limit: n loads share c cores evenly and slow each other down.

    In units of the first load's progress, further loads come at rate r while n < c, and at r·n/c from then on: a Yule
    process, which grows as e^(r·S/c). The mean is c·(c/(c + 1))^(c − 1)·e^(r·S/c), with a correction for the cases that
    never reach c. It tends to c·e^(r·S/c − 1) for many cores, and to 1 + r·S for infinitely many. Assumes processor
    sharing; derived here.
    """
    from scipy import special  # imported here because the import is slow

    offered = rate_per_s * cpu_s
    few = sum(n * poisson_probability(n - 1, offered) for n in range(1, cores))
    reached = 1.0 if cores == 1 else float(special.gammainc(cores - 1, offered * (1 + 1 / cores)))
    return few + cores * (cores / (cores + 1)) ** (cores - 1) * math.exp(offered / cores) * reached


def poisson_probability(count: int, mean: float) -> float:
    """Probability of that count, as scipy.stats.poisson.pmf, whose module takes a second of CPU to import."""
    from scipy import special

    return float(np.exp(special.xlogy(count, mean) - special.gammaln(count + 1) - mean))


def loads_with_single_flight(processes: int) -> float:
    """The most loads per expiry, if a lock works inside one process only: one per process."""
    return float(processes)


def xfetch_recomputations(beta: float) -> float:
    """Recomputations per expiry, if a read recomputes when now − β·Δ·ln U ≥ expiry: e^(1/β), whatever the rate.

    Reads recompute with intensity r·e^(−x/(β·Δ)) at a time x before the expiry. During the first recomputation, which
    takes Δ, the integrated intensity grows by a factor of e^(1/β), from a mean of 1. Assumes that the first ends before
    the expiry: many reads in β·Δ. The rule: Vattani, Chierichetti, Lowenstein, PVLDB 8(8), 2015. The count is
    derived here.
    """
    return math.exp(1 / beta)


def xfetch_lead_s(rate_per_s: float, load_s: float, beta: float) -> float:
    """How long before the expiry the first recomputation begins, on average: β·Δ·(ln(r·β·Δ) + γ), for r·β·Δ > 1."""
    scale = beta * load_s
    return scale * (math.log(rate_per_s * scale) + EULER)


def zipf_shares(records: int, skew: float) -> Floats:
    """The share of requests of each rank, most popular first: rank^−skew over their sum. Skew 0 is uniform."""
    weights = np.arange(1, records + 1, dtype=np.float64) ** -skew
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def life_s(ttl_s: float, writes_per_s: Floats) -> Floats:
    """Mean lifetime of an entry, if a write deletes it: (1 − e^(−w·T)) / w, and T without writes."""
    wt = writes_per_s * ttl_s
    safe = np.where(wt > 1e-12, wt, 1.0)
    return np.asarray(np.where(wt > 1e-12, ttl_s * -np.expm1(-wt) / safe, ttl_s))


def ttl_hit_rate(
    reads_per_s: Sequence[float] | Floats,
    ttl_s: float,
    *,
    load_s: float = 0.0,
    writes_per_s: Sequence[float] | Floats | None = None,
) -> float:
    """Share of reads that hit, for keys with those read rates. Entries live one TTL; a write deletes them.

    A key's cycle: a miss, the load, the entry's life L. Hits per cycle λ·L of 1 + λ·(Δ + L) reads. For Δ = 0 without
    writes λ·T / (1 + λ·T): renewal; the TTL case of Che's approximation (Che, Tung, Wang, IEEE JSAC 20(7), 2002;
    Fofack, Nain, Neglia, Towsley, VALUETOOLS 2012). Assumes Poisson reads and writes, and a long day.
    """
    rates = np.asarray(reads_per_s, dtype=np.float64)
    writes = np.zeros_like(rates) if writes_per_s is None else np.asarray(writes_per_s, dtype=np.float64)
    life = life_s(ttl_s, writes)
    hits = rates * life / (1 + rates * (load_s + life))
    return float((rates * hits).sum() / rates.sum())


LONGEST_TTL_S = 30 * 86_400.0
"""A TTL above 30 days is not searched."""


def ttl_for_hit_rate(
    wanted: float,
    reads_per_s: Sequence[float] | Floats,
    *,
    load_s: float = 0.0,
    writes_per_s: Sequence[float] | Floats | None = None,
) -> float:
    """The shortest TTL in seconds with that hit rate (0 to 1), to a relative accuracy of 1e-6; infinity if none has it.

    The inverse of `ttl_hit_rate`, which rises with the TTL, by bisection of the TTL's logarithm. TTLs from 1 ms to
    LONGEST_TTL_S are searched. Writes that delete entries bound the hit rate, whatever the TTL.
    """

    def reached(ttl_s: float) -> bool:
        return ttl_hit_rate(reads_per_s, ttl_s, load_s=load_s, writes_per_s=writes_per_s) >= wanted

    if not reached(LONGEST_TTL_S):
        return math.inf
    low, high = math.log(1e-3), math.log(LONGEST_TTL_S)
    if reached(math.exp(low)):
        return math.exp(low)
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if reached(math.exp(middle)) else (middle, high)
    return math.exp(high)


def lru_hit_rate(reads_per_s: Sequence[float] | Floats, entries: int) -> float:
    """Share of reads that hit an LRU cache of that many entries: Che's approximation.

    T solves Σ (1 − e^(−λT)) = entries; a key hits with 1 − e^(−λT). Che et al., as above; Fricker, Robert, Roberts,
    ITC 2012.
    """
    rates = np.asarray(reads_per_s, dtype=np.float64)
    if entries >= len(rates):
        return 1.0
    low, high = 0.0, 1.0
    while float(-np.expm1(-rates * high).sum()) < entries:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if float(-np.expm1(-rates * middle).sum()) < entries else (low, middle)
    return float((rates * -np.expm1(-rates * high)).sum() / rates.sum())


def stale_share(writes_per_s: float, ttl_s: float) -> float:
    """Share of hits that return an old value, if entries only expire: 1 − (1 − e^(−w·T)) / (w·T).

    The age of a hit's entry is uniform over the TTL. The hit is stale if a write happened during that
    age. Assumes Poisson writes.
    """
    wt = writes_per_s * ttl_s
    return 0.0 if wt < 1e-12 else 1 + math.expm1(-wt) / wt


def ttl_stale_share(reads_per_s: Floats, writes_per_s: Floats, ttl_s: float, *, load_s: float = 0.0) -> float:
    """The stale share of all reads over many keys: hits per key, times the stale share of its hits."""
    hits = reads_per_s * ttl_s / (1 + reads_per_s * (load_s + ttl_s))
    stale = np.array([stale_share(float(w), ttl_s) for w in writes_per_s])
    return float((reads_per_s * hits * stale).sum() / reads_per_s.sum())


def erlang_c(offered: float, servers: int) -> float:
    """Probability that an arrival waits in M/M/c, for offered = λ·S below c. Erlang 1917; by the Erlang B recursion.

    Raises ValueError if the queue grows without limit.
    """
    if not 0 <= offered < servers:
        raise ValueError(f"offered load {offered:g} on {servers} servers has no steady state")
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = offered * blocked / (k + offered * blocked)
    return blocked / (1 - offered / servers * (1 - blocked))


def mmc_wait_s(rate_per_s: float, service_s: float, servers: int) -> float:
    """Mean wait for a server in M/M/c: C(c, λS)·S / (c − λS)."""
    offered = rate_per_s * service_s
    return erlang_c(offered, servers) * service_s / (servers - offered)


def limiter_most(kind: str, limit: float, *, window_s: float = 1.0, burst: float = 0.0, within_s: float = 1.0) -> float:
    """The most calls of one subject that a limiter can admit in any time of that length, whatever arrives.

    exact log: L per window · fixed window and sliding counter: 2 L per window (their windows may begin at any time, and
    the counter's estimate can be wrong by all of the previous window) · gcra: burst + 1 at once, then one per W/L ·
    token bucket: burst at once, then L/W per second. The first three: for one whole window. Raises ValueError for
    another kind.
    """
    if kind == "log":
        return limit
    if kind in ("fixed", "counter"):
        return 2 * limit
    if kind == "gcra":
        return burst + 1 + math.floor(within_s * limit / window_s + 1e-9)
    if kind == "bucket":
        return burst + within_s * limit / window_s
    raise ValueError(kind)
