"""`stampede profile`: reads the user's servers and writes the workload that stands for them."""

from pathlib import Path
from typing import Annotated

import typer

from stampede.cli.commands.init_command import write_new_file
from stampede.cli.option_types import integer_option, number_option
from stampede.cli.output import print_result, print_status
from stampede.cli.shared_options import PostgresUrl, RedisUrl


def profile(
    path: Annotated[Path, typer.Argument(help="the workload file to write")] = Path("workload.toml"),
    redis: RedisUrl = None,
    postgres: PostgresUrl = None,
    seconds: Annotated[
        float, number_option("--seconds", lowest=1, highest=3600, help="how long the servers are watched")
    ] = 10.0,
    keys: Annotated[
        int, integer_option("--keys", lowest=1, highest=1_000_000, help="keys that are read, at most")
    ] = 2_000,
    commands_per_s: Annotated[
        float,
        number_option("--commands-per-s", lowest=10, highest=100_000, help="commands to Redis per second, at most"),
    ] = 500.0,
    statements: Annotated[
        int, integer_option("--statements", lowest=1, highest=100_000, help="statements that are read, at most")
    ] = 500,
    monitor: Annotated[
        float,
        number_option("--monitor", lowest=0, highest=60, help="seconds of MONITOR, which slows Redis down; 0: none"),
    ] = 0.0,
    json: Annotated[bool, typer.Option("--json", help="print the profile as JSON")] = False,
) -> None:
    """Read your Redis and PostgreSQL, never write to them, and write the workload that stands for them."""
    from stampede.core.errors import require

    require(bool(redis or postgres), "redis", redis, "the URL of a server: --redis URL, --postgres URL, or both")
    check_new_file(path)
    from stampede.stack.profile.server_profile import ProfileBounds, take_profile

    bounds = ProfileBounds(
        seconds=seconds, keys=keys, commands_per_s=commands_per_s, statements=statements, monitor_s=monitor
    )
    found = take_profile(redis, postgres, bounds, print_status)
    from stampede.stack.profile.workload_proposal import propose_workload

    proposal = propose_workload(found)
    write_new_file(path, proposal.text())
    if json:
        from stampede.stack.profile.profile_json import profile_json

        print_result(profile_json(found, proposal))
        return
    from stampede.stack.profile.profile_page import profile_page

    print_result(profile_page(found, proposal))


def check_new_file(path: Path) -> None:
    """Raise ConfigError before the servers are read where the file could not be written after it."""
    from stampede.core.errors import require

    require(not path.exists() and not path.is_symlink(), "path", str(path), "a file that does not exist yet")
    require(path.absolute().parent.is_dir(), "path", str(path), "a file in a folder that exists")
