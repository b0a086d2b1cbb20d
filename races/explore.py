"""Explores a contender in its situations: a verdict on every invariant, and the shortest schedule that breaks one."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from stampede.core.errors import ConfigError
from stampede.patterns.contender_registry import Contender
from stampede.races.hooks.sandbox import Sandbox
from stampede.races.scheduler.actions import Action, decode
from stampede.races.scheduler.roundtrip_cost import RoundTripTimer
from stampede.races.scheduler.schedule import ExecutionTrace, SchedulePlayer
from stampede.races.scheduler.scheduler import MAX_STEPS
from stampede.races.scheduler.search import DepthFirst, FollowSchedule, random_schedules
from stampede.races.scheduler.virtual_time import START_S
from stampede.races.verdicts.exercised import EXERCISED
from stampede.races.verdicts.invariants import invariants_for, violations_in
from stampede.run_folder.races_json import (
    BROKEN,
    KEPT,
    NOT_EXERCISED,
    NOT_GUARANTEED,
    NOT_JUDGED,
    ExplorationInfo,
    StepInfo,
    VerdictInfo,
)
from stampede.scenarios.interleavings.situation import Situation, find_situation

STATEMENTS = frozenset({"SELECT", "BEGIN", "UPDATE", "INSERT", "COMMIT", "ROLLBACK"})
SHORTEST_TRIES = 4_000
"""The limit of schedules that are tried to find the one with the fewest preemptions and steps."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The limits of an exploration."""

    schedules: int = 5_000
    """A situation with more schedules is not tried completely."""
    random: int = 500
    """The number of random schedules that then replace the rest."""
    seed: int = 1
    without_reduction: bool = False
    """Whether to try commuting steps in every order too, and compare."""


@dataclass(kw_only=True)
class SituationResult:
    """The results of the schedules of one situation."""

    situation: Situation
    schedules: int = 0
    replays: int = 0
    """The number of schedules that were begun, including those that equal an earlier one."""
    complete: bool = True
    random: int = 0
    """The number of random schedules."""
    broken: dict[str, list[int]] = field(default_factory=dict)
    """Invariant to [number of schedules that break it, fewest preemptions among them]."""
    exercised: set[str] = field(default_factory=set)
    """The invariants that at least one schedule exercised."""

    def merge(self, whole: "SituationResult") -> None:
        """Add the results of the search without the reduction. Every violation counts, since both searches ran it."""
        self.schedules, self.complete = whole.schedules, whole.complete
        self.broken = self.broken | whole.broken
        self.exercised |= whole.exercised


def explore(player: SchedulePlayer, bound: Bound, tick: Callable[[], None]) -> tuple[SituationResult, ExplorationInfo]:
    """Try every schedule of a contender in a situation, up to the bound."""
    bare_timer = RoundTripTimer(player.sandbox)

    def tick_and_measure() -> None:
        tick()
        bare_timer.tick()

    began_s, player.sandbox.trips = time.perf_counter(), 0
    found = search(player, bound, tick_and_measure, reduce=True)
    seconds, trips = time.perf_counter() - began_s - bare_timer.spent_s, player.sandbox.trips
    whole = search(player, bound, tick, reduce=False) if bound.without_reduction else None
    disagrees = whole is not None and results_differ(found, whole)
    info = ExplorationInfo(
        contender=player.name,
        situation=player.situation.name,
        schedules=found.schedules,
        complete=found.complete,
        replays=found.replays,
        round_trips=trips,
        seconds=seconds,
        bare_seconds=trips * bare_timer.mean_s(),
        random=found.random,
        without_reduction=whole.schedules if whole and whole.complete else None,
        not_compared=whole is not None and not whole.complete,
        disagrees=disagrees,
    )
    if whole is not None and disagrees:
        found.merge(whole)
    return found, info


def results_differ(reduced: SituationResult, whole: SituationResult) -> bool:
    """Whether the two searches break different invariants. A search that did not finish proves no invariant kept."""
    if not reduced.complete:
        return False
    more = whole.broken.keys() - reduced.broken.keys()
    return bool(more or (whole.complete and reduced.broken.keys() - whole.broken.keys()))


def search(player: SchedulePlayer, bound: Bound, tick: Callable[[], None], *, reduce: bool) -> SituationResult:
    """Try schedules depth first up to the bound. With `reduce`, random schedules replace those above the bound."""
    found = SituationResult(situation=player.situation)
    strategy = DepthFirst(reduce=reduce)
    while not strategy.exhausted:
        if found.schedules >= bound.schedules:
            found.complete = False
            break
        trace = player.play(strategy)
        found.replays += 1
        if trace.cut is None:
            found.schedules += 1
            record_trace(found, trace, strategy.preemptions())
        strategy.advance()
        tick()
    if not found.complete and reduce:
        for trace in random_schedules(player.play, bound.seed, bound.random, steps=20):
            found.random += 1
            record_trace(found, trace, MAX_STEPS)
            tick()
    return found


def record_trace(found: SituationResult, trace: ExecutionTrace, preemptions: int) -> None:
    """Add the exercised and the broken invariants of one schedule to the results."""
    for invariant in invariants_for(found.situation):
        if invariant.name not in found.exercised and EXERCISED[invariant.guarantee](trace):
            found.exercised.add(invariant.name)
    for name in violations_in(trace, found.situation):
        count = found.broken.setdefault(name, [0, preemptions])
        count[0] += 1
        count[1] = min(count[1], preemptions)


@dataclass(frozen=True, kw_only=True)
class ShortestSchedule:
    """The shortest schedule known to break an invariant."""

    trace: ExecutionTrace
    preemptions: int
    how: str
    """How it breaks the invariant."""

    @property
    def rank(self) -> tuple[int, int, list[str]]:
        return (self.preemptions, len(self.trace.steps), self.trace.tokens)


def shortest(player: SchedulePlayer, found: SituationResult, tick: Callable[[], None]) -> dict[str, ShortestSchedule]:
    """For each broken invariant, the schedule with the fewest preemptions, and among those the fewest steps."""
    best: dict[str, ShortestSchedule] = {}
    tries = 0
    most = max((fewest for _, fewest in found.broken.values()), default=-1)
    for allowed in range(most + 1):
        strategy = DepthFirst(reduce=False, max_preemptions=allowed)
        while not strategy.exhausted and tries < SHORTEST_TRIES:
            trace = player.play(strategy)
            tries += 1
            preemptions = strategy.preemptions()
            for name, how in violations_in(trace, found.situation).items():
                candidate = ShortestSchedule(trace=trace, preemptions=preemptions, how=how)
                if name not in best or candidate.rank < best[name].rank:
                    best[name] = candidate
            strategy.advance()
            tick()
        if best.keys() >= found.broken.keys():
            break
    if found.broken.keys() - best.keys():
        find_any_violating(player, found, best, tick)
    return best


def find_any_violating(
    player: SchedulePlayer, found: SituationResult, best: dict[str, ShortestSchedule], tick: Callable[[], None]
) -> None:
    """Find the first schedule that breaks each invariant without one, after the search for the shortest gave up."""
    strategy = DepthFirst(reduce=True)
    while not strategy.exhausted and found.broken.keys() - best.keys():
        trace = player.play(strategy)
        if trace.cut is None:
            for name, how in violations_in(trace, found.situation).items():
                best.setdefault(name, ShortestSchedule(trace=trace, preemptions=strategy.preemptions(), how=how))
        strategy.advance()
        tick()


def schedule_id(situation: Situation, trace: ExecutionTrace) -> str:
    return f"{situation.name}:{trace.text}"


def verdicts(
    player: SchedulePlayer, found: SituationResult, best: dict[str, ShortestSchedule]
) -> Iterator[VerdictInfo]:
    """The verdicts on the invariants that can be broken in the situation."""
    for invariant in invariants_for(found.situation):
        guaranteed = invariant.guaranteed(player.pattern, found.situation.adversary)
        if player.reads_app_clock and not found.situation.clocks_agree:
            guaranteed = False  # with app server clocks, a bound holds only if they agree and no two calls share a tick
        count = found.broken.get(invariant.name, [0, 0])[0]
        worst = best.get(invariant.name)
        yield VerdictInfo(
            contender=player.name,
            situation=found.situation.name,
            invariant=invariant.name,
            verdict=verdict_word(broken=count > 0, guaranteed=guaranteed, exercised=invariant.name in found.exercised),
            guaranteed=guaranteed,
            schedules=found.schedules + found.random,
            complete=found.complete,
            broken_in=count,
            how=worst.how if worst else "",
            preemptions=worst.preemptions if worst else None,
            shortest=replayed_steps(player, worst.trace.tokens) if worst else [],
            id=schedule_id(found.situation, worst.trace) if worst else "",
        )


def verdict_word(*, broken: bool, guaranteed: bool, exercised: bool) -> str:
    """The verdict on an invariant in a situation that was judged."""
    if broken:
        return BROKEN
    if not guaranteed:
        return NOT_GUARANTEED
    return KEPT if exercised else NOT_EXERCISED


def not_judged(contender: Contender, situation: Situation, why: str) -> tuple[ExplorationInfo, list[VerdictInfo]]:
    """The facts about a contender in a situation that could not be judged."""
    info = ExplorationInfo(
        contender=contender.name,
        situation=situation.name,
        schedules=0,
        complete=False,
        replays=0,
        round_trips=0,
        seconds=0.0,
        not_judged=why,
    )
    return info, [
        VerdictInfo(
            contender=contender.name,
            situation=situation.name,
            invariant=invariant.name,
            verdict=NOT_JUDGED,
            guaranteed=invariant.guaranteed(contender.pattern, situation.adversary),
            schedules=0,
            complete=False,
            how=why,
        )
        for invariant in invariants_for(situation)
    ]


def replayed_steps(player: SchedulePlayer, tokens: Sequence[str]) -> list[StepInfo]:
    """Play a schedule again. Returns its steps, with the state of the servers after each."""
    trace = player.play(FollowSchedule(tokens), snapshots=True)
    return [
        StepInfo(
            client=step.action.client,
            label=step.action.label,
            server=server_of(step.action),
            adverse=step.action.is_fault,
            blocked=step.blocked,
            now_s=round(step.now_s - START_S, 3),
            database={str(record): version for record, version in snapshot.database.items()},
            cache=snapshot.cache,
        )
        for step, snapshot in zip(trace.steps, trace.snapshots[1:], strict=False)
    ]


def server_of(action: Action) -> str:
    """The server to which a step sends a request. Empty for a fault."""
    if action.is_fault and action.token[0] != "T":
        return ""
    statement = action.label.rpartition(" ms: ")[2].split(" ")[0]
    return "postgres" if statement in STATEMENTS else "redis"


def explore_situations(
    sandbox: Sandbox, contender: Contender, situations: Sequence[Situation], bound: Bound, tick: Callable[[], None]
) -> Iterator[tuple[ExplorationInfo, list[VerdictInfo]]]:
    """Explore a contender in each situation. Yields facts and verdicts, one situation at a time."""
    for situation in situations:
        player = SchedulePlayer(sandbox, contender.pattern, situation, name=contender.name)
        found, info = explore(player, bound, tick)
        yield info, list(verdicts(player, found, shortest(player, found, tick)))


@dataclass(frozen=True, kw_only=True)
class ReplayResult:
    """The result of a schedule that was played again."""

    situation: Situation
    trace: ExecutionTrace
    steps: list[StepInfo]
    broken: dict[str, str]
    same: bool
    """Whether the end was the same each time."""


def replay(sandbox: Sandbox, contender: Contender, schedule: str, times: int = 1) -> ReplayResult:
    """Play a schedule by its id. Raises ConfigError if the id is not one."""
    situation_name, _, text = schedule.partition(":")
    situation = find_situation(situation_name)
    try:
        tokens = decode(text)
    except ValueError as error:
        raise ConfigError("replay", schedule, f"the id of a schedule ({error.args[0]!r} is not a step)") from None
    player = SchedulePlayer(sandbox, contender.pattern, situation, name=contender.name)
    ends = [player.play(FollowSchedule(tokens)) for _ in range(times)]
    return ReplayResult(
        situation=situation,
        trace=ends[0],
        steps=replayed_steps(player, ends[0].tokens),
        broken=violations_in(ends[0], situation),
        same=all(end.end() == ends[0].end() for end in ends),
    )
