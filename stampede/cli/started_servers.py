"""The servers of a command, ready for the length of a `with` block, and what each run on them is given."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stampede.cli.input_checks import checked_stack, read_workload_file
from stampede.cli.output import given_command, print_status
from stampede.cli.shared_options import RunOptions, ServerOptions

if TYPE_CHECKING:
    from stampede.stack.servers import Stack

CHECK_EVERY_S = 0.5


@contextmanager
def started_servers(options: ServerOptions) -> Iterator[Stack]:
    """PostgreSQL and Redis, introduced in a status line. Raises ConfigError; ServerEnded."""
    choice = checked_stack(options.stack)
    from stampede.stack.provision import open_servers

    with open_servers(choice, postgres_url=options.postgres, redis_url=options.redis, say=print_status) as servers:
        print_status(servers.introduction())
        yield servers


def run_settings(options: RunOptions) -> dict[str, Any]:
    """The fields of a BenchConfig that these options give. Raises ConfigError for a wrong workload file."""
    return {
        "workload": read_workload_file(options.workload),
        "rtt_ms": options.rtt,
        "seed": options.seed,
        "runs": options.runs,
        "command": given_command(),
    }


def wait_until_one_ends(servers: Stack, child: subprocess.Popen[bytes] | None = None) -> None:
    """Wait for a signal. Raises ServerEnded where a server, or the child process, ends before."""
    from stampede.core.errors import ServerEnded
    from stampede.stack.supervisor.supervisor_client import exit_text

    while True:
        ended = servers.ended()
        if not ended and child is not None and child.poll() is not None:
            ended = f"the service ended ({exit_text(child.returncode)})"
        if ended:
            raise ServerEnded(ended)
        time.sleep(CHECK_EVERY_S)
