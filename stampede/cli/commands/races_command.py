"""`stampede races`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stampede.cli.completion import contender_names, situation_names
from stampede.cli.input_checks import check_contender_names, check_own_files, check_runs
from stampede.cli.option_types import integer_option
from stampede.cli.output import given_command, print_status
from stampede.cli.shared_options import LAST_SEED, Runs, ServerOptions
from stampede.cli.started_servers import started_servers

if TYPE_CHECKING:
    from stampede.races.exploration_runs import RacesConfig
    from stampede.races.explore import Bound
    from stampede.run_folder.races_json import RacesInfo
    from stampede.stack.servers import Stack


def races(
    server_options: ServerOptions,
    contender: Annotated[
        list[str] | None,
        typer.Option(
            "--contender",
            help="a pattern or limiter by name, or a file. May be repeated",
            autocompletion=contender_names,
        ),
    ] = None,
    situation: Annotated[
        list[str] | None,
        typer.Option("--situation", help="only these situations. May be repeated", autocompletion=situation_names),
    ] = None,
    replay: Annotated[str | None, typer.Option("--replay", help="play one schedule of one contender by its id")] = None,
    times: Annotated[int, integer_option(lowest=1, highest=100_000, help="how often to replay")] = 1,
    bound: Annotated[
        int,
        integer_option(lowest=1, highest=1_000_000, help="a situation with more schedules is not tried completely"),
    ] = 5_000,
    sample: Annotated[int, integer_option(lowest=0, highest=1_000_000, help="random schedules beyond the bound")] = 500,
    seed: Annotated[
        int, integer_option(lowest=0, highest=LAST_SEED, help="the same seed gives the same random schedules")
    ] = 1,
    without_reduction: Annotated[
        bool, typer.Option("--without-reduction", help="try commuting steps in every order too, and compare")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="write the verdicts to this file")] = None,
    runs: Runs = Path("runs"),
    verbose: Annotated[
        bool, typer.Option("--verbose", help="print every verdict and the shortest schedule of each race")
    ] = False,
) -> None:
    """Try every order of a few concurrent requests on real servers: which guarantees break, and how.

    Exit 1: a guarantee is broken, or something was not judged.
    """
    check_runs(runs)
    check_own_files("contender", contender)
    check_contender_names(contender)
    from stampede.races.explore import Bound

    limits = Bound(schedules=bound, random=sample, seed=seed, without_reduction=without_reduction)
    order = races_order(contender, situation, replay, limits)
    with started_servers(server_options) as servers:
        if replay is not None:
            replay_schedule(order, servers, replay, times)
            return
        info = explored(order, servers, runs)
    report_races(info, runs, json_file, verbose=verbose)


def races_order(
    contender: list[str] | None, situation: list[str] | None, replay: str | None, bound: Bound
) -> RacesConfig:
    """What to explore. Raises ConfigError."""
    from stampede.core.errors import require
    from stampede.patterns.contender_registry import limiters
    from stampede.races.exploration_runs import RacesConfig, found, schedulable_patterns
    from stampede.scenarios.interleavings.situation import find_situation, situations

    chosen, opened = found(contender or [*schedulable_patterns(), *limiters()])
    asked = tuple(find_situation(name) for name in situation or situations())
    require(replay is None or len(chosen) == 1, "contender", contender, "one contender, to replay its schedule")
    return RacesConfig(contenders=chosen, situations=asked, bound=bound, command=given_command(), opened=opened)


def replay_schedule(order: RacesConfig, servers: Stack, schedule: str, times: int) -> None:
    """Play one schedule of the order's only contender, and print its steps."""
    from stampede.core.text.terminal import PlainConsole
    from stampede.races.exploration_runs import replay_on
    from stampede.races.races_console import print_replay

    print_replay(replay_on(servers, order.contenders[0], schedule, times), times, PlainConsole())


def explored(order: RacesConfig, servers: Stack, runs: Path) -> RacesInfo:
    """The verdicts on all contenders. Where it is interrupted, those that there are get a report."""
    from stampede.races.exploration_runs import begun, explore_all, keep_explored, new_folder
    from stampede.races.races_console import races_progress
    from stampede.reports.topics.races.races_page import render_races

    info = begun(order, servers)
    try:
        with races_progress() as on_event:
            explore_all(order, servers, on_event, info)
    except BaseException:
        if keep_explored(order, info):
            print_status(f"report: {render_races(info.write(new_folder(runs)).parent)}")
        raise
    return info


def report_races(info: RacesInfo, runs: Path, json_file: Path | None, *, verbose: bool) -> None:
    """Print and write the verdicts. Raises Exit with code 1 where a guarantee broke or something was not judged."""
    from stampede.core.text.terminal import PlainConsole
    from stampede.races.exploration_runs import is_clean, new_folder
    from stampede.races.races_console import print_races, write_json
    from stampede.reports.topics.races.races_page import render_races

    print_status(f"report: {render_races(info.write(new_folder(runs)).parent)}")
    print_races(info, PlainConsole(), verbose=verbose)
    if json_file is not None:
        write_json(info, json_file)
    if not is_clean(info):
        raise typer.Exit(1)
