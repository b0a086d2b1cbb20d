"""Closed forms: pure functions of rates and times, each with its source and its assumptions.

Rates are per second, times in seconds. The tests compare each form with a simulation, within a stated tolerance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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


def decay_s(rate_per_s: Floats, span_s: float | Floats) -> Floats:
    """The integral of e^(−r·t) for t from 0 to the span: (1 − e^(−r·s)) / r, and s for r = 0."""
    rs = rate_per_s * span_s
    safe = np.where(rs > 1e-12, rs, 1.0)
    return np.asarray(np.where(rs > 1e-12, span_s * -np.expm1(-rs) / safe, span_s), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class SteadyState:
    """The entries of a TTL cache at a random instant after a long time, for keys with Poisson reads and writes.

    The age of an entry is the time since its last fill. It reaches age a with probability S(a) = e^(−w·a), times
    e^(−λ·(a − T + v)) in the refresh window v at its end, and never reaches T. At the end of an age the entry is filled
    again (by a refresh, or by a write that fills) or absent until the next fill. Renewal theory gives the rest: with
    M = ∫ S and q = the share of ages that end by a fill, an entry is present for M / (1 − q) on average, then absent
    for one interval between fills; and the age of an entry that is present has the density S / M. Without writes and
    refreshes, presence is λ·T / (1 + λ·T): the TTL case of Che's approximation (Che, Tung, Wang, IEEE JSAC 20(7), 2002;
    Fofack, Nain, Neglia, Towsley, VALUETOOLS 2012). The rest is derived here.
    """

    reads_per_s: Floats
    """Of each key."""
    writes_per_s: Floats
    """Of each key. Zeros if a write leaves the entry as it is."""
    ttl_s: float | Floats
    """Lifetime of an entry: one number, or one for each key."""
    writes_fill: bool = False
    """Whether a write fills the entry. Otherwise it deletes the entry."""
    refresh_s: float | Floats = 0.0
    """v: a read of an entry that has less than this left fills it again. 0: no refreshes."""

    def presence(self, load_s: float = 0.0) -> Floats:
        """The probability that each key has an entry; for Poisson reads also its hit rate. Each load takes `load_s`."""
        fills = self.reads_per_s + self.writes_per_s * self.writes_fill
        absent_s = 1 / np.maximum(fills, 1e-300) + load_s * self.reads_per_s / np.maximum(fills, 1e-300)
        with np.errstate(divide="ignore", over="ignore"):
            stays_s = self._mean_age_s() / self._ends_absent()
        return np.asarray(np.where(np.isinf(stays_s), 1.0, 1 / (1 + absent_s / np.maximum(stays_s, 1e-300))))

    def ages_s(self, quantiles: Floats) -> Floats:
        """The ages of the keys' entries at these quantiles, 0 to below 1, of the age's distribution."""
        before_s = self.ttl_s - self.refresh_s
        wanted = quantiles * self._mean_age_s()
        plain = decay_s(self.writes_per_s, before_s)
        early = inverse_decay_s(self.writes_per_s, np.minimum(wanted, plain))
        reached = np.exp(-self.writes_per_s * before_s)
        beyond = np.maximum(wanted - plain, 0.0) / np.maximum(reached, 1e-300)
        late = before_s + inverse_decay_s(self.writes_per_s + self.reads_per_s, beyond)
        return np.asarray(np.clip(np.where(wanted <= plain, early, late), 0.0, self.ttl_s))

    def _mean_age_s(self) -> Floats:
        """M: how long an age lasts on average."""
        before_s = self.ttl_s - self.refresh_s
        return decay_s(self.writes_per_s, before_s) + self._window_s()

    def _window_s(self) -> Floats:
        """The part of an age that lies in the refresh window, on average."""
        reached = np.exp(-self.writes_per_s * (self.ttl_s - self.refresh_s))
        return np.asarray(reached * decay_s(self.writes_per_s + self.reads_per_s, self.refresh_s))

    def _ends_absent(self) -> Floats:
        """1 − q: the share of ages after which the entry is absent."""
        if self.writes_fill:
            expired = np.exp(-self.writes_per_s * self.ttl_s - self.reads_per_s * self.refresh_s)
            return np.asarray(expired)
        refreshes = np.any(np.greater(self.refresh_s, 0))
        refreshed = self.reads_per_s * self._window_s() if refreshes else np.zeros_like(self.reads_per_s)
        return np.asarray(np.maximum(1 - refreshed, 0.0))

    def hit_rate(self, load_s: float = 0.0) -> float:
        """The share of all reads that hit."""
        return float((self.reads_per_s * self.presence(load_s)).sum() / self.reads_per_s.sum())


def steady_state(
    reads_per_s: Floats, writes_per_s: Floats, *, ttl_s: float | Floats, on_write: str, refresh_below_share: float = 0.0
) -> SteadyState:
    """The steady state of a contender: `on_write` is deletes, fills or keeps; a read of an entry that has less than
    `refresh_below_share` of its TTL left refreshes it."""
    return SteadyState(
        reads_per_s=reads_per_s,
        writes_per_s=np.zeros_like(writes_per_s) if on_write == "keeps" else writes_per_s,
        ttl_s=ttl_s,
        writes_fill=on_write == "fills",
        refresh_s=refresh_below_share * ttl_s,
    )


def inverse_decay_s(rate_per_s: Floats, integral_s: Floats) -> Floats:
    """The span whose `decay_s` is the integral: −ln(1 − r·x) / r, and x for r = 0."""
    rx = np.minimum(rate_per_s * integral_s, 1 - 1e-16)
    safe = np.where(rate_per_s > 1e-12, rate_per_s, 1.0)
    return np.asarray(np.where(rate_per_s > 1e-12, -np.log1p(-rx) / safe, integral_s), dtype=np.float64)


def ttl_hit_rate(
    reads_per_s: Sequence[float] | Floats,
    ttl_s: float,
    *,
    load_s: float = 0.0,
    writes_per_s: Sequence[float] | Floats | None = None,
) -> float:
    """Share of reads that hit, for keys with those read rates. Entries live one TTL; a write deletes them.

    A key's cycle: a miss, the load, the entry's life L. Hits per cycle λ·L of 1 + λ·(Δ + L) reads. Assumes Poisson
    reads and writes, and a long day.
    """
    rates = np.asarray(reads_per_s, dtype=np.float64)
    writes = np.zeros_like(rates) if writes_per_s is None else np.asarray(writes_per_s, dtype=np.float64)
    return SteadyState(reads_per_s=rates, writes_per_s=writes, ttl_s=ttl_s).hit_rate(load_s)


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
