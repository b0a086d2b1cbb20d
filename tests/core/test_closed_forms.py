"""Closed forms compared with independent simulations. Each test states its tolerance."""

import heapq
import math
from collections import OrderedDict

import numpy as np
import pytest

from stampede.core.models import closed_forms as forms


def test_loads_per_expiry() -> None:
    """Reads during the first load also load: 1 + r·Δ, within 3 %."""
    rng = np.random.default_rng(1)
    rate, load_s = 200.0, 0.04
    others = rng.poisson(rate * load_s, 4000)  # Poisson reads during Δ after the first
    assert 1 + others.mean() == pytest.approx(forms.loads_per_expiry(rate, load_s), rel=0.03)


@pytest.mark.parametrize(("cpu_s", "cores"), [(0.02, 1), (0.03, 2), (0.005, 2), (0.06, 4)])
def test_loads_that_share_cores(cpu_s: float, cores: int) -> None:
    """Loads until the first of them ends, with shared cores: within 8 %, below and above the cores' capacity."""
    counts = [loads_until_first_ends(200.0, cpu_s, cores, np.random.default_rng(seed)) for seed in range(2500)]
    assert np.mean(counts) == pytest.approx(forms.loads_when_cpu_bound(200.0, cpu_s, cores), rel=0.08)


def loads_until_first_ends(rate: float, cpu_s: float, cores: float, rng: np.random.Generator) -> int:
    """Loads until the first ends. Running loads share the cores evenly, at most one core each."""
    done, n = 0.0, 1
    while True:
        speed = min(1.0, cores / n)
        gap = rng.exponential(1 / rate)
        if done + speed * gap >= cpu_s:
            return n
        done += speed * gap
        n += 1


def test_limits_of_the_cpu_bound_form() -> None:
    """With many cores it equals the simple form, with one core e^(r·S). Single flight loads once per process."""
    assert forms.loads_when_cpu_bound(200, 0.01, 100) == pytest.approx(forms.loads_per_expiry(200, 0.01), rel=1e-6)
    assert forms.loads_when_cpu_bound(200, 0.03, 1) == pytest.approx(math.exp(6))
    assert forms.loads_with_single_flight(3) == 3


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_xfetch_recomputations_do_not_depend_on_the_rate(beta: float) -> None:
    """e^(1/β) recomputations per expiry, with a lead of β·Δ·(ln rβΔ + γ): both within 8 % for r·β·Δ = 50."""
    load_s = 0.05
    rate = 50 / (beta * load_s)
    counts, leads = zip(*(xfetch(rate, load_s, beta, np.random.default_rng(seed)) for seed in range(1500)), strict=True)
    assert np.mean(counts) == pytest.approx(forms.xfetch_recomputations(beta), rel=0.08)
    assert np.mean(leads) == pytest.approx(forms.xfetch_lead_s(rate, load_s, beta), rel=0.08)


def xfetch(rate: float, load_s: float, beta: float, rng: np.random.Generator) -> tuple[int, float]:
    """Simulate one expiry: the recomputations until the first one ends, and the lead of the first one."""
    span = 20 * beta * load_s
    left = span - np.sort(rng.uniform(0, span, rng.poisson(rate * span)))  # time to expiry at each read
    early = left[-beta * load_s * np.log(rng.random(len(left))) >= left]
    first = early[0]
    return int(np.count_nonzero(early > first - load_s)), float(first)


@pytest.mark.parametrize(("ttl_s", "load_s", "write_share"), [(1.0, 0.0, 0.0), (1.0, 0.02, 0.0), (2.0, 0.0, 0.1)])
def test_hit_rate_under_a_ttl(ttl_s: float, load_s: float, write_share: float) -> None:
    """Zipf keys, Poisson reads, entries deleted on write: the renewal form, within 2 %."""
    rng = np.random.default_rng(4)
    shares = forms.zipf_shares(200, 1.0)
    rate, span_s = 300.0, 200.0
    times = np.sort(rng.uniform(0, span_s, rng.poisson(rate * span_s)))
    keys = rng.choice(200, len(times), p=shares)
    writes = rng.random(len(times)) < write_share
    filled = np.full(200, np.inf)  # when the entry was filled; infinity: no entry
    hits = reads = 0
    for t, key, write in zip(times.tolist(), keys.tolist(), writes.tolist(), strict=True):
        if write:
            filled[key] = np.inf
            continue
        alive = filled[key] <= t < filled[key] + ttl_s
        if t > 10:
            reads, hits = reads + 1, hits + alive
        if filled[key] == np.inf or not (alive or filled[key] > t):
            filled[key] = t + load_s
    own = shares * rate
    expected = forms.ttl_hit_rate(own * (1 - write_share), ttl_s, load_s=load_s, writes_per_s=own * write_share)
    assert hits / reads == pytest.approx(expected, rel=0.02)


def test_hit_rate_of_an_lru_cache() -> None:
    """Che's approximation compared with an LRU list: within 2 %."""
    rng = np.random.default_rng(5)
    shares = forms.zipf_shares(500, 0.9)
    cache: OrderedDict[int, None] = OrderedDict()
    hits = reads = 0
    for i, key in enumerate(rng.choice(500, 60_000, p=shares).tolist()):
        hit = key in cache
        if hit:
            cache.move_to_end(key)
        else:
            cache[key] = None
            if len(cache) > 50:
                cache.popitem(last=False)
        if i > 2000:
            reads, hits = reads + 1, hits + hit
    assert hits / reads == pytest.approx(forms.lru_hit_rate(shares, 50), rel=0.02)
    assert forms.lru_hit_rate(shares, 500) == 1


@pytest.mark.parametrize(("write_rate", "ttl_s"), [(0.2, 1.0), (2.0, 1.0), (5.0, 2.0)])
def test_stale_share_if_entries_only_expire(write_rate: float, ttl_s: float) -> None:
    """Hits with uniform ages over the TTL, Poisson writes: 1 − (1 − e^(−wT))/(wT), within 3 %."""
    rng = np.random.default_rng(6)
    ages = rng.uniform(0, ttl_s, 200_000)
    stale = rng.exponential(1 / write_rate, len(ages)) < ages
    assert stale.mean() == pytest.approx(forms.stale_share(write_rate, ttl_s), rel=0.03)


def test_only_hits_can_be_stale() -> None:
    """A key that is read once per TTL hits half of the time, which halves its stale share. No writes: none stale."""
    one = np.array([1.0])
    assert forms.ttl_stale_share(one, one, 1.0) == pytest.approx(forms.stale_share(1.0, 1.0) / 2)
    assert forms.ttl_stale_share(one, np.array([0.0]), 1.0) == 0


@pytest.mark.parametrize(("servers", "busy"), [(1, 0.6), (2, 0.7), (4, 0.8)])
def test_wait_for_one_of_several_servers(servers: int, busy: float) -> None:
    """First come, first served: mean wait and waiting share as in Erlang C, within 6 %."""
    rng = np.random.default_rng(7)
    service_s, n = 0.01, 150_000
    rate = busy * servers / service_s
    arrivals = np.cumsum(rng.exponential(1 / rate, n)).tolist()
    services = rng.exponential(service_s, n).tolist()
    free = [0.0] * servers
    waited = []
    for at, took in zip(arrivals, services, strict=True):
        start = max(at, heapq.heappop(free))
        waited.append(start - at)
        heapq.heappush(free, start + took)
    kept = np.array(waited[5000:])
    assert kept.mean() == pytest.approx(forms.mmc_wait_s(rate, service_s, servers), rel=0.06)
    assert (kept > 0).mean() == pytest.approx(forms.erlang_c(rate * service_s, servers), rel=0.06)


def test_overloaded_queue_has_no_steady_state() -> None:
    """At full load and above, the form raises ValueError."""
    with pytest.raises(ValueError, match="steady state"):
        forms.mmc_wait_s(100, 0.02, 2)
    assert forms.mmc_wait_s(50, 0.01, 1) == pytest.approx(0.01)  # M/M/1: ρS/(1 − ρ)


def test_limiter_bounds_are_reached_but_not_exceeded() -> None:
    """The worst known arrivals reach each bound: calls around an edge of a window, and calls at once."""
    limit, window_s, burst = 10, 1.0, 5
    instants = np.concatenate([np.full(50, 0.999), np.full(50, 1.0), np.arange(1.0, 3.0, 0.01)])
    windows = np.floor(instants / window_s)
    admitted = np.array([np.count_nonzero(windows[:i] == windows[i]) < limit for i in range(len(instants))])
    assert most_in_window(instants[admitted], window_s) == forms.limiter_most("fixed", limit) == 20
    tokens, last, kept = float(burst), 0.0, []
    for t in instants.tolist():
        tokens, last = min(burst, tokens + (t - last) * limit / window_s), t
        if tokens >= 1 - 1e-9:
            tokens -= 1
            kept.append(t)
    most = most_in_window(np.array(kept), window_s)
    assert most <= forms.limiter_most("bucket", limit, burst=burst, window_s=window_s)
    assert most >= burst + limit - 1
    assert forms.limiter_most("gcra", limit, burst=burst, within_s=0.5) == 11
    assert forms.limiter_most("log", limit) == limit
    with pytest.raises(ValueError, match="sieve"):
        forms.limiter_most("sieve", limit)


def most_in_window(instants: forms.Floats, window_s: float) -> int:
    """The most instants in any window."""
    begins = np.searchsorted(instants, instants - window_s, side="right")
    return int((np.arange(1, len(instants) + 1) - begins).max())


def test_zipf_shares_sum_to_one() -> None:
    """The first of n ranks has the share 1/H(n) for skew 1."""
    shares = forms.zipf_shares(1000, 1.0)
    assert shares.sum() == pytest.approx(1)
    assert shares[0] == pytest.approx(1 / (math.log(1000) + forms.EULER), rel=1e-3)
