"""Drift probe: three short measurements at both ends of each round. If they change, the machine's speed changed."""

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

REPEATS = 20
"""PINGs and SELECTs in sequence, which take some milliseconds together."""
LOOPS = 12
LAPS = 36_000
"""The laps of one fixed Python loop, which takes about a millisecond."""

SOURCE = "canary"  # quoted
"""The source of its rows in run folders."""
OPENS, CLOSES = "opens the round", "closes the round"


class DriftProbe(Probe):
    """Measures PING, SELECT 1 and a fixed loop before the first cell of each round and after the last."""

    def __init__(self, servers: ServerConnections, cells: Iterable[CellPlan]) -> None:
        self._servers = servers
        self._opening, self._closing = round_edges(cells)

    def before(self, cell: ProbedCell) -> None:
        self._rows = self._rows_at(cell, OPENS) if cell.plan.id in self._opening else []

    def after(self, cell: ProbedCell) -> ProbeRows:
        return ProbeRows(timeline=self._rows + (self._rows_at(cell, CLOSES) if cell.plan.id in self._closing else []))

    def _rows_at(self, cell: ProbedCell, event: str) -> list[TimelineRow]:
        return drift_rows(cell.plan.id, measure_drift(self._servers.redis, self._servers.postgres), event)


def fixed_loop() -> int:
    """Fixed work that depends only on the speed of the core."""
    total = 0
    for number in range(LAPS):
        total += number & 7
    return total


def median_us(run: Callable[[], object], times: int) -> float:
    """The median duration of one call, in microseconds."""
    taken = []
    for _ in range(times):
        began = now_ns()
        run()
        taken.append((now_ns() - began) / 1e3)
    return statistics.median(taken)


def measure_drift(client: redis.Redis, connection: psycopg.Connection[Any]) -> dict[str, float]:
    """One measurement of about 30 ms. Medians in microseconds: ping_us, select_us, loop_us."""
    return {
        "ping_us": median_us(client.ping, REPEATS),
        "select_us": median_us(lambda: connection.execute("SELECT 1").fetchone(), REPEATS),
        "loop_us": median_us(fixed_loop, LOOPS),
    }


def drift_rows(cell: int, found: dict[str, float], event: str) -> list[TimelineRow]:
    """The measurement as timeline rows; the event names the end of the round."""
    at_ns = now_ns()
    return [(cell, at_ns, SOURCE, name, value, event) for name, value in found.items()]


def round_edges(cells: Iterable[CellPlan]) -> tuple[frozenset[int], frozenset[int]]:
    """The ids of the cells that open a round, and of the cells that close one."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for cell in cells:
        first.setdefault(cell.round, cell.id)
        last[cell.round] = cell.id
    return frozenset(first.values()), frozenset(last.values())
