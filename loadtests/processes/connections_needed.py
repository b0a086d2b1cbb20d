"""Checks that each server has room for the connections that a command opens."""

from collections.abc import Sequence

from stampede.loadtests.appserver.appserver import BACKGROUND_WORKERS
from stampede.loadtests.bench.run_plan.contenders import ContenderSpec
from stampede.stack.providers.connection_limits import require_room
from stampede.stack.servers import Stack

OTHER_SESSIONS = 4
"""Sessions of PostgreSQL other than the application servers': coordinator, gauges, live page, calibration."""
OTHER_CLIENTS = 14
"""Clients of Redis other than the application servers', at most: the coordinator's ten, the live page, the command."""


def require_room_for_bench(stack: Stack, processes: int, users: int, contender_specs: Sequence[ContenderSpec]) -> None:
    """Raise StackError if a server lacks room for the connections of the application servers and the suite."""
    per_process = users + BACKGROUND_WORKERS
    clients = {
        contender_spec.limiter().client if contender_spec.family == "limiting" else contender_spec.pattern().client
        for contender_spec in contender_specs
    }
    workers = processes * BACKGROUND_WORKERS if any(contender_spec.worker for contender_spec in contender_specs) else 0
    require_room(
        stack,
        postgres=processes * per_process + workers + OTHER_SESSIONS,
        clients=processes * per_process * len(clients) + 2 * workers + OTHER_CLIENTS,
        instead="take fewer --processes or users_per_process",
    )


def require_room_for_service(stack: Stack, threads: int, workers: int) -> None:
    """The same check for the web service: each process has a pool per server, and one more for the limiter."""
    per_process = workers * (threads + BACKGROUND_WORKERS)
    require_room(stack, postgres=per_process, clients=2 * per_process, instead="take fewer --threads or --workers")
