"""Check of reads that returned no record although the record exists. Such a read is a wrong answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.frames import Cell, per_group
from stampede.reports.analysis.results import Results, each
from stampede.reports.checks.check import check
from stampede.reports.statistics.clustered import clustered_mean
from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder import run_warnings
from stampede.run_folder.run_warnings import RunWarning
from stampede.run_folder.schema import ContenderInfo


@dataclass(frozen=True, kw_only=True)
class WrongAbsences:
    """Reads of one contender in one scenario that returned no record although the record exists."""

    reads: int
    """All reads that were answered."""
    wrong: int
    """The answered reads that returned no record although it exists."""
    share: Estimate
    """wrong / reads."""
    cells: tuple[int, ...]
    """Ids of the cells with such a read."""


@per_group
def wrong_absences(cells: Sequence[Cell]) -> WrongAbsences:
    """Count the reads that returned no record although it exists.

    Every id of the built-in table has a row, and no request deletes one. The user's `ids` may include ids that `load`
    does not find. With the user's SQL, a record exists if the same contender found it at another time.
    """
    answered = [cell.reads.where(~cell.reads.labels("outcome").equal("failed", "unanswered")) for cell in cells]
    absent = [rows.labels("outcome").equal("absent") for rows in answered]
    if cells[0].scenario.workload.get("own_sql"):
        there = np.concatenate([rows.ints("key")[~none] for rows, none in zip(answered, absent, strict=True)])
        absent = [none & np.isin(rows.ints("key"), there) for rows, none in zip(answered, absent, strict=True)]
    counts = [int(np.count_nonzero(none)) for none in absent]
    reads = [len(rows) for rows in answered]
    return WrongAbsences(
        reads=sum(reads),
        wrong=sum(counts),
        share=clustered_mean([float(n) for n in counts], [float(n) for n in reads]),
        cells=tuple(cell.info.id for cell, n in zip(cells, counts, strict=True) if n),
    )


def denies(results: Results, scenario: str, contender: ContenderInfo) -> bool:
    """Whether a read of the contender returned no record although the record exists."""
    cells = results.of(scenario, contender.name)
    return contender.kind != "baseline" and bool(cells) and wrong_absences(cells).wrong > 0


@check(run_warnings.EXISTING_NOT_FOUND, scope="group", applies_to=("caching", "separate"))
def existing_not_found(results: Results) -> Iterator[RunWarning]:
    """No answered read may return no record although the record exists."""
    for scenario, contender, cells in each(results):
        if not denies(results, scenario, contender):
            continue
        found = wrong_absences(cells)
        share = found.share
        how = "95 % interval" if share.level is not None else f"by round, {share.rounds}"
        yield RunWarning(
            kind=run_warnings.EXISTING_NOT_FOUND,
            what=(
                f"{contender.name}: {found.wrong:,} of {found.reads:,} answered reads returned no record although it "
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
