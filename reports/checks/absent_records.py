"""Reads that returned no record, though the record exists: a wrong answer, however fast it was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.frames import Cell, per_group
from stampede.reports.analysis.results import Results, each
from stampede.reports.checks.check import check
from stampede.reports.statistics.clustered import clustered_mean
from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder import run_warnings as d
from stampede.run_folder.run_warnings import RunWarning
from stampede.run_folder.schema import ContenderInfo


@dataclass(frozen=True, kw_only=True)
class Denied:
    """Of one contender in one scenario."""

    reads: int
    """That ended with an answer."""
    denied: int
    """Of them, those that returned no record though it exists."""
    share: Estimate
    cells: tuple[int, ...]
    """In which there was one."""


@per_group
def denied(cells: Sequence[Cell]) -> Denied:
    """Absent answers for records that exist.

    Every id of our own table has a row, and no request deletes one. The user's `ids` may name what `load` does not
    find: there a record exists that the same contender found at another time.
    """
    answered = [cell.reads.where(~cell.reads.labels("outcome").equal("failed", "unanswered")) for cell in cells]
    absent = [rows.labels("outcome").equal("absent") for rows in answered]
    if cells[0].scenario.workload.get("own_sql"):
        there = np.concatenate([rows.ints("key")[~none] for rows, none in zip(answered, absent, strict=True)])
        absent = [none & np.isin(rows.ints("key"), there) for rows, none in zip(answered, absent, strict=True)]
    counts = [int(np.count_nonzero(none)) for none in absent]
    reads = [len(rows) for rows in answered]
    return Denied(
        reads=sum(reads),
        denied=sum(counts),
        share=clustered_mean([float(n) for n in counts], [float(n) for n in reads]),
        cells=tuple(cell.info.id for cell, n in zip(cells, counts, strict=True) if n),
    )


def denies(results: Results, scenario: str, contender: ContenderInfo) -> bool:
    """Whether a contender said of a record that exists that there is none."""
    cells = results.of(scenario, contender.name)
    return contender.kind != "baseline" and bool(cells) and denied(cells).denied > 0


@check(d.EXISTING_NOT_FOUND, scope="group", applies_to=("caching", "separate"))
def existing_not_found(results: Results) -> Iterator[RunWarning]:
    for scenario, contender, cells in each(results):
        if not denies(results, scenario, contender):
            continue
        found = denied(cells)
        share = found.share
        how = "95 % interval" if share.level is not None else f"by round, {share.rounds}"
        yield RunWarning(
            kind=d.EXISTING_NOT_FOUND,
            what=(
                f"{contender.name}: {found.denied:,} of {found.reads:,} answered reads returned no record, though it "
                f"exists: {percent(share.value)} ({how}: {percent(max(0.0, share.low))} to {percent(share.high)})"
            ),
            value=share.value,
            limit=0,
            scenario=scenario,
            contenders=(contender.name,),
            cells=found.cells,
        )


def percent(share: float) -> str:
    return f"{100 * share:.3g} %"
