"""The races of a bench's contenders, explored after its cells on the same servers: races.json in the run's folder."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from stampede.core.errors import ConfigError
from stampede.patterns.contender_registry import Contender
from stampede.races.exploration_runs import INTERRUPTED, RacesConfig, RacesEvent, begun, explore_all, pairs
from stampede.races.explore import Bound
from stampede.races.hooks.limiter_adapter import find_explorable
from stampede.run_folder.races_json import RacesInfo
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import ContenderInfo, RunInfo
from stampede.run_folder.write import RunWriter
from stampede.scenarios.interleavings.situation import find_situation, situations
from stampede.stack.servers import Remark, Stack

ONE_SCENARIO_ONLY = "it stands for one scenario: make races CONTENDER={name}"


def explore_beside(
    folder: Path, stack: Stack, on_event: Callable[[RacesEvent], None], say: Callable[[str], None]
) -> RacesInfo | None:
    """Explore every contender that ran. None: none ran. One that cannot be explored is skipped with a remark.

    KeyboardInterrupt passes through; what was explored until then is kept.
    """
    run = read_run(folder)
    ran = {cell.contender for cell in run.done}
    asked = [c for c in run.info.contenders if c.kind == "contender" and c.name in ran]
    if not asked:
        return None
    config = RacesConfig(
        contenders=(),
        situations=tuple(find_situation(name) for name in situations()),
        bound=Bound(seed=run.info.seed),
        command=run.info.command,
    )
    info = begun(config, stack)
    chosen = explorable_contenders(asked, info.skipped)
    total = len(pairs(replace(config, contenders=tuple(chosen))))
    unexplored = dict.fromkeys((contender.name for contender in chosen), INTERRUPTED)
    try:
        for contender in chosen:
            try:
                one = replace(config, contenders=(contender,))
                explore_all(one, stack, lambda event: on_event(replace(event, of=total)), info)
            except Exception as error:  # noqa: BLE001 - one contender's failure is recorded, and the next is explored
                unexplored[contender.name] = " ".join(f"{type(error).__name__}: {error}".split())
                say(f"{contender.name}: its races were not explored: {unexplored[contender.name]}")
            else:
                del unexplored[contender.name]
                record_unjudged(info, contender.name, unexplored, say)
    finally:
        info.skipped.update(unexplored)
        info.write(folder)
        record_unexplored(folder, run.info, unexplored, info)
    return info


def record_unjudged(info: RacesInfo, name: str, unexplored: dict[str, str], say: Callable[[str], None]) -> None:
    """Record what of a contender was not judged. If nothing of it was judged, it counts as not explored."""
    mine = [e for e in info.explorations if e.contender == name]
    for (contender, why), where in info.unjudged().items():
        if contender == name:
            said = "not explored" if len(where) == len(mine) else f"not judged in {', '.join(where)}"
            say(f"{name}: its races were {said}: {why}")
    if mine and all(e.not_judged for e in mine):
        unexplored[name] = mine[0].not_judged
        info.explorations[:] = [e for e in info.explorations if e.contender != name]
        info.verdicts[:] = [v for v in info.verdicts if v.contender != name]
        info.contenders[:] = [c for c in info.contenders if c["name"] != name]


def explorable_contenders(asked: list[ContenderInfo], skipped: dict[str, str]) -> list[Contender]:
    """The contenders that can be explored. The reasons of the others are added to `skipped`."""
    chosen = []
    for asked_for in asked:
        try:
            found = find_explorable(asked_for.file or asked_for.name)
        except ConfigError as error:
            skipped[asked_for.name] = " ".join(str(error).split())
            continue
        if found.pattern.opt_in or found.pattern.requires:
            skipped[asked_for.name] = ONE_SCENARIO_ONLY.format(name=asked_for.file or asked_for.name)
        else:
            chosen.append(found)
    return chosen


def record_unexplored(folder: Path, info: RunInfo, unexplored: Mapping[str, str], found: RacesInfo) -> None:
    """Record in run.json what was not explored or judged, and why. Replaces earlier entries."""
    others = [remark for remark in info.remarks if remark["name"] != "races"]
    remarks = [
        Remark(
            name="races",
            what=f"the races of {', '.join(n for n in unexplored if unexplored[n] == why)} were not explored: {why}",
            cost="which orders of their steps break something",
        )
        for why in dict.fromkeys(unexplored.values())
    ]
    remarks += [
        Remark(
            name="races",
            what=f"the races of {name} in {', '.join(where)} were not judged: {why}",
            cost="which orders of their steps break something",
        )
        for (name, why), where in found.unjudged().items()
    ]
    info.remarks = [*others, *(asdict(remark) for remark in remarks)]
    RunWriter(folder, info)
