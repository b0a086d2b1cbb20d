"""Calibrates the default load: finds how many rows it must sum to use the wanted CPU time on this machine."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from stampede.patterns.caching.cache_pattern import RecordId
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
TRIAL_WITHIN_MS = 300.0
TRIAL_ROWS = 20_000
CORRECTIONS = 3
"""How often the number of rows is corrected by a trial of about the wanted cost."""
MAX_GROWTH = 16
"""Largest factor of one correction: on a busy machine a trial may seem to cost no more than an empty load."""


@dataclass(frozen=True, kw_only=True)
class LoadCost:
    """The settings of the default load, and its measured cost without other load."""

    cpu_rows: int
    cpu_laps: int
    cpu_ms: float
    """Measured: execution time that the aggregation adds; minimum of several trials."""
    load_ms: float
    """Measured: time of one load over a connection, without other load, from sent to received; median."""

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
    """Rows per lap, laps, and their measured cost in ms. Each trial corrects the one before."""
    statements = default_statements(cpu_rows=0, wait_ms=0)
    with open_pool(postgres_url, 1, statements.session) as pool, pool.connection() as connection:

        def cost_ms(rows: int, laps: int) -> float:
            values = {**statements.extra_params, "id": 1, "cpu_rows": rows, "cpu_laps": laps}
            return least_ms(lambda: connection.execute(LOAD, values))

        base_ms = cost_ms(0, 0)
        rows, laps, trials = min(orders, TRIAL_ROWS), 1, 0
        while trials < CORRECTIONS:
            spent_ms = cost_ms(rows, laps) - base_ms
            rows, laps = split(corrected(rows * laps, spent_ms, cpu_ms), orders)
            trials += spent_ms * MAX_GROWTH > cpu_ms
        return rows, laps, cost_ms(rows, laps) - base_ms


def corrected(total_rows: int, spent_ms: float, wanted_ms: float) -> float:
    """The number of rows that cost `wanted_ms`, if `total_rows` cost `spent_ms`."""
    return total_rows * min(MAX_GROWTH, wanted_ms / spent_ms if spent_ms > 0 else MAX_GROWTH)


def split(total_rows: float, orders: int) -> tuple[int, int]:
    """Rows per lap and laps: as few laps over the table as possible, all of the same length."""
    laps = max(1, -(-round(total_rows) // orders))
    return max(1, min(orders, round(total_rows / laps))), laps


def least_ms(run: Callable[[], object]) -> float:
    """The minimum of several runs: the time without disturbances."""
    return min(repeated_ms(run))


def repeated_ms(run: Callable[[], object]) -> list[float]:
    """The times of REPEATS runs, or of fewer (at least 3) if they take long."""
    times_ms: list[float] = []
    while len(times_ms) < 3 or (len(times_ms) < REPEATS and sum(times_ms) < TRIAL_WITHIN_MS):
        times_ms.append(one_ms(run))
    return times_ms


def one_ms(run: Callable[[], object]) -> float:
    begin = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - begin) / 1e6


def load_alone_ms(postgres_url: str, statements: Statements, record_id: RecordId = 1) -> float:
    """Median time of a load without other load, on a warm connection. Raises ConfigError for SQL that is refused."""
    with open_pool(postgres_url, 1, statements.session) as pool:
        with pool.connection() as connection:
            statement_ids(connection, statements)
        source = PostgresSource(pool, statements)
        source.load(record_id)
        return statistics.median(repeated_ms(lambda: source.load(record_id)))
