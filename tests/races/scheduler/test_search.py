"""The search strategies, tested with reads and writes of variables, without servers."""

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from stampede.races.scheduler.actions import Action, Touch, decode, encode, touch
from stampede.races.scheduler.search import DepthFirst, RandomPriorities, SearchStrategy

Step = tuple[str, str]
"""("read" or "write", variable)"""
Program = list[Step]

programs = st.lists(
    st.lists(st.tuples(st.sampled_from(["read", "write"]), st.sampled_from(["x", "y", "z"])), min_size=1, max_size=3),
    min_size=1,
    max_size=3,
)


@dataclass
class Played:
    tokens: list[str]
    end: tuple[object, ...]
    cut: bool


def play(clients: list[Program], strategy: SearchStrategy) -> Played:
    """Run the programs in the order of a strategy. Returns the values that were read, and the final variables."""
    strategy.restart()
    at, memory, seen, tokens = [0] * len(clients), dict[str, str](), list[tuple[str, str]](), list[str]()
    while any(i < len(program) for i, program in zip(at, clients, strict=True)):
        enabled = []
        for number, program in enumerate(clients):
            if at[number] < len(program):
                kind, variable = program[at[number]]
                name = chr(ord("a") + number)
                own = touch(writes=(f"client:{name}",))
                what = touch(reads=(variable,)) if kind == "read" else touch(writes=(variable,))
                enabled.append(Action(name, name, kind, own | what))
        action = strategy(enabled)
        if action is None:
            return Played(tokens, (), cut=True)
        number = ord(action.token) - ord("a")
        kind, variable = clients[number][at[number]]
        stamp = f"{action.token}{at[number]}"
        if kind == "read":
            seen.append((stamp, memory.get(variable, "")))
        else:
            memory[variable] = stamp
        at[number] += 1
        tokens.append(action.token)
    return Played(tokens, (tuple(sorted(seen)), tuple(sorted(memory.items()))), cut=False)


def all_of(clients: list[Program], search: DepthFirst) -> list[Played]:
    found = []
    while not search.exhausted:
        played = play(clients, search)
        if not played.cut:
            found.append(played)
        search.advance()
    return found


@settings(deadline=None, max_examples=60)
@given(clients=programs)
def test_the_reduction_reaches_every_final_state(clients: list[Program]) -> None:
    """With sleep sets fewer schedules are tried, and every final state of the full search is reached."""
    every = all_of(clients, DepthFirst(reduce=False))
    reduced = all_of(clients, DepthFirst(reduce=True))
    assert {played.end for played in reduced} == {played.end for played in every}
    assert len(reduced) <= len(every)


@settings(deadline=None, max_examples=60)
@given(clients=programs)
def test_without_reduction_each_order_is_tried_once(clients: list[Program]) -> None:
    """The number of schedules is the multinomial coefficient, and all are different."""
    every = [tuple(played.tokens) for played in all_of(clients, DepthFirst(reduce=False))]
    ways, placed = 1, 0
    for program in clients:
        for step in range(1, len(program) + 1):
            placed += 1
            ways = ways * placed // step
    assert len(every) == len(set(every)) == ways


@given(clients=programs, allowed=st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_a_bound_on_preemptions_tries_exactly_the_orders_within_it(clients: list[Program], allowed: int) -> None:
    """A switch away from a client that could continue is a preemption; a switch at its end is not."""

    def preemptions(tokens: tuple[str, ...]) -> int:
        left = {chr(ord("a") + i): len(program) for i, program in enumerate(clients)}
        count = 0
        for here, after in pairwise(tokens):
            left[here] -= 1
            count += here != after and left[here] > 0
        return count

    every = {tuple(played.tokens) for played in all_of(clients, DepthFirst(reduce=False))}
    bounded = {tuple(p.tokens) for p in all_of(clients, DepthFirst(reduce=False, max_preemptions=allowed))}
    assert bounded == {tokens for tokens in every if preemptions(tokens) <= allowed}


def test_conflicting_steps_do_not_commute() -> None:
    """Two writers of one variable have two final states, which a reduction that ignores conflicts would miss."""
    clients: list[Program] = [[("write", "x")], [("write", "x")]]
    assert len({played.end for played in all_of(clients, DepthFirst(reduce=True))}) == 2
    assert not touch(reads=("x",)).conflicts_with(touch(reads=("x",)))
    assert touch(reads=("x",)).conflicts_with(touch(writes=("x",)))
    assert Touch(everything=True).conflicts_with(Touch())


@given(clients=programs, seed=st.integers(0, 1000))
def test_a_seed_determines_a_random_schedule(clients: list[Program], seed: int) -> None:
    """The same seed gives the same schedule."""
    assert (
        play(clients, RandomPriorities(seed, steps=5)).tokens == play(clients, RandomPriorities(seed, steps=5)).tokens
    )


@given(tokens=st.lists(st.one_of(st.sampled_from("abc"), st.sampled_from(["X0", "X12", "Da", "Tb"]))))
def test_the_text_of_a_schedule_decodes_to_the_same_tokens(tokens: list[str]) -> None:
    """An id identifies one schedule."""
    assert decode(encode(tokens)) == tokens
