"""From facts to tidy frames: one row a request, with its outcome and its times in milliseconds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from artefact.read import Run
from artefact.schema import CellInfo, ContenderInfo, ScenarioInfo
from reports.clocks import clock_doubts_ns
from reports.freshness.history import AT_REST, history
from reports.freshness.judge import Judged, judge

T = TypeVar("T")
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

OUTCOMES = ("hit", "shared", "loaded", "absent", "written", "failed", "unanswered")
"""How a request ended, as the suite names it everywhere."""
ANSWERED = ("hit", "shared", "loaded", "absent", "written")


def outcomes(samples: pd.DataFrame, deadline_ns: pd.Series) -> pd.Series:
    """How each request ended: the one place where this is decided. A category of OUTCOMES.

    Not ended by the cell's deadline: unanswered, whatever came later. Then an exception: failed; a write: written; no
    record: absent; it loaded: loaded; its first cache answer was a value, or it needed no cache: hit; else it was
    served without loading: shared.
    """
    end = samples["end_ns"]
    first = samples["first_cache_answer"]
    conditions = [
        (end.isna() | (end > deadline_ns)).fillna(True),
        samples["error"].notna(),
        samples["operation"] == "write",
        samples["found"].fillna(False).eq(False),
        samples["loads"] > 0,
        first.isna() | (first == "value"),
    ]
    names = ["unanswered", "failed", "written", "absent", "loaded", "hit"]
    chosen = np.select([np.asarray(c, dtype=bool) for c in conditions], names, default="shared")
    return pd.Series(pd.Categorical(chosen, categories=list(OUTCOMES)), index=samples.index, name="outcome")


def elapsed_ms(end_ns: pd.Series, start_ns: pd.Series) -> Floats:
    """end − start in milliseconds, subtracted as integers; nan where either is missing."""
    return (end_ns - start_ns).to_numpy(dtype=np.float64, na_value=np.nan) / 1e6


KEPT = (
    *("cell", "scenario", "contender", "round", "process", "client", "operation", "warm_up", "key", "error"),
    *("loads", "commands", "round_trips", "distance_ns", "first_cache_answer", "found"),
    *("allowed", "remaining", "retry_after_ns"),
    *("version_read", "version_written", "start_ns", "end_ns", "commit_start_ns", "commit_end_ns"),
)
"""Facts that stand beside what is derived from them."""


def requests(run: Run) -> pd.DataFrame:
    """Every sample of the done cells, warm-up and background work included and marked: `derived`, for all cells."""
    facts = run.samples
    cells = {cell.id: cell for cell in run.done}
    ids = facts["cell"].to_numpy()
    window, deadline = (
        np.array([getattr(cells[i], name) for i in ids], dtype=np.int64) for name in ("window_start_ns", "deadline_ns")
    )
    return derived(facts, window, deadline)


def derived(facts: pd.DataFrame, window_ns: Ints | int, deadline_ns: Ints | int) -> pd.DataFrame:
    """Samples with what follows from them; window and deadline of each, or of all.

    Adds: outcome; response_ms = end − due; service_ms = end − start; queue_ms = start − due; own_lag_ms = start −
    max(due, thread free); due_s, start_s, end_s, load_start_s, load_end_s: seconds since the cell's window began; the
    same of served_start_s, served_end_s where limiters decided.
    Times of unanswered requests are missing, but for what happened before the deadline.
    """
    index = facts.index
    window, deadline = (
        pd.Series(pd.array(np.broadcast_to(x, len(facts)), dtype="Int64"), index=index)
        for x in (window_ns, deadline_ns)
    )
    frame = facts[list(KEPT)].copy(deep=False)
    frame["warm_up"] = facts["warm_up"].astype(bool)
    frame["outcome"] = outcomes(facts, deadline)
    open_ = (frame["outcome"] == "unanswered").to_numpy()
    ready = facts[["due_ns", "free_ns"]].max(axis=1)
    frame["response_ms"] = np.where(open_, np.nan, elapsed_ms(facts["end_ns"], facts["due_ns"]))
    frame["service_ms"] = np.where(open_, np.nan, elapsed_ms(facts["end_ns"], facts["start_ns"]))
    frame["queue_ms"] = elapsed_ms(facts["start_ns"], facts["due_ns"])
    frame["own_lag_ms"] = elapsed_ms(facts["start_ns"], ready)
    served = ("served_start", "served_end") if facts["allowed"].notna().any() else ()
    for name in ("due", "start", "end", "load_start", "load_end", *served):
        frame[f"{name}_s"] = elapsed_ms(facts[f"{name}_ns"], window) / 1e3
    return frame


MOST_BYTES = 150_000_000
"""Of rows, and of what is cut from them, that are kept in memory at once; a small run is kept whole."""
BYTES_A_SAMPLE = 600
"""About what a sample takes: its row, and its copies among the due requests and among the reads or writes."""

OF_GROUP: list[Callable[[Any], Any]] = []
"""What is made of the rounds of a group, and is small: see `of_group`."""


class Shelf:
    """The rows of a run's cells, read when they are asked for, put away a group at a time when they get too many.

    A group is the rounds of one contender under one scenario: what is summed up together is read together.
    """

    def __init__(self, run: Run, most_bytes: int = MOST_BYTES) -> None:
        self.run = run
        self.most_bytes = most_bytes
        self.frames: dict[int, pd.DataFrame] = {}
        self.groups: dict[tuple[str, str], list[Cell]] = {}
        """Those on the shelf, the one that was put there first first."""
        self.samples = 0
        """On the shelf."""
        self.made: dict[tuple[object, tuple[int, ...]], Any] = {}
        self.making = False

    def rows(self, cell: "Cell") -> pd.DataFrame:
        """Every sample of the cell, as `derived` gives them. Raises RunFolderError where its file cannot be read."""
        found = self.frames.get(cell.info.id)
        if found is not None:
            return found
        assert cell.info.window_start_ns is not None
        assert cell.info.deadline_ns is not None
        group = (cell.info.scenario, cell.info.contender)
        self.make_room(group)
        frame = derived(self.run.samples_of(cell.info.id), cell.info.window_start_ns, cell.info.deadline_ns)
        self.frames[cell.info.id] = frame
        self.groups.setdefault(group, []).append(cell)
        self.samples += len(frame)
        return frame

    def make_room(self, group: tuple[str, str]) -> None:
        """Put away the oldest groups, but never the one that is being read."""
        for other in [g for g in self.groups if g != group]:
            if self.samples * BYTES_A_SAMPLE <= self.most_bytes:
                return
            for cell in self.groups.pop(other):
                self.samples -= len(self.frames.pop(cell.info.id))
                cell.forget()

    @cached_property
    def crowded(self) -> bool:
        """Whether the run is too large to be kept whole."""
        return self.run.sample_count * BYTES_A_SAMPLE > self.most_bytes

    def remember(self, make: Callable[[Sequence["Cell"]], T], cells: Sequence["Cell"]) -> T:
        """What that makes of a group's rounds, made once. In a crowded run all that is made of groups is made while the
        rows are there: nobody comes back for them."""
        ids = tuple(cell.info.id for cell in cells)
        if (make, ids) not in self.made:
            self.made[make, ids] = make(cells)
            ours = cells[0].scenario.kind == "caching" and not cells[0].scenario.apart
            if self.crowded and ours and not self.making:
                self.making = True
                for other in OF_GROUP:
                    if (other, ids) not in self.made:
                        self.made[other, ids] = other(cells)
                self.making = False
        found: T = self.made[make, ids]
        return found


def of_group(make: Callable[[Sequence["Cell"]], T]) -> Callable[[Sequence["Cell"]], T]:
    """A function of the rounds of one contender under one scenario whose result is small, and is remembered."""
    OF_GROUP.append(make)

    @wraps(make)
    def remembered(cells: Sequence["Cell"]) -> T:
        return cells[0].shelf.remember(make, cells) if cells else make(cells)

    return remembered


@dataclass(frozen=True)
class Cell:
    """All that is known of one done cell."""

    info: CellInfo
    scenario: ScenarioInfo
    contender: ContenderInfo
    shelf: Shelf = field(repr=False, compare=False)
    counters: Mapping[tuple[str, str], float]
    """(source, name): after − before, of the servers' and the processes' own accounts. A whole cell, warm-up too."""
    clock_doubt_ns: int = 0
    """How wrong an instant can be that was read on another machine."""

    @property
    def rows(self) -> pd.DataFrame:
        """Every sample of the cell, as `derived` gives them."""
        return self.shelf.rows(self)

    def forget(self) -> None:
        """Let go of what was made from the rows; it is made again when it is asked for."""
        for name in ("due", "reads", "writes", "work", "judged"):
            self.__dict__.pop(name, None)

    @cached_property
    def due(self) -> pd.DataFrame:
        """The requests of the window: reads and writes, without warm-up, background work and reads at rest."""
        return self.rows[~self.rows["warm_up"] & ~self.rows["operation"].isin(["background", AT_REST])]

    @cached_property
    def reads(self) -> pd.DataFrame:
        read = self.due["operation"] == "read"
        return self.due if read.all() else self.due[read]

    @cached_property
    def writes(self) -> pd.DataFrame:
        return self.due[self.due["operation"] == "write"]

    @cached_property
    def work(self) -> pd.DataFrame:
        """The window's requests and the background work that was handed over in it.

        What reads at rest hand over, or requests that ended behind the window, is left out, as what those of the
        warm-up handed over inside it is counted.
        """
        rows = self.rows
        later = rows["operation"].eq("background") & (rows["due_s"] >= self.window_s)
        inside = ~rows["warm_up"] & (rows["operation"] != AT_REST) & ~later
        return self.due if int(inside.sum()) == len(self.due) else rows[inside]

    @cached_property
    def judged(self) -> Judged | None:
        """Each read's freshness. None where it cannot be told: no versions, nothing written, or no contender."""
        versioned = bool(self.scenario.workload.get("versioned")) and self.rows["version_written"].notna().any()
        return judge(history(self.rows, self.clock_doubt_ns)) if versioned and self.contender.kind != "ruler" else None

    @property
    def window_s(self) -> float:
        assert self.info.window_end_ns is not None
        assert self.info.window_start_ns is not None
        return (self.info.window_end_ns - self.info.window_start_ns) / 1e9

    @property
    def deadline_s(self) -> float:
        """Seconds since the window began."""
        assert self.info.deadline_ns is not None
        assert self.info.window_start_ns is not None
        return (self.info.deadline_ns - self.info.window_start_ns) / 1e9

    def total(self, source: str, name: str) -> float:
        """Sum of the counters whose source and name begin so; nan where there is none."""
        found = [v for (s, n), v in self.counters.items() if s.startswith(source) and n.startswith(name)]
        return float(sum(found)) if found else float("nan")


def cells(run: Run) -> list[Cell]:
    """The done cells of a run in order, each with its rows and counters."""
    shelf = Shelf(run)
    servers = run.servers
    change = (servers["after"] - servers["before"].fillna(0.0)).to_numpy()
    counters: dict[int, dict[tuple[str, str], float]] = {}
    scenarios = {s.name: s for s in run.info.scenarios}
    of_cell = {cell.id: cell.scenario for cell in run.info.cells}
    for cell, source, name, value in zip(servers["cell"], servers["source"], servers["name"], change, strict=True):
        faulty = scenarios[of_cell[int(cell)]].fault or {}
        if source == "redis" and faulty.get("empties"):  # its counters began again at zero
            continue
        if not np.isnan(value):
            counters.setdefault(int(cell), {})[source, name] = float(value)
    contenders = {c.name: c for c in run.info.contenders}
    doubts = clock_doubts_ns(run)
    return [
        Cell(
            c,
            scenarios[c.scenario],
            contenders[c.contender],
            shelf,
            counters.get(c.id, {}),
            clock_doubt_ns=doubts.get(c.id, 0),
        )
        for c in run.done
    ]
