"""What a run must doubt about its judgement of freshness."""

from collections.abc import Iterable, Iterator, Sequence

from stampede.reports.analysis.frames import Cell
from stampede.run_folder import run_warnings as d
from stampede.run_folder.run_warnings import RunWarning
from stampede.run_folder.schema import ContenderInfo

DENSE = 3.0
"""Reads that may have been stale for each that certainly was, from which on nothing much was found out."""
WORTH_DOUBTING = 0.05
"""Of the reads: when fewer may have been stale it makes no difference which of them were."""


def doubts_of_freshness(groups: Iterable[tuple[str, ContenderInfo, Sequence[Cell]]]) -> Iterator[RunWarning]:
    """Of each scenario and contender: reads from the future, and writes too dense to judge."""
    for scenario, contender, cells in groups:
        judged = [(cell.info.id, cell.judged) for cell in cells if cell.judged is not None]
        future = {i: int(j.future.sum()) for i, j in judged if j.future.any()}
        if future:
            yield RunWarning(
                kind=d.FROM_THE_FUTURE,
                what=f"{contender.name}: {sum(future.values()):,} reads returned what nobody had begun to commit",
                value=float(sum(future.values())),
                limit=0,
                scenario=scenario,
                contenders=(contender.name,),
                cells=tuple(future),
            )
        reads = sum(int(j.reads.measured.sum()) for _, j in judged)
        stale = sum(int((j.stale & j.reads.measured).sum()) for _, j in judged)
        possible = sum(int((j.possible & j.reads.measured).sum()) for _, j in judged)
        if possible > DENSE * stale and possible > WORTH_DOUBTING * reads:
            yield RunWarning(
                kind=d.TOO_DENSE,
                what=(
                    f"{contender.name}: writes are too dense to judge: {stale:,} of {reads:,} reads were certainly "
                    f"stale, {possible:,} may have been"
                ),
                value=possible / stale if stale else float(possible),
                limit=DENSE,
                scenario=scenario,
                contenders=(contender.name,),
            )
