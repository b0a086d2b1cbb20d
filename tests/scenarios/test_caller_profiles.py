"""Caller profiles: the same seed gives the same calls, within the span, at the rate of the profile's name."""

import numpy as np
import pytest

from stampede.core.errors import ConfigError
from stampede.scenarios.rate_limiting.caller_profiles import CALLER_PROFILES
from stampede.scenarios.rate_limiting.flood import CallerGroup, Flood
from stampede.scenarios.scenario import find_scenario

LIMIT, WINDOW_S, SPAN_S = 10, 0.5, 10.0
RATES = {"steady 0.5 ×": 0.5, "steady 0.9 ×": 0.9, "steady 1 ×": 1.0, "steady 1.1 ×": 1.1, "flood 10 ×": 10}
RATES |= {"flood 20 ×": 20, "edge burst": 1.0, "drip": 1.0, "Poisson 1 ×": 1.0, "Poisson 0.5 ×": 0.5, "ties": 1.6}
RATES |= {"burst, then 1.1 ×": 1.1, "burst, then 1.5 ×": 1.5}


@pytest.mark.parametrize("name", CALLER_PROFILES)
def test_instants_ascend_within_the_span_and_depend_on_the_seed(name: str) -> None:
    draws = [CALLER_PROFILES[name](LIMIT, WINDOW_S, SPAN_S, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    assert len(draws[0]) > 0
    assert (np.diff(draws[0]) >= 0).all()
    assert draws[0][0] >= 0
    assert draws[0][-1] < SPAN_S


@pytest.mark.parametrize(("name", "multiple"), RATES.items())
def test_rate_agrees_with_the_name(name: str, multiple: float) -> None:
    """Within four standard deviations of a Poisson count, plus one burst."""
    drawn = CALLER_PROFILES[name](LIMIT, WINDOW_S, SPAN_S, np.random.default_rng(7))
    expected = multiple * LIMIT * SPAN_S / WINDOW_S
    assert abs(len(drawn) - expected) <= 4 * expected**0.5 + 2 * LIMIT


def test_edge_burst_has_the_limit_on_both_sides_of_an_edge() -> None:
    drawn = CALLER_PROFILES["edge burst"](LIMIT, WINDOW_S, 2 * WINDOW_S, np.random.default_rng(1))
    assert (drawn < WINDOW_S).sum() == (drawn > WINDOW_S).sum() == LIMIT
    assert drawn[-1] - drawn[0] < WINDOW_S / 5


def test_ties_have_the_same_instant() -> None:
    drawn = CALLER_PROFILES["ties"](LIMIT, WINDOW_S, SPAN_S, np.random.default_rng(1))
    assert set(np.unique(drawn, return_counts=True)[1]) == {2 * LIMIT}


def test_flood_merges_the_calls_of_its_subjects_in_order() -> None:
    flood = find_scenario("rate-limit-flood").flood
    assert flood is not None
    due, subjects = flood.calls(1.6, 5)
    assert (np.diff(due) >= 0).all()
    assert set(subjects) <= set(range(len(flood.caller_profiles())))
    again = flood.calls(1.6, 5)
    assert np.array_equal(due, again[0])
    assert np.array_equal(subjects, again[1])


def test_invalid_caller_groups_are_refused() -> None:
    for wrong in ({"profile": "unknown"}, {"profile": "drip", "subjects": 0}):
        with pytest.raises(ConfigError):
            CallerGroup(**wrong)
    with pytest.raises(ConfigError):
        Flood(limit=0, window_s=1.0, caller_groups=(CallerGroup(profile="drip"),))
    with pytest.raises(ConfigError):
        Flood(limit=1, window_s=-1.0, caller_groups=(CallerGroup(profile="drip"),))
