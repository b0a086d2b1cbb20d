"""Fixtures of the explorer's tests: a sandbox on the servers of the test session."""

from collections.abc import Callable, Iterator

import pytest

from stampede.patterns.contender_registry import Contender, find_contender
from stampede.races.explore import Bound, explore_situations
from stampede.races.hooks.bypass import refusing_bypasses
from stampede.races.hooks.sandbox import Sandbox
from stampede.races.hooks.sandbox_servers import open_sandbox
from stampede.races.scheduler.virtual_time import virtual_time
from stampede.run_folder.races_json import ExplorationInfo, VerdictInfo
from stampede.scenarios.interleavings.situation import find_situation
from stampede.stack.servers import Stack

Explore = Callable[..., tuple[ExplorationInfo, dict[str, VerdictInfo]]]


@pytest.fixture(scope="module")
def sandbox(stack: Stack) -> Iterator[Sandbox]:
    with open_sandbox(stack) as opened, virtual_time(), refusing_bypasses():
        yield opened


@pytest.fixture
def explore(sandbox: Sandbox) -> Explore:
    """Explores a contender in a situation. Returns the facts of the exploration, and the verdicts by invariant."""

    def explored(
        contender: str | Contender, situation: str, bound: Bound | None = None
    ) -> tuple[ExplorationInfo, dict[str, VerdictInfo]]:
        found = find_contender(contender) if isinstance(contender, str) else contender
        ((info, verdicts),) = explore_situations(
            sandbox, found, [find_situation(situation)], bound or Bound(), lambda: None
        )
        return info, {verdict.invariant: verdict for verdict in verdicts}

    return explored
