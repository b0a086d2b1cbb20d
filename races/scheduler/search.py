"""The search strategies: all schedules up to commuting steps, schedules with few preemptions, or random ones.

Exhaustive: depth first, with replay from a clean state. Sleep sets (Godefroid, *Partial-Order Methods for the
Verification of Concurrent Systems*, LNCS 1032, 1996) skip an order if it differs from one that was tried only in
neighbouring steps that commute. Every final state is still reached. The keys and rows that steps touch determine
whether they commute, as in Flanagan & Godefroid, POPL 2005.
Fewest preemptions first: iterative context bounding (Musuvathi & Qadeer, PLDI 2007), without sleep sets, because the
combination of the two is not sound (Coons, Musuvathi & McKinley, OOPSLA 2013).
Random: probabilistic concurrency testing (PCT; Burckhardt et al., ASPLOS 2010).
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from stampede.core.errors import ExplorerError
from stampede.races.scheduler.actions import Action
from stampede.races.scheduler.schedule import ExecutionTrace

Play = Callable[["SearchStrategy"], ExecutionTrace]


class SearchStrategy:
    """Chooses the next action of a schedule."""

    def restart(self) -> None:
        """Called when a schedule starts from a clean state."""

    def __call__(self, enabled: Sequence[Action]) -> Action | None:
        raise NotImplementedError


@dataclass
class Node:
    """A state on the current path."""

    enabled: list[Action]
    """The enabled actions, in the order in which they are tried."""
    asleep: list[Action]
    """The sleep set: actions that lead only to states that were reached before."""
    chosen: Action
    tried: list[Action] = field(default_factory=list)
    """The actions that were tried from this state before."""
    last: str = ""
    """The client that took the previous step."""
    preemptions: int = 0
    """The number of preemptions before this state."""


def same(one: Action, other: Action) -> bool:
    """Whether two actions of different states are the same one. Keys are compared by name, not by number."""
    return (
        one.client == other.client
        and one.is_fault == other.is_fault
        and (one.token == other.token if one.client else one.label == other.label)
    )


def preempts(action: Action, enabled: Sequence[Action], last: str) -> bool:
    """Whether an action switches away from a client that could continue (Musuvathi & Qadeer)."""
    if action.is_fault and action.token[0] != "T":
        return False
    return action.client != last and any(a.client == last and not a.is_fault for a in enabled)


class DepthFirst(SearchStrategy):
    """All schedules, one after another. Play schedules with it, and `advance` after each, until `exhausted`."""

    def __init__(self, *, reduce: bool, max_preemptions: int | None = None) -> None:
        self.reduce = reduce
        self.max_preemptions = max_preemptions
        self.exhausted = False
        self._path: list[Node] = []
        self._depth = 0
        self._kept = 0

    def restart(self) -> None:
        del self._path[self._kept :]  # a schedule that is played again is entered once
        self._depth = 0

    def __call__(self, enabled: Sequence[Action]) -> Action | None:
        depth, self._depth = self._depth, self._depth + 1
        if depth < len(self._path):
            node = self._path[depth]
            found = next((a for a in enabled if same(a, node.chosen)), None)
            if found is None or len(enabled) != len(node.enabled):
                raise ExplorerError(
                    f"the same choices led to another state: step {depth + 1} was {node.chosen.label!r} of "
                    f"{[a.label for a in node.enabled]}, now there are {[a.label for a in enabled]}"
                )
            return found
        return self._enter(list(enabled))

    def _enter(self, enabled: list[Action]) -> Action | None:
        before = self._path[-1] if self._path else None
        last, preemptions, asleep = "", 0, list[Action]()
        if before is not None:
            taken = before.chosen
            last = before.last if taken.is_fault and taken.token[0] != "T" else taken.client
            preemptions = before.preemptions + preempts(taken, before.enabled, before.last)
            if self.reduce:
                asleep = [a for a in (*before.asleep, *before.tried) if not a.touch.conflicts_with(taken.touch)]
        ordered = sorted(enabled, key=lambda a: (a.is_fault, a.client != last))
        node = Node(ordered, asleep, enabled[0], last=last, preemptions=preemptions)
        following = self._following(node)
        if following is None:
            return None
        node.chosen = following
        self._path.append(node)
        return following

    def _following(self, node: Node) -> Action | None:
        """The next action to try from a node."""
        for action in node.enabled:
            if any(same(action, other) for other in (*node.tried, *node.asleep)):
                continue
            costs = node.preemptions + preempts(action, node.enabled, node.last)
            if self.max_preemptions is None or costs <= self.max_preemptions:
                return action
        return None

    def preemptions(self) -> int:
        """The number of preemptions of the last schedule."""
        if not self._path:
            return 0
        end = self._path[-1]
        return end.preemptions + preempts(end.chosen, end.enabled, end.last)

    def advance(self) -> None:
        """Go to the next schedule."""
        while self._path:
            node = self._path[-1]
            node.tried.append(node.chosen)
            following = self._following(node)
            if following is not None:
                node.chosen = following
                self._kept = len(self._path)
                return
            self._path.pop()
        self.exhausted = True


def every_schedule(play: Play, *, reduce: bool = True, max_preemptions: int | None = None) -> Iterator[ExecutionTrace]:
    """All schedules with at most `max_preemptions`. With `reduce`, one of each class of equivalent schedules."""
    search = DepthFirst(reduce=reduce, max_preemptions=max_preemptions)
    while not search.exhausted:
        trace = play(search)
        if trace.cut is None:
            yield trace
        search.advance()


class RandomPriorities(SearchStrategy):
    """Random priorities of the clients, changed at a few random steps (PCT)."""

    def __init__(self, seed: int, *, steps: int, changes: int = 2) -> None:
        self._seed = seed
        self._steps = steps
        self._changes = changes
        self.restart()

    def restart(self) -> None:
        self._rng = random.Random(self._seed)
        self._priorities: dict[str, float] = {}
        self._at = {self._rng.randrange(max(1, self._steps)) for _ in range(self._changes)}
        self._fault_at = self._rng.randrange(max(1, self._steps))
        self._step = 0

    def __call__(self, enabled: Sequence[Action]) -> Action | None:
        faults = [a for a in enabled if a.is_fault]
        step, self._step = self._step, self._step + 1
        if faults and step >= self._fault_at:
            return self._rng.choice(faults)
        able = [a for a in enabled if not a.is_fault]
        for action in able:
            self._priorities.setdefault(action.client, 1 + self._rng.random())
        best = max(able, key=lambda a: self._priorities[a.client])
        if step in self._at:
            self._priorities[best.client] = self._rng.random() - step
            best = max(able, key=lambda a: self._priorities[a.client])
        return best


def random_schedules(play: Play, seed: int, count: int, steps: int) -> Iterator[ExecutionTrace]:
    """`count` seeded random schedules. `steps`: their approximate length."""
    for number in range(count):
        yield play(RandomPriorities(seed * 1_000_003 + number, steps=steps))


class FollowSchedule(SearchStrategy):
    """Plays the schedule of an id. After its end, the client that ran last continues, else the first one."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = list(tokens)
        self._at = 0
        self._last = ""

    def restart(self) -> None:
        self._at, self._last = 0, ""

    def __call__(self, enabled: Sequence[Action]) -> Action | None:
        if self._at < len(self._tokens):
            token = self._tokens[self._at]
            self._at += 1
            found = next((a for a in enabled if a.token == token), None)
            if found is None:
                possible = ", ".join(a.token for a in enabled)
                raise ExplorerError(f"step {self._at} of the schedule is {token}, but only {possible} can happen")
        else:
            able = [a for a in enabled if not a.is_fault]
            found = next((a for a in able if a.client == self._last), able[0])
        self._last = found.client
        return found
