"""Checks of freshness: reads from the future, and writes too dense to classify reads."""

from collections.abc import Iterable, Iterator, Sequence

from stampede.reports.analysis.frames import Cell
from stampede.run_folder import run_warnings
from stampede.run_folder.run_warnings import RunWarning
from stampede.run_folder.schema import ContenderInfo

DENSE = 3.0
"""Possibly stale reads per certainly stale read; above this ratio the result is not informative."""
MATTERS = 0.05
"""Share of possibly stale reads; below it, uncertainty about them does not matter."""


def freshness_warnings(groups: Iterable[tuple[str, ContenderInfo, Sequence[Cell]]]) -> Iterator[RunWarning]:
    """The warnings of each scenario and contender about freshness."""
    for scenario, contender, cells in groups:
        judged = [(cell.info.id, cell.judged) for cell in cells if cell.judged is not None]
        future = {i: int(j.future.sum()) for i, j in judged if j.future.any()}
        if future:
            yield RunWarning(
                kind=run_warnings.FROM_THE_FUTURE,
                what=f"{contender.name}: {sum(future.values()):,} reads returned a version whose COMMIT had not begun",
                value=float(sum(future.values())),
                limit=0,
                scenario=scenario,
                contenders=(contender.name,),
                cells=tuple(future),
            )
        reads = sum(int(j.reads.measured.sum()) for _, j in judged)
        stale = sum(int((j.stale & j.reads.measured).sum()) for _, j in judged)
        possible = sum(int((j.possible & j.reads.measured).sum()) for _, j in judged)
        if possible > DENSE * stale and possible > MATTERS * reads:
            yield RunWarning(
                kind=run_warnings.TOO_DENSE,
                what=(
                    f"{contender.name}: writes are too dense to judge: {stale:,} of {reads:,} reads were certainly "
                    f"stale, {possible:,} may have been"
                ),
                value=possible / stale if stale else float(possible),
                limit=DENSE,
                scenario=scenario,
                contenders=(contender.name,),
            )
