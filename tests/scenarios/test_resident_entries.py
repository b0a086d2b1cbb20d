"""The records that have an entry when a cell begins, and the lifetimes of their entries."""

import numpy as np
import pytest

from stampede.core.models.closed_forms import steady_state, zipf_shares
from stampede.scenarios.traffic.population import Population, QueryKeys
from stampede.scenarios.traffic.resident_entries import DRAWN_PER_CELL, ResidentEntries, hits_left_out
from stampede.scenarios.workload import Workload

RECORDS = 20_000
SHARES = zipf_shares(RECORDS, 1.2)


def entries(on_write: str = "deletes", records: int = RECORDS, run_seed: int = 5) -> ResidentEntries:
    """The entries of read-mostly, for the most popular of its records."""
    shares = SHARES[:records]
    law = steady_state(285 * shares, 15 * shares, ttl_s=300.0, on_write=on_write)
    query = QueryKeys(entity="user", first=0, count=records, read_share=0.95, ttl_s=300.0)
    population = Population(ids=np.arange(1, records + 1), shares=shares / shares.sum(), queries=(query,))
    return ResidentEntries(population=population, law=law, run_seed=run_seed)


def test_a_record_is_present_as_often_as_its_law_says() -> None:
    """Over 400 cells, each of the 50 most popular records: within five standard errors."""
    few = entries(records=50)
    share = np.mean([few.present(seed) for seed in range(400)], axis=0)
    expected = few.law.presence()
    assert np.all(np.abs(share - expected) < 5 * np.sqrt(expected * (1 - expected) / 400) + 1e-9)


def test_every_record_that_some_cell_needs_is_a_candidate() -> None:
    """Only candidates are read, so no other record can be restored."""
    many = entries()
    candidates = many.candidates()
    assert all(np.all(candidates[many.present(seed)]) for seed in range(20))
    assert candidates.sum() < 0.5 * RECORDS


def test_the_hit_rate_hardly_depends_on_the_draw_of_a_run() -> None:
    """The records that are drawn once a run change it by less than 0.1 points (standard deviation)."""
    presence = entries().law.presence()[DRAWN_PER_CELL:]
    variance = (SHARES[DRAWN_PER_CELL:] ** 2 * presence * (1 - presence)).sum()
    assert np.sqrt(variance) < 0.001


def test_popular_records_are_drawn_for_each_cell_and_the_others_for_each_run() -> None:
    one, two = entries().present(1), entries().present(2)
    assert np.any(one[:DRAWN_PER_CELL] != two[:DRAWN_PER_CELL])
    assert np.array_equal(one[DRAWN_PER_CELL:], two[DRAWN_PER_CELL:])
    assert np.any(entries(run_seed=6).present(1)[DRAWN_PER_CELL:] != one[DRAWN_PER_CELL:])


@pytest.mark.parametrize("on_write", ["keeps", "fills"])
def test_contenders_of_a_round_share_their_draws(on_write: str) -> None:
    """A contender with a higher probability has the entries of the other and more; equal laws give equal lifetimes."""
    plain, other = entries(), entries(on_write)
    assert np.all(other.present(3)[plain.present(3)])
    assert np.array_equal(entries("fills").left_shares(3), plain.left_shares(3))


def test_lifetimes_change_with_the_cell_and_lie_within_the_ttl() -> None:
    one, two = entries().left_shares(1), entries().left_shares(2)
    assert np.all((one >= 0) & (one <= 1))
    assert np.mean(one != two) > 0.99


def test_entries_that_are_left_out_lower_the_hit_rate_by_a_stated_share() -> None:
    """Nothing is left out of the usual table; of a million records with even popularity, nearly every hit is."""
    assert hits_left_out(Workload()) == 0
    even = Workload(records=1_000_000, key_skew=0.0, rate_per_s=20_000, ttl_s=3600, read_share=1.0)
    reads_per_ttl = 20_000 * 3600 / 1_000_000
    assert hits_left_out(even) == pytest.approx(0.95 * reads_per_ttl / (1 + reads_per_ttl))
