"""How many connections a command opens to each server, and whether they have room for them."""

from collections.abc import Sequence

from stampede.loadtests.appserver.appserver import BACKGROUND_WORKERS
from stampede.loadtests.bench.run_plan.contenders import ContenderSpec
from stampede.stack.connection_limits import require_room
from stampede.stack.servers import Stack

OUR_SESSIONS = 4
"""Of PostgreSQL, besides the application servers': the conductor's, its gauges', the live page's, a calibration's."""
OUR_CLIENTS = 14
"""Of Redis, at most: the conductor's ten, the live page's, and those of a command that looks on."""


def require_room_for_bench(stack: Stack, processes: int, users: int, contender_specs: Sequence[ContenderSpec]) -> None:
    """Raise StackError where a server lacks room for the application servers' connections and the suite's own."""
    each = users + BACKGROUND_WORKERS
    clients = {
        contender_spec.limiter().client if contender_spec.family == "limiting" else contender_spec.pattern().client
        for contender_spec in contender_specs
    }
    workers = processes * BACKGROUND_WORKERS if any(contender_spec.worker for contender_spec in contender_specs) else 0
    require_room(
        stack,
        postgres=processes * each + workers + OUR_SESSIONS,
        clients=processes * each * len(clients) + 2 * workers + OUR_CLIENTS,
        instead="take fewer --processes or users_per_process",
    )


def require_room_for_service(stack: Stack, threads: int, workers: int) -> None:
    """As for a bench, for the web service: a pool of each a process, and one for the limiter."""
    each = workers * (threads + BACKGROUND_WORKERS)
    require_room(stack, postgres=each, clients=2 * each, instead="take fewer --threads or --workers")
