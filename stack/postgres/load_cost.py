"""How many rows a load must add up to cost the CPU time that was asked for, on this machine."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from stampede.stack.postgres.postgres_server import connect
from stampede.stack.postgres.source import (
    LOAD,
    PostgresSource,
    Statements,
    default_statements,
    open_pool,
    statement_ids,
)

REPEATS = 15
LONGEST_LOOK_MS = 300.0
TRIAL_ROWS = 20_000
NEAR_ENOUGH = 3
"""How often rows are corrected by what rows of about that cost have taken."""
MOST_GROWTH = 16
"""Rows grow by no more at a time: on a busy machine a trial may seem to cost nothing beyond an empty load."""


@dataclass(frozen=True, kw_only=True)
class LoadCost:
    """The settings of the default load, and the cost that it then had when it ran alone."""

    cpu_rows: int
    cpu_laps: int
    cpu_ms: float
    """Measured: execution time that the aggregation adds, the least of several."""
    load_ms: float
    """Measured: one load, alone, over a connection, from sent to received; median."""

    def measured(self) -> dict[str, float]:
        """For the run folder."""
        return {name: float(value) for name, value in asdict(self).items()}


def calibrate(postgres_url: str, *, cpu_ms: float, wait_ms: float) -> LoadCost:
    """Find the rows for `cpu_ms` and measure the resulting load. Takes about a second."""
    with connect(postgres_url) as connection:
        row = connection.execute("SELECT count(*) FROM stampede.orders").fetchone()
        orders = int(row[0]) if row else 0
    rows, laps, achieved = rows_for(postgres_url, cpu_ms, orders) if cpu_ms > 0 and orders else (0, 0, 0.0)
    statements = default_statements(cpu_rows=rows, wait_ms=wait_ms, cpu_laps=laps)
    return LoadCost(cpu_rows=rows, cpu_laps=laps, cpu_ms=achieved, load_ms=load_alone_ms(postgres_url, statements))


def rows_for(postgres_url: str, cpu_ms: float, orders: int) -> tuple[int, int, float]:
    """Rows a lap, laps, and the milliseconds that they take; a second look corrects the first."""
    statements = default_statements(cpu_rows=0, wait_ms=0)
    with open_pool(postgres_url, 1, statements.session) as pool, pool.connection() as connection:

        def cost_ms(rows: int, laps: int) -> float:
            values = {**statements.extra_params, "id": 1, "cpu_rows": rows, "cpu_laps": laps}
            return least_ms(lambda: connection.execute(LOAD, values))

        base_ms = cost_ms(0, 0)
        rows, laps, looks = min(orders, TRIAL_ROWS), 1, 0
        while looks < NEAR_ENOUGH:
            spent_ms = cost_ms(rows, laps) - base_ms
            rows, laps = split(corrected(rows * laps, spent_ms, cpu_ms), orders)
            looks += spent_ms * MOST_GROWTH > cpu_ms
        return rows, laps, cost_ms(rows, laps) - base_ms


def corrected(total_rows: int, spent_ms: float, wanted_ms: float) -> float:
    """How many rows cost what is wanted, if so many cost what was spent."""
    return total_rows * min(MOST_GROWTH, wanted_ms / spent_ms if spent_ms > 0 else MOST_GROWTH)


def split(total_rows: float, orders: int) -> tuple[int, int]:
    """As few laps over the table as will do, all equally long."""
    laps = max(1, -(-round(total_rows) // orders))
    return max(1, min(orders, round(total_rows / laps))), laps


def least_ms(run: Callable[[], object]) -> float:
    """The least of several: what the work takes when nothing disturbs it."""
    return min(several_ms(run))


def several_ms(run: Callable[[], object]) -> list[float]:
    """REPEATS times, fewer (but never below 3) where one takes long."""
    times_ms: list[float] = []
    while len(times_ms) < 3 or (len(times_ms) < REPEATS and sum(times_ms) < LONGEST_LOOK_MS):
        times_ms.append(one_ms(run))
    return times_ms


def one_ms(run: Callable[[], object]) -> float:
    begin = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - begin) / 1e6


def load_alone_ms(postgres_url: str, statements: Statements, record_id: int = 1) -> float:
    """Median time of one load at a time, on a warm connection. Raises ConfigError for SQL that PostgreSQL refuses."""
    with open_pool(postgres_url, 1, statements.session) as pool:
        with pool.connection() as connection:
            statement_ids(connection, statements)
        source = PostgresSource(pool, statements)
        source.load(record_id)
        return statistics.median(several_ms(lambda: source.load(record_id)))
