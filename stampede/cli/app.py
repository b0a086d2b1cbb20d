"""The application: all commands in the order of `stampede --help`, and the program's entry point."""

import os
import sys
import traceback
from collections.abc import Callable

import typer

from stampede.cli.commands import (
    bench_command,
    init_command,
    profile_command,
    races_command,
    report_commands,
    selftest_commands,
    serializers_command,
    service_commands,
    trace_command,
)
from stampede.cli.one_line_errors import OneLineErrors
from stampede.cli.output import print_status
from stampede.cli.shared_options import with_option_groups

COMMANDS: tuple[Callable[..., None], ...] = (
    bench_command.bench,
    report_commands.report,
    report_commands.compare,
    report_commands.gate,
    serializers_command.serializers,
    service_commands.web,
    races_command.races,
    service_commands.serve,
    service_commands.worker,
    service_commands.services,
    service_commands.monitor,
    profile_command.profile,
    selftest_commands.aa,
    selftest_commands.selftest,
    selftest_commands.knee,
    selftest_commands.overhead,
    trace_command.trace,
    init_command.init,
    init_command.screen,
    init_command.new,
)
FORMER_NAMES: dict[str, Callable[..., None]] = {
    "selfcheck": selftest_commands.selftest,
    "harness": selftest_commands.overhead,
}
"""Names that commands had before; they work and are not listed."""

app = typer.Typer(
    cls=OneLineErrors,
    name="stampede",
    help="Which caching pattern, limiter and serializer for your workload, and what it costs when things go wrong.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in COMMANDS:
    app.command()(with_option_groups(command))
for former_name, renamed in FORMER_NAMES.items():
    app.command(former_name, hidden=True)(with_option_groups(renamed))


def main() -> None:
    """Run the command in sys.argv and exit with its code."""
    from stampede.core.stop_signals import end_at_once

    end_at_once(print_status)
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    try:
        app()
    except Exception:  # noqa: BLE001 - an error in our code: its traceback may quote a URL
        print_status(traceback.format_exc())
        sys.exit(1)
