"""The steady state of cache entries compared with a simulation of single keys, read and written at Poisson instants."""

from dataclasses import dataclass

import numpy as np
import pytest

from stampede.core.models.closed_forms import SteadyState, steady_state, ttl_hit_rate, zipf_shares

INSTANTS = 20_000
"""Instants at which the simulated key is observed: standard errors stay below 0.4 points."""

CASES = [
    pytest.param("deletes", 0.0, 2.0, 0.0, id="only expiry"),
    pytest.param("deletes", 0.0, 0.3, 0.7, id="deleted by writes"),
    pytest.param("keeps", 0.0, 0.3, 0.7, id="kept by writes"),
    pytest.param("fills", 0.0, 0.3, 0.7, id="filled by writes"),
    pytest.param("fills", 0.0, 0.05, 3.0, id="filled by writes before nearly every expiry"),
    pytest.param("deletes", 0.25, 1.0, 0.0, id="refreshed"),
    pytest.param("deletes", 0.25, 4.0, 0.3, id="refreshed, and deleted by writes"),
    pytest.param("fills", 0.25, 1.0, 0.4, id="refreshed, and filled by writes"),
]
"""What a write does, the share of the TTL in which reads refresh, reads and writes per TTL."""


@dataclass(frozen=True)
class Observed:
    """A simulated key at the observed instants."""

    present: np.ndarray
    ages_s: np.ndarray
    """Of the entry, where it is present."""


def simulate(on_write: str, refresh_share: float, reads_per_s: float, writes_per_s: float) -> Observed:
    """One key with a TTL of 1 s, observed at random instants that are independent of its reads and writes."""
    rng = np.random.default_rng(11)
    span_s = INSTANTS / 2.0
    kinds = [(rate * span_s, kind) for kind, rate in (("read", reads_per_s), ("write", writes_per_s), ("look", 2.0))]
    events = sorted((t, kind) for mean, kind in kinds for t in rng.uniform(0, span_s, rng.poisson(mean)).tolist())
    filled_s = -np.inf
    present, ages = [], []
    for now_s, kind in events:
        here = now_s < filled_s + 1.0
        if kind == "look":
            present.append(here)
            ages += [now_s - filled_s] * here
        elif kind == "read":
            if not here or filled_s + 1.0 - now_s < refresh_share:
                filled_s = now_s
        elif on_write == "fills":
            filled_s = now_s
        elif on_write == "deletes":
            filled_s = -np.inf
    return Observed(present=np.array(present), ages_s=np.array(ages))


def law_of(on_write: str, refresh_share: float, reads_per_s: float, writes_per_s: float, keys: int = 1) -> SteadyState:
    reads, writes = np.full(keys, reads_per_s), np.full(keys, writes_per_s)
    return steady_state(reads, writes, ttl_s=1.0, on_write=on_write, refresh_below_share=refresh_share)


@pytest.mark.parametrize(("on_write", "refresh_share", "reads_per_s", "writes_per_s"), CASES)
def test_presence_agrees_with_a_simulated_key(
    on_write: str, refresh_share: float, reads_per_s: float, writes_per_s: float
) -> None:
    """The probability that the key has an entry, within 1.5 points."""
    observed = simulate(on_write, refresh_share, reads_per_s, writes_per_s)
    law = law_of(on_write, refresh_share, reads_per_s, writes_per_s)
    assert law.presence()[0] == pytest.approx(observed.present.mean(), abs=0.015)


@pytest.mark.parametrize(("on_write", "refresh_share", "reads_per_s", "writes_per_s"), CASES)
def test_ages_agree_with_a_simulated_key(
    on_write: str, refresh_share: float, reads_per_s: float, writes_per_s: float
) -> None:
    """The age of the entry at each tenth of its distribution, within 3 % of the TTL."""
    tenths = np.linspace(0.1, 0.9, 9)
    observed = np.quantile(simulate(on_write, refresh_share, reads_per_s, writes_per_s).ages_s, tenths)
    law = law_of(on_write, refresh_share, reads_per_s, writes_per_s, keys=len(tenths))
    assert law.ages_s(tenths) == pytest.approx(observed, abs=0.03)


@pytest.mark.parametrize("on_write", ["deletes", "keeps", "fills"])
@pytest.mark.parametrize("refresh_share", [0.0, 300 / 3600, 0.9])
def test_extreme_rates_stay_within_their_ranges(on_write: str, refresh_share: float) -> None:
    """Probabilities lie in 0 to 1 and ages in 0 to the TTL, for rates from 0 to a million per second."""
    rates = np.array([0.0, 1e-9, 1.0, 1e3, 1e6])
    reads, writes = (axis.ravel() for axis in np.meshgrid(rates, rates))
    law = steady_state(reads, writes, ttl_s=300.0, on_write=on_write, refresh_below_share=refresh_share)
    presence = law.presence()
    assert np.all((presence >= 0) & (presence <= 1))
    for quantile in (0.0, 0.5, 1 - 1e-12):
        ages_s = law.ages_s(np.full(len(reads), quantile))
        assert np.all((ages_s >= 0) & (ages_s <= 300.0))


def test_refreshes_and_fills_raise_the_hit_rate_of_an_ordinary_service() -> None:
    """Over Zipf keys: with deletes by writes as `ttl_hit_rate` says; refreshes add a little, writes that fill most."""
    shares = zipf_shares(20_000, 1.2)
    reads, writes = 285 * shares, 15 * shares

    def hit_rate(on_write: str, refresh_share: float = 0.0) -> float:
        law = steady_state(reads, writes, ttl_s=300.0, on_write=on_write, refresh_below_share=refresh_share)
        return law.hit_rate()

    plain = hit_rate("deletes")
    assert plain == ttl_hit_rate(reads, 300.0, writes_per_s=writes)
    assert plain == pytest.approx(0.888, abs=0.001)
    assert plain < hit_rate("deletes", 300 / 3600) < hit_rate("keeps") < hit_rate("fills")


def test_loads_that_take_time_lower_the_hit_rate() -> None:
    """A read during a load misses too: λ·T / (1 + λ·(Δ + T))."""
    law = law_of("deletes", 0.0, 10.0, 0.0)
    assert law.presence(0.2)[0] == pytest.approx(10 / (1 + 10 * 1.2))
