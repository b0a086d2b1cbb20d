"""How fast a bench goes: when each scenario and contender will be done, and a headline of each cell that is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from loadtests.spec import CellOrder

BARS = "▁▂▃▄▅▆▇█"
SPARK_CELLS = 14
"""Of so many cells a sparkline shows the headline: the newest ones."""


class Pace:
    """What is left, from what the cells that are done took."""

    def __init__(self, cells: Sequence[CellOrder]) -> None:
        self._left = list(cells)
        self._took_s: dict[str, list[float]] = {}
        self._began_s: float | None = None

    def begin(self, now_s: float) -> None:
        self._began_s = now_s

    def done(self, cell: int, now_s: float) -> CellOrder | None:
        """The cell is over, whatever became of it. None: it is none of these."""
        ended = next((order for order in self._left if order.id == cell), None)
        if ended is not None:
            self._left.remove(ended)
            if self._began_s is not None:
                self._took_s.setdefault(ended.scenario, []).append(now_s - self._began_s)
        return ended

    def left_s(self, scenario: str | None = None, contender: str | None = None) -> float | None:
        """Until the last cell of that scenario, or of that contender, is over; 0: it is, None: not known yet."""
        last = max((i for i, c in enumerate(self._left) if belongs(c, scenario, contender)), default=None)
        if last is None:
            return 0.0
        every = [took for each in self._took_s.values() for took in each]
        if not every:
            return None
        each = {name: float(np.mean(took)) for name, took in self._took_s.items()}
        return sum(each.get(c.scenario, float(np.mean(every))) for c in self._left[: last + 1])


def belongs(cell: CellOrder, scenario: str | None, contender: str | None) -> bool:
    return scenario in (None, cell.scenario) and contender in (None, cell.contender)


def p50_ms(folder: Path, cell: int) -> float | None:
    """Half of the cell's reads, or of its hits on a limiter, were answered within it. None: there are none yet."""
    path = folder / "samples" / f"cell-{cell:05d}.parquet"
    if not path.exists():
        return None
    rows = pq.read_table(path, columns=["operation", "warm_up", "due_ns", "end_ns", "error"])
    asked = pc.is_in(pc.cast(rows["operation"], "string"), value_set=pc.cast(["read", "hit"], "string"))
    rows = rows.filter(pc.and_(asked, pc.and_(pc.invert(rows["warm_up"]), pc.is_null(rows["error"]))))
    took = pc.subtract(rows["end_ns"], rows["due_ns"]).drop_null().to_numpy()
    return float(np.median(took)) / 1e6 if len(took) else None


def sparkline(values: Sequence[float]) -> str:
    """One bar a value, the lowest at the bottom, on a log scale: figures of contenders lie factors apart."""
    shown = np.log(np.maximum(np.array(values[-SPARK_CELLS:], dtype=np.float64), 1e-3))
    if not len(shown):
        return ""
    low, reach = float(shown.min()), float(np.ptp(shown))
    return "".join(BARS[round((x - low) / reach * (len(BARS) - 1)) if reach else 0] for x in shown)
