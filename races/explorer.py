"""What `stampede races` does: contenders × situations, explored on a stack, as facts for the report."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from artefact.races import InvariantInfo, RacesInfo, SituationInfo, VerdictInfo
from patterns.catalogue import Contender
from races.card import Bound, Replayed, card, replay
from races.invariants import INVARIANTS
from races.limited import Limited
from races.open import open_world
from races.virtual_time import virtual_time
from scenarios.races.situation import Situation
from stack.servers import Stack


@dataclass(frozen=True, kw_only=True)
class RacesOrder:
    """What to explore."""

    contenders: tuple[Contender, ...]
    situations: tuple[Situation, ...]
    bound: Bound
    command: str


@dataclass(frozen=True, kw_only=True)
class RacesEvent:
    """How far it is, for a progress bar."""

    contender: str
    situation: str
    done: int
    """Pairs of contender and situation that are finished."""
    of: int
    schedules: int
    """Tried so far, in all."""


def begun(order: RacesOrder, stack: Stack) -> RacesInfo:
    """An exploration of which nothing is done yet."""
    return RacesInfo(
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        command=order.command,
        bound=order.bound.schedules,
        situations=[SituationInfo(name=s.name, said=s.said(), adversary=s.adversary.value) for s in order.situations],
        invariants=[InvariantInfo(name=i.name, says=i.says) for i in INVARIANTS],
        circumstances={"servers": stack.described()},
    )


def pairs(order: RacesOrder) -> list[tuple[Contender, Situation]]:
    """Who is explored in what: patterns among patterns' situations, limiters among limiters'."""
    return [
        (contender, situation)
        for contender in order.contenders
        for situation in order.situations
        if situation.limiting == issubclass(contender.pattern, Limited)
    ]


def explore_all(
    order: RacesOrder, stack: Stack, on_event: Callable[[RacesEvent], None], info: RacesInfo | None = None
) -> RacesInfo:
    """Explore every pair of contender and situation. `info`: what is known already, to which this is added."""
    info = info or begun(order, stack)
    info.contenders.extend(described(contender) for contender in order.contenders)
    todo = pairs(order)
    total = len(todo)
    schedules = sum(e.schedules for e in info.explorations)

    with open_world(stack) as world, virtual_time():
        for contender, situation in todo:

            def tick(contender: str = contender.name, situation: str = situation.name) -> None:
                nonlocal schedules
                schedules += 1
                if schedules % 20 == 0:
                    on_event(event(contender, situation, len(info.explorations), total, schedules))

            on_event(event(contender.name, situation.name, len(info.explorations), total, schedules))
            for exploration, judged in card(world, contender, [situation], order.bound, tick):
                info.explorations.append(exploration)
                info.verdicts.extend(judged)
    return info


CUT = "stopped before it was done"


def keep_explored(order: RacesOrder, info: RacesInfo) -> bool:
    """Mark the contenders of an exploration that was cut before all their situations were explored. Whether anything
    was explored."""
    explored = {(e.contender, e.situation) for e in info.explorations}
    for contender, situation in pairs(order):
        if (contender.name, situation.name) not in explored:
            info.skipped[contender.name] = CUT
    return bool(explored)


def event(contender: str, situation: str, done: int, of: int, schedules: int) -> RacesEvent:
    return RacesEvent(contender=contender, situation=situation, done=done, of=of, schedules=schedules)


def described(contender: Contender) -> dict[str, object]:
    return {
        "name": contender.name,
        "summary": contender.pattern.summary,
        "promises": sorted(promise.name for promise in contender.pattern.promises),
        "file": contender.file,
    }


def broken_promises(info: RacesInfo) -> list[VerdictInfo]:
    """What a contender claims and does not keep."""
    return [verdict for verdict in info.verdicts if verdict.verdict == "broken" and verdict.promised]


def replay_on(stack: Stack, contender: Contender, schedule: str, times: int) -> Replayed:
    """Play one schedule by its id."""
    with open_world(stack) as world, virtual_time():
        return replay(world, contender, schedule, times)


def new_folder(runs: Path) -> Path:
    """Where this exploration's run folder goes."""
    return runs / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-races"
