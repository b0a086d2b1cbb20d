"""A world to explore in, on the session's servers."""

from collections.abc import Callable, Iterator

import pytest

from artefact.races import ExplorationInfo, VerdictInfo
from patterns.catalogue import Contender, find_contender
from races.bypass import watched
from races.card import Bound, card
from races.open import open_world
from races.virtual_time import virtual_time
from races.world import World
from scenarios.races.situation import find_situation
from stack.servers import Stack

Explore = Callable[..., tuple[ExplorationInfo, dict[str, VerdictInfo]]]


@pytest.fixture(scope="module")
def world(stack: Stack) -> Iterator[World]:
    with open_world(stack) as opened, virtual_time(), watched():
        yield opened


@pytest.fixture
def explore(world: World) -> Explore:
    """What the explorer says of a contender in a situation: (how much was tried, verdicts by invariant)."""

    def explored(
        contender: str | Contender, situation: str, bound: Bound | None = None
    ) -> tuple[ExplorationInfo, dict[str, VerdictInfo]]:
        found = find_contender(contender) if isinstance(contender, str) else contender
        ((info, verdicts),) = card(world, found, [find_situation(situation)], bound or Bound(), lambda: None)
        return info, {verdict.invariant: verdict for verdict in verdicts}

    return explored
