"""The exploration of `stampede races`: every contender in every situation, as facts for the report."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from stampede.core.errors import ClientKilled, ContenderRefused, NotJudged, in_one_line
from stampede.patterns.contender_registry import Contender, contenders
from stampede.races.explore import Bound, ReplayResult, explore_situations, not_judged, replay
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
    """The contenders and situations to explore."""

    contenders: tuple[Contender, ...]
    situations: tuple[Situation, ...]
    bound: Bound
    command: str
    opened: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Contender to the inodes of the sockets that its file opened at import."""


@dataclass(frozen=True, kw_only=True)
class RacesEvent:
    """The progress of an exploration, for a progress bar."""

    contender: str
    situation: str
    done: int
    """The number of finished pairs of contender and situation."""
    of: int
    """The number of all pairs."""
    schedules: int
    """The number of schedules tried so far."""


def begun(config: RacesConfig, stack: Stack) -> RacesInfo:
    """The facts of an exploration that has not begun."""
    return RacesInfo(
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        command=config.command,
        bound=config.bound.schedules,
        situations=[SituationInfo(name=s.name, said=s.said(), adversary=s.adversary.value) for s in config.situations],
        invariants=[InvariantInfo(name=i.name, says=i.text) for i in INVARIANTS],
        metadata={"servers": stack.as_dict()},
    )


def pairs(config: RacesConfig) -> list[tuple[Contender, Situation]]:
    """The pairs to explore: patterns in situations of patterns, limiters in situations of limiters."""
    return [
        (contender, situation)
        for contender in config.contenders
        for situation in config.situations
        if situation.limiting == issubclass(contender.pattern, LimiterAdapter)
    ]


def schedulable_patterns() -> list[str]:
    """The project's patterns, except those whose work a task queue runs outside the explorer."""
    return [name for name, contender in contenders().items() if not contender.pattern.requires]


def found(names: Sequence[str]) -> tuple[tuple[Contender, ...], dict[str, frozenset[int]]]:
    """The contenders with these names or files, and the sockets that each file opened. Raises ConfigError."""
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
    """Explore every pair of contender and situation, and add the results to `info` (None: new facts)."""
    info = info or begun(config, stack)
    info.contenders.extend(contender_as_dict(contender) for contender in config.contenders)
    to_explore = pairs(config)
    total = len(to_explore)
    schedules = sum(e.schedules for e in info.explorations)

    with PairExplorer(stack, config.opened) as explorer, virtual_time(), refusing_bypasses():
        for contender, situation in to_explore:

            def tick(contender: str = contender.name, situation: str = situation.name) -> None:
                nonlocal schedules
                schedules += 1
                if schedules % 20 == 0:
                    on_event(progress_event(contender, situation, len(info.explorations), total, schedules))

            on_event(progress_event(contender.name, situation.name, len(info.explorations), total, schedules))
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
        """Contender to the reason why it is no longer explored."""
        self._no_sandbox = ""
        """Why no sandbox could be made. Empty: none failed."""

    def __enter__(self) -> "PairExplorer":
        return self

    def __exit__(self, *_raised: object) -> None:
        self._open.close()

    def analyse(
        self, contender: Contender, situation: Situation, bound: Bound, tick: Callable[[], None]
    ) -> tuple[ExplorationInfo, list[VerdictInfo]]:
        """Explore a contender in a situation. After a failure all verdicts are "not judged", with the reason."""
        why = self._no_sandbox or self._refused.get(contender.name, "")
        if not why:
            try:
                sandbox = self._open_sandbox()
                sandbox.foreign_sockets |= frozenset().union(*self._opened_by.values())
                sandbox.foreign_sockets -= self._opened_by.get(contender.name, frozenset())
                ((exploration, judged),) = explore_situations(sandbox, contender, [situation], bound, tick)
            except (Exception, ClientKilled) as error:  # noqa: BLE001 - the other pairs are explored
                why = in_one_line(error)
                if isinstance(error, ContenderRefused):
                    self._refused[contender.name] = why
                self._open.close()
                self._sandbox = None
            else:
                return exploration, judged
        return not_judged(contender, situation, why)

    def _open_sandbox(self) -> Sandbox:
        if self._sandbox is None:
            try:
                self._sandbox = self._open.enter_context(open_sandbox(self._stack))
            except Exception as error:
                self._no_sandbox = f"the explorer's table and keys could not be made: {in_one_line(error)}"
                raise NotJudged(self._no_sandbox) from error
        return self._sandbox


INTERRUPTED = "interrupted before all its situations were explored"
"""Why a contender of an interrupted exploration counts as skipped."""


def keep_explored(config: RacesConfig, info: RacesInfo) -> bool:
    """Mark the contenders of an interrupted exploration that were not explored in all situations.

    Returns whether anything was explored.
    """
    explored = {(e.contender, e.situation) for e in info.explorations}
    for contender, situation in pairs(config):
        if (contender.name, situation.name) not in explored:
            info.skipped[contender.name] = INTERRUPTED
    return bool(explored)


def progress_event(contender: str, situation: str, done: int, of: int, schedules: int) -> RacesEvent:
    return RacesEvent(contender=contender, situation=situation, done=done, of=of, schedules=schedules)


def contender_as_dict(contender: Contender) -> dict[str, object]:
    return {
        "name": contender.name,
        "summary": contender.pattern.summary,
        "guarantees": sorted(guarantee.name for guarantee in contender.pattern.guarantees),
        "file": contender.file,
    }


def broken_guarantees(info: RacesInfo) -> list[VerdictInfo]:
    """The verdicts on guarantees that are broken."""
    return [verdict for verdict in info.verdicts if verdict.verdict == "broken" and verdict.guaranteed]


def is_clean(info: RacesInfo) -> bool:
    """Whether every situation was judged, no guarantee is broken, and the searches agree."""
    return not (broken_guarantees(info) or any(e.not_judged or e.disagrees for e in info.explorations))


def replay_on(stack: Stack, contender: Contender, schedule: str, times: int) -> ReplayResult:
    """Play one schedule by its id."""
    with open_sandbox(stack) as sandbox, virtual_time(), refusing_bypasses():
        return replay(sandbox, contender, schedule, times)


def new_folder(runs: Path) -> Path:
    """The path of a new run folder for this exploration."""
    return runs / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-races"
