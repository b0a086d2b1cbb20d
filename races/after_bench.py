"""Explores the races of a bench's contenders after its cells, on the same servers, and writes races.json."""

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

ONE_SCENARIO_ONLY = "it runs only in scenarios that name it: make races CONTENDER={name}"
"""Why a bench does not explore an opt-in contender."""


def explore_after_bench(
    folder: Path, stack: Stack, on_event: Callable[[RacesEvent], None], print_line: Callable[[str], None]
) -> RacesInfo | None:
    """Explore every contender that ran. Returns None if none ran.

    Skips a contender that cannot be explored, and records a remark. KeyboardInterrupt passes through; the results until
    then are kept.
    """
    run = read_run(folder)
    ran = {cell.contender for cell in run.done}
    requested = [c for c in run.info.contenders if c.kind == "contender" and c.name in ran]
    if not requested:
        return None
    config = RacesConfig(
        contenders=(),
        situations=tuple(find_situation(name) for name in situations()),
        bound=Bound(seed=run.info.seed),
        command=run.info.command,
    )
    info = begun(config, stack)
    chosen = explorable_contenders(requested, info.skipped)
    total = len(pairs(replace(config, contenders=tuple(chosen))))
    unexplored = dict.fromkeys((contender.name for contender in chosen), INTERRUPTED)
    try:
        for contender in chosen:
            try:
                single = replace(config, contenders=(contender,))
                explore_all(single, stack, lambda event: on_event(replace(event, of=total)), info)
            except Exception as error:  # noqa: BLE001 - one contender's failure is recorded, and the next is explored
                unexplored[contender.name] = " ".join(f"{type(error).__name__}: {error}".split())
                print_line(f"{contender.name}: its races were not explored: {unexplored[contender.name]}")
            else:
                del unexplored[contender.name]
                record_unjudged(info, contender.name, unexplored, print_line)
    finally:
        info.skipped.update(unexplored)
        info.write(folder)
        record_unexplored(folder, run.info, unexplored, info)
    return info


def record_unjudged(info: RacesInfo, name: str, unexplored: dict[str, str], print_line: Callable[[str], None]) -> None:
    """Report the situations in which a contender was not judged. If judged in none, it counts as not explored."""
    own = [e for e in info.explorations if e.contender == name]
    for (contender, why), where in info.unjudged().items():
        if contender == name:
            result = "not explored" if len(where) == len(own) else f"not judged in {', '.join(where)}"
            print_line(f"{name}: its races were {result}: {why}")
    if own and all(e.not_judged for e in own):
        unexplored[name] = own[0].not_judged
        info.explorations[:] = [e for e in info.explorations if e.contender != name]
        info.verdicts[:] = [v for v in info.verdicts if v.contender != name]
        info.contenders[:] = [c for c in info.contenders if c["name"] != name]


def explorable_contenders(requested: list[ContenderInfo], skipped: dict[str, str]) -> list[Contender]:
    """The contenders that can be explored. Adds the reasons of the others to `skipped`."""
    chosen = []
    for contender in requested:
        try:
            found = find_explorable(contender.file or contender.name)
        except ConfigError as error:
            skipped[contender.name] = " ".join(str(error).split())
            continue
        if found.pattern.opt_in or found.pattern.requires:
            skipped[contender.name] = ONE_SCENARIO_ONLY.format(name=contender.file or contender.name)
        else:
            chosen.append(found)
    return chosen


def record_unexplored(folder: Path, info: RunInfo, unexplored: Mapping[str, str], races: RacesInfo) -> None:
    """Record in run.json what was not explored or not judged, and why. Replaces earlier entries."""
    other_remarks = [remark for remark in info.remarks if remark["name"] != "races"]
    remarks = [
        Remark(
            name="races",
            what=f"the races of {', '.join(n for n in unexplored if unexplored[n] == why)} were not explored: {why}",
            cost="which orders of steps break a guarantee",
        )
        for why in dict.fromkeys(unexplored.values())
    ]
    remarks += [
        Remark(
            name="races",
            what=f"the races of {name} in {', '.join(where)} were not judged: {why}",
            cost="which orders of steps break a guarantee",
        )
        for (name, why), where in races.unjudged().items()
    ]
    info.remarks = [*other_remarks, *(asdict(remark) for remark in remarks)]
    RunWriter(folder, info)
