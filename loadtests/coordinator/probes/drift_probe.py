"""The canary: the same three small things at both ends of each round. Where they change, the machine did."""

import statistics
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
import redis

from stampede.loadtests.coordinator.probes.probe import Probe, ProbedCell, ProbeRows
from stampede.loadtests.coordinator.server_connections import ServerConnections
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.loadtests.locustfiles.run_config import CellPlan
from stampede.run_folder.write import TimelineRow

ASKED = 20
"""PINGs and SELECTs, one after the other: some milliseconds each."""
LOOPS = 12
LAPS = 36_000
"""Of the fixed Python loop: about a millisecond each."""

OPENS, CLOSES = "opens the round", "closes the round"


class DriftProbe(Probe):
    """Times the same small things before the first cell of each round and after the last."""

    def __init__(self, servers: ServerConnections, cells: Iterable[CellPlan]) -> None:
        self._servers = servers
        self._opening, self._closing = round_edges(cells)

    def before(self, cell: ProbedCell) -> None:
        self._rows = self._look(cell, OPENS) if cell.order.id in self._opening else []

    def after(self, cell: ProbedCell) -> ProbeRows:
        return ProbeRows(timeline=self._rows + (self._look(cell, CLOSES) if cell.order.id in self._closing else []))

    def _look(self, cell: ProbedCell, event: str) -> list[TimelineRow]:
        return canary_rows(cell.order.id, look(self._servers.redis, self._servers.postgres), event)


def fixed_loop() -> int:
    """Work that depends on nothing but the core that it runs on."""
    total = 0
    for number in range(LAPS):
        total += number & 7
    return total


def median_us(run: Callable[[], object], times: int) -> float:
    """Median time of one, in microseconds."""
    taken = []
    for _ in range(times):
        began = now_ns()
        run()
        taken.append((now_ns() - began) / 1e3)
    return statistics.median(taken)


def look(client: redis.Redis, connection: psycopg.Connection[Any]) -> dict[str, float]:
    """One canary, about 30 ms. Medians in microseconds: ping_us, select_us, loop_us."""
    return {
        "ping_us": median_us(client.ping, ASKED),
        "select_us": median_us(lambda: connection.execute("SELECT 1").fetchone(), ASKED),
        "loop_us": median_us(fixed_loop, LOOPS),
    }


def canary_rows(cell: int, found: dict[str, float], event: str) -> list[TimelineRow]:
    """The canary as rows of the timeline, source `canary`; the event says which end of the round it is."""
    at_ns = now_ns()
    return [(cell, at_ns, "canary", name, value, event) for name, value in found.items()]


def round_edges(cells: Iterable[CellPlan]) -> tuple[frozenset[int], frozenset[int]]:
    """The ids of the cells that open a round, and of those that close one."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for cell in cells:
        first.setdefault(cell.round, cell.id)
        last[cell.round] = cell.id
    return frozenset(first.values()), frozenset(last.values())
