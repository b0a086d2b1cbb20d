"""What `stampede races` does: contenders × situations, explored on a stack, as facts for the report."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from stampede.core.errors import ClientKilled, ContenderRefused, NotJudged, in_one_line
from stampede.patterns.contender_registry import Contender, contenders
from stampede.races.explore import Bound, Replayed, explore_situations, not_judged, replay
from stampede.races.hooks.bypass import refusing_bypasses, sockets_of_this_process
from stampede.races.hooks.limiter_adapter import LimiterAdapter, find_explorable
from stampede.races.hooks.sandbox import Sandbox
from stampede.races.hooks.sandbox_servers import open_sandbox
from stampede.races.scheduler.virtual_time import virtual_time
from stampede.races.verdicts.invariants import INVARIANTS
from stampede.run_folder.races_json import ExplorationInfo, InvariantInfo, RacesInfo, SituationInfo, VerdictInfo
from stampede.scenarios.interleavings.situation import Situation
from stampede.stack.servers import Stack


@dataclass(frozen=True, kw_only=True)
class RacesConfig:
    """What to explore."""

    contenders: tuple[Contender, ...]
    situations: tuple[Situation, ...]
    bound: Bound
    command: str
    opened: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Contender to the sockets that were opened while its file was read."""


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


def begun(config: RacesConfig, stack: Stack) -> RacesInfo:
    """An exploration of which nothing is done yet."""
    return RacesInfo(
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        command=config.command,
        bound=config.bound.schedules,
        situations=[SituationInfo(name=s.name, said=s.said(), adversary=s.adversary.value) for s in config.situations],
        invariants=[InvariantInfo(name=i.name, says=i.text) for i in INVARIANTS],
        metadata={"servers": stack.as_dict()},
    )


def pairs(config: RacesConfig) -> list[tuple[Contender, Situation]]:
    """Who is explored in what: patterns among patterns' situations, limiters among limiters'."""
    return [
        (contender, situation)
        for contender in config.contenders
        for situation in config.situations
        if situation.limiting == issubclass(contender.pattern, LimiterAdapter)
    ]


def held_contenders() -> list[str]:
    """The suite's own patterns, but for those whose work a queue carries past the explorer."""
    return [name for name, contender in contenders().items() if not contender.pattern.requires]


def found(names: Sequence[str]) -> tuple[tuple[Contender, ...], dict[str, frozenset[int]]]:
    """The contenders of these names or files, and the sockets that each one's file opened. Raises ConfigError."""
    chosen, opened = [], {}
    for name in names:
        before = sockets_of_this_process().keys()
        contender = find_explorable(name)
        chosen.append(contender)
        opened[contender.name] = frozenset(sockets_of_this_process().keys() - before)
    return tuple(chosen), opened


def explore_all(
    config: RacesConfig, stack: Stack, on_event: Callable[[RacesEvent], None], info: RacesInfo | None = None
) -> RacesInfo:
    """Explore every pair of contender and situation. `info`: what is known already, to which this is added."""
    info = info or begun(config, stack)
    info.contenders.extend(as_dict(contender) for contender in config.contenders)
    todo = pairs(config)
    total = len(todo)
    schedules = sum(e.schedules for e in info.explorations)

    with PairExplorer(stack, config.opened) as explorer, virtual_time(), refusing_bypasses():
        for contender, situation in todo:

            def tick(contender: str = contender.name, situation: str = situation.name) -> None:
                nonlocal schedules
                schedules += 1
                if schedules % 20 == 0:
                    on_event(event(contender, situation, len(info.explorations), total, schedules))

            on_event(event(contender.name, situation.name, len(info.explorations), total, schedules))
            exploration, judged = explorer.analyse(contender, situation, config.bound, tick)
            info.explorations.append(exploration)
            info.verdicts.extend(judged)
    return info


class PairExplorer:
    """Explores one pair after another. After a failure the next pair gets a new sandbox."""

    def __init__(self, stack: Stack, opened: Mapping[str, frozenset[int]]) -> None:
        self._stack = stack
        self._opened_by = opened
        self._open: ExitStack = ExitStack()
        self._sandbox: Sandbox | None = None
        self._refused: dict[str, str] = {}
        """Contender to why it is not explored any further."""
        self._none = ""
        """Why no sandbox could be made; empty: none failed."""

    def __enter__(self) -> "PairExplorer":
        return self

    def __exit__(self, *_raised: object) -> None:
        self._open.close()

    def analyse(
        self, contender: Contender, situation: Situation, bound: Bound, tick: Callable[[], None]
    ) -> tuple[ExplorationInfo, list[VerdictInfo]]:
        """The verdicts on a contender in a situation. They are "not judged", with the reason, after another failure."""
        why = self._none or self._refused.get(contender.name, "")
        if not why:
            try:
                sandbox = self._opened()
                sandbox.foreign_sockets |= frozenset().union(*self._opened_by.values())
                sandbox.foreign_sockets -= self._opened_by.get(contender.name, frozenset())
                ((exploration, judged),) = explore_situations(sandbox, contender, [situation], bound, tick)
            except (Exception, ClientKilled) as error:  # noqa: BLE001 - the other pairs go on
                why = in_one_line(error)
                if isinstance(error, ContenderRefused):
                    self._refused[contender.name] = why
                self._open.close()
                self._sandbox = None
            else:
                return exploration, judged
        return not_judged(contender, situation, why)

    def _opened(self) -> Sandbox:
        if self._sandbox is None:
            try:
                self._sandbox = self._open.enter_context(open_sandbox(self._stack))
            except Exception as error:
                self._none = f"no table and no keys of the explorer's own could be made: {in_one_line(error)}"
                raise NotJudged(self._none) from error
        return self._sandbox


INTERRUPTED = "stopped before it was done"


def keep_explored(config: RacesConfig, info: RacesInfo) -> bool:
    """Mark the contenders of an exploration that was cut before all their situations were explored. Whether anything
    was explored."""
    explored = {(e.contender, e.situation) for e in info.explorations}
    for contender, situation in pairs(config):
        if (contender.name, situation.name) not in explored:
            info.skipped[contender.name] = INTERRUPTED
    return bool(explored)


def event(contender: str, situation: str, done: int, of: int, schedules: int) -> RacesEvent:
    return RacesEvent(contender=contender, situation=situation, done=done, of=of, schedules=schedules)


def as_dict(contender: Contender) -> dict[str, object]:
    return {
        "name": contender.name,
        "summary": contender.pattern.summary,
        "guarantees": sorted(guarantee.name for guarantee in contender.pattern.guarantees),
        "file": contender.file,
    }


def broken_guarantees(info: RacesInfo) -> list[VerdictInfo]:
    """What a contender claims and does not keep."""
    return [verdict for verdict in info.verdicts if verdict.verdict == "broken" and verdict.guaranteed]


def is_clean(info: RacesInfo) -> bool:
    """Whether every situation was judged, no promise is broken, and the reduction lost nothing."""
    return not (broken_guarantees(info) or any(e.not_judged or e.disagrees for e in info.explorations))


def replay_on(stack: Stack, contender: Contender, schedule: str, times: int) -> Replayed:
    """Play one schedule by its id."""
    with open_sandbox(stack) as sandbox, virtual_time(), refusing_bypasses():
        return replay(sandbox, contender, schedule, times)


def new_folder(runs: Path) -> Path:
    """Where this exploration's run folder goes."""
    return runs / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-races"
