"""The rule decides planted worlds as planted, and is never sure of a wrong answer."""

from dataclasses import replace

import pytest

from stampede.reports.topics.selftests.answer_selftest import BETTER, WORLDS, PlantedWorld, decided, world_line

RUNS = 20


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name.replace(" ", "-"))
def test_a_planted_world_is_decided_as_planted(world: PlantedWorld) -> None:
    """In at least 95 % of the simulated runs, and no wrong answer has the certainty high."""
    found = decided(world, RUNS)
    assert found.passed
    assert world_line(found).startswith("pass")


def test_a_world_that_is_decided_otherwise_fails() -> None:
    """The planted answer of equal contenders is the simplest; here another one is expected."""
    found = decided(replace(WORLDS[1], right=BETTER), RUNS)
    assert not found.passed
    assert found.wrong_with_high > 0
    assert world_line(found).startswith("FAIL")
