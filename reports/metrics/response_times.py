"""Response times: from the instant at which a request was due to its end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.rows import Floats, Rows
from stampede.reports.metrics.metric import Metric
from stampede.reports.statistics.clustered import pooled_quantile
from stampede.reports.statistics.estimate import Estimate, median, missing, quantile, rank

SAMPLES_BEYOND = 10
EPISODES_BEYOND = 3


def waits_ms(rows: Rows, column: str = "response_ms") -> Floats:
    """Times of the requests that did not fail; infinity for unanswered requests, so that they raise percentiles."""
    kept = rows.where(~rows.labels("outcome").equal("failed"))
    return np.where(kept.labels("outcome").equal("unanswered"), np.inf, kept.floats(column))


@dataclass(frozen=True)
class Spans:
    """The span from due to end of each request that did not fail; open requests end at the deadline. Sorted by due."""

    due_s: Floats
    end_s: Floats
    wait_ms: Floats
    """Infinity if the request was still open."""


def spans(cell: Cell, rows: Rows, column: str = "response_ms") -> Spans:
    kept = rows.where(~rows.labels("outcome").equal("failed"))
    due = kept.floats("due_s")
    end = np.where(kept.labels("outcome").equal("unanswered"), cell.deadline_s, kept.floats("end_s"))
    order = np.argsort(due, kind="stable")
    return Spans(due[order], end[order], waits_ms(kept, column)[order])


def evidence(cells: Sequence[Spans], q: float) -> tuple[int, int]:
    """The number of samples beyond the pooled q-quantile of all cells, and the number of episodes that they form.

    Two samples of a cell belong to one episode if their spans from due to end overlap or touch, directly or through
    others: 200 requests that wait in one stall are one event.
    """
    pool = np.concatenate([cell.wait_ms for cell in cells]) if cells else np.array([])
    if not len(pool):
        return 0, 0
    limit = quantile(pool, q)
    episodes = 0
    for cell in cells:
        far = cell.wait_ms > limit if np.isfinite(limit) else np.isinf(cell.wait_ms)
        due, reach = cell.due_s[far], np.maximum.accumulate(cell.end_s[far])
        episodes += int(len(due) > 0) + int(np.count_nonzero(due[1:] > reach[:-1]))
    return len(pool) - rank(len(pool), q) - 1, episodes


def reads(cell: Cell) -> Rows:
    return cell.reads


def writes(cell: Cell) -> Rows:
    return cell.writes


Select = Callable[[Cell], Rows]


def at(q: float, select: Select, column: str = "response_ms") -> Callable[[Cell], float]:
    def of_cell(cell: Cell) -> float:
        return carried(waits_ms(select(cell), column), q)

    return of_cell


def carried(waits: Floats, q: float) -> float:
    """The percentile of one round; nan if fewer than SAMPLES_BEYOND samples lie beyond it."""
    return quantile(waits, q) if len(waits) - rank(len(waits), q) - 1 >= SAMPLES_BEYOND else np.nan


def estimated(rounds: Sequence[Spans], q: float) -> Estimate:
    """The median over rounds if each round has enough samples for the percentile; else the pooled percentile.

    With fewer than three separate episodes beyond it, the percentile is "not estimated". With fewer than ten
    samples beyond it, it is not printed at all.
    """
    beyond, episodes = evidence(rounds, q)
    if beyond < SAMPLES_BEYOND:
        return missing(f"not estimated: {beyond} samples beyond it, {SAMPLES_BEYOND} needed", len(rounds))
    pooled = pooled_quantile([r.wait_ms for r in rounds], q)
    if episodes < EPISODES_BEYOND:
        noun = "episode" if episodes == 1 else "episodes"
        why = f"not estimated: {episodes} {noun} beyond it, {EPISODES_BEYOND} needed"
        return Estimate(value=pooled.value, rounds=len(rounds), how=pooled.how, why=why)
    own = [carried(r.wait_ms, q) for r in rounds]
    return pooled if np.isnan(own).any() else median(own)


def over(q: float, select: Select, column: str = "response_ms") -> Callable[[Sequence[Cell]], Estimate]:
    """A function that computes the percentile over rounds with `estimated`."""

    def of_rounds(cells: Sequence[Cell]) -> Estimate:
        rounds = [spans(cell, select(cell), column) for cell in cells]
        if not any(len(r.wait_ms) for r in rounds):
            return missing("nothing answered" if any(len(select(c)) for c in cells) else "none in this workload")
        return estimated(rounds, q)

    return of_rounds


def longest(cell: Cell) -> float:
    """The longest wait of a read."""
    waits = waits_ms(cell.reads)
    return float(waits.max()) if len(waits) else np.nan


def longest_of_all(cells: Sequence[Cell]) -> Estimate:
    own = [w for w in (longest(cell) for cell in cells) if not np.isnan(w)]
    if not own:
        return missing("nothing answered")
    return Estimate(value=max(own), rounds=len(own), how="largest of all rounds: not estimated")


def percentile(
    name: str, q: float, order: int, so_what: str, *, compared: bool = False, decides: bool = False
) -> Metric:
    return Metric(
        name=f"read-{name}",
        title=name,
        unit="ms",
        explain=f"{q:.0%} of the reads were answered within this time from the due instant; failed reads are left out",
        of_cell=at(q, reads),
        of_rounds=over(q, reads),
        better="lower",
        compared=compared,
        decides=decides,
        order=order,
        group="read response time",
        resolution=0.5,
        so_what=so_what,
    )


METRICS = [
    percentile("p50", 0.50, 10, "a typical read takes {less}", compared=True),
    percentile(
        "p99",
        0.99,
        11,
        "the slowest read in a hundred takes {less}",
        decides=True,
    ),
    Metric(
        name="read-max",
        title="max",
        unit="ms",
        explain="the longest read of all rounds",
        of_cell=longest,
        of_rounds=longest_of_all,
        better="lower",
        order=12,
        resolution=0.5,
        group="read response time",
    ),
    Metric(
        name="service-p10",
        title="p10",
        unit="ms",
        explain="10% of the reads took no longer from start to end: the time of a read without waiting",
        of_cell=at(0.10, reads, "service_ms"),
        of_rounds=over(0.10, reads, "service_ms"),
        better="lower",
        compared=True,
        order=13,
        group="read service time",
        resolution=0.1,
        so_what="a read without waiting takes {less}",
    ),
    Metric(
        name="service-p99",
        title="p99",
        unit="ms",
        explain="99% of the reads took no longer from start to end; the wait for a free thread is not included",
        of_cell=at(0.99, reads, "service_ms"),
        of_rounds=over(0.99, reads, "service_ms"),
        better="lower",
        order=13,
        group="read service time",
    ),
    Metric(
        name="write-p50",
        title="p50",
        unit="ms",
        explain="half of the writes were answered within this time from the due instant",
        of_cell=at(0.5, writes),
        of_rounds=over(0.5, writes),
        better="lower",
        priced=True,
        order=14,
        group="write response time",
        resolution=0.5,
        so_what="a typical write takes {less}",
    ),
]
