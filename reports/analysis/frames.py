"""The samples of a run's cells, with the outcome and the times of each request in milliseconds."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from stampede.reports.analysis.rows import NONE, Bools, Column, Floats, Ints, Labels, Rows, columns_of
from stampede.reports.checks.clock_uncertainty import clock_doubts_ns
from stampede.reports.topics.freshness.classify import Judged, classify_reads
from stampede.reports.topics.freshness.sessions import Sessions, sessions
from stampede.reports.topics.freshness.version_history import AT_REST, history
from stampede.run_folder.read import Run
from stampede.run_folder.schema import CellInfo, ContenderInfo, ScenarioInfo

T = TypeVar("T")

OUTCOMES = ("hit", "shared", "loaded", "absent", "written", "failed", "unanswered")
"""How a request ended, as the suite names it everywhere."""
ANSWERED = ("hit", "shared", "loaded", "absent", "written")


def outcomes(facts: Rows, deadline_ns: Ints) -> Labels:
    """How each request ended: the one place where this is decided. Labels out of OUTCOMES.

    Not ended by the cell's deadline: unanswered, whatever came later. Then an exception: failed; a write: written; no
    record: absent; it loaded: loaded; its first cache answer was a value, or it needed no cache: hit; else it was
    served without loading: shared.
    """
    end = facts.ints("end_ns")
    first = facts.labels("first_cache_reply")
    conditions: list[tuple[str, Bools]] = [
        ("unanswered", (end == NONE) | (end > deadline_ns)),
        ("failed", facts.known("error")),
        ("written", facts.labels("operation").equal("write")),
        ("absent", ~facts.flags("found")),
        ("loaded", facts.ints("loads") > 0),
        ("hit", ~first.known | first.equal("value")),
    ]
    codes = np.select(
        [met for _, met in conditions],
        [OUTCOMES.index(name) for name, _ in conditions],
        default=OUTCOMES.index("shared"),
    )
    return Labels(codes, OUTCOMES)


def elapsed_ms(end_ns: Ints, start_ns: Ints) -> Floats:
    """end − start in milliseconds, subtracted as integers; nan where either is missing."""
    known = (end_ns != NONE) & (start_ns != NONE)
    return np.where(known, np.where(known, end_ns - start_ns, 0) / 1e6, np.nan)


def derived(table: pa.Table, window_ns: Ints, deadline_ns: Ints) -> Rows:
    """Samples with what follows from them; window and deadline of each.

    Adds: outcome; response_ms = end − due; service_ms = end − start; queue_ms = start − due; own_lag_ms = start −
    max(due, thread free); due_s, start_s, end_s, load_start_s, load_end_s: seconds since the cell's window began; the
    same of served_start_s, served_end_s where limiters decided.
    Times of unanswered requests are missing, but for what happened before the deadline.
    """
    columns: dict[str, Column] = columns_of(table)
    facts = Rows(columns, len(table))
    outcome = outcomes(facts, deadline_ns)
    answered = ~outcome.equal("unanswered")
    due, start, end = (facts.ints(name) for name in ("due_ns", "start_ns", "end_ns"))
    columns |= {
        "outcome": outcome,
        "response_ms": np.where(answered, elapsed_ms(end, due), np.nan),
        "service_ms": np.where(answered, elapsed_ms(end, start), np.nan),
        "queue_ms": elapsed_ms(start, due),
        "own_lag_ms": elapsed_ms(start, np.maximum(due, facts.ints("thread_free_ns"))),
    }
    served = ("served_start", "served_end") if facts.known("allowed").any() else ()
    for name in ("due", "start", "end", "load_start", "load_end", *served):
        columns[f"{name}_s"] = elapsed_ms(facts.ints(f"{name}_ns"), window_ns) / 1e3
    return Rows(columns, len(table))


def derived_of(run: Run, cells: Sequence[CellInfo]) -> list[Rows]:
    """The samples of each of those cells, as `derived` gives them. They are derived in one pass over all."""
    tables = [run.sample_table(cell.id) for cell in cells]
    lengths = [len(table) for table in tables]

    def of_each(name: str) -> Ints:
        return np.repeat(np.array([getattr(cell, name) for cell in cells], dtype=np.int64), lengths)

    table = pa.concat_tables(tables).unify_dictionaries()
    whole = derived(table, of_each("window_start_ns"), of_each("deadline_ns"))
    return [
        whole.between(end - length, end) for length, end in zip(lengths, itertools.accumulate(lengths), strict=True)
    ]


MOST_BYTES = 200_000_000
"""Of rows, and of what is cut from them, that are kept in memory at once; a small run is kept whole."""
BYTES_A_SAMPLE = 400
"""About what a sample takes: its row, and its copies among the due requests and among the reads or writes."""

PER_GROUP_FUNCTIONS: list[Callable[[Any], Any]] = []
"""What is made of the rounds of a group, and is small: see `of_group`."""


class SampleCache:
    """The rows of a run's cells, read when they are first asked for: all at once, or in a large run a group at a time.

    A group is the rounds of one contender under one scenario: what is summed up together is read together.
    """

    def __init__(self, run: Run, most_bytes: int = MOST_BYTES) -> None:
        self.run = run
        self.most_bytes = most_bytes
        self.held: dict[int, Rows] = {}
        """By cell."""
        self.views: dict[int, CellSamples] = {}
        """What was made of the rows that are held, by the cell's identity."""
        self.of_name: dict[tuple[str, str], Mapping[int, pd.DataFrame]] = {}
        self.made: dict[tuple[object, tuple[int, ...]], Any] = {}
        self.making = False

    def rows(self, cell: "Cell") -> Rows:
        """Every sample of the cell, as `derived` gives them. Raises RunFolderError where its file cannot be read."""
        if cell.info.id not in self.held:
            self.read_with(cell.info)
        return self.held[cell.info.id]

    def samples(self, cell: "Cell") -> "CellSamples":
        """The cell's rows by kind, made when they are first asked for and dropped with the rows."""
        if id(cell) not in self.views:
            rows = self.rows(cell)
            self.views[id(cell)] = CellSamples(cell, rows)
        return self.views[id(cell)]

    def read_with(self, info: CellInfo) -> None:
        """Read the rows of a cell, and of those that will be asked for with it, in place of what is held."""
        self.views.clear()
        self.held.clear()
        group = (info.scenario, info.contender)
        together = [c for c in self.run.done if not self.crowded or (c.scenario, c.contender) == group]
        self.held |= zip((cell.id for cell in together), derived_of(self.run, together), strict=True)

    @cached_property
    def crowded(self) -> bool:
        """Whether the run is too large to be kept whole."""
        return self.run.sample_count * BYTES_A_SAMPLE > self.most_bytes

    def gauges(self, name: str, source: str = "") -> Mapping[int, pd.DataFrame]:
        """By cell: the rows of the run's timeline that have that name, and that source if one is given."""
        if (name, source) not in self.of_name:
            rows = self.run.timeline
            kept = (rows["name"] == name) & ((rows["source"] == source) if source else True)
            self.of_name[name, source] = {int(str(cell)): own for cell, own in rows[kept].groupby("cell")}
        return self.of_name[name, source]

    def remember(self, make: Callable[[Sequence["Cell"]], T], cells: Sequence["Cell"]) -> T:
        """What that makes of a group's rounds, made once. In a crowded run all that is made of groups is made while the
        rows are there: nobody comes back for them."""
        ids = tuple(cell.info.id for cell in cells)
        if (make, ids) not in self.made:
            self.made[make, ids] = make(cells)
            ours = cells[0].scenario.kind == "caching" and not cells[0].scenario.report_separately
            if self.crowded and ours and not self.making:
                self.making = True
                for other in PER_GROUP_FUNCTIONS:
                    if (other, ids) not in self.made:
                        self.made[other, ids] = other(cells)
                self.making = False
        found: T = self.made[make, ids]
        return found


def per_group(make: Callable[[Sequence["Cell"]], T]) -> Callable[[Sequence["Cell"]], T]:
    """A function of the rounds of one contender under one scenario whose result is small, and is remembered."""
    PER_GROUP_FUNCTIONS.append(make)

    @wraps(make)
    def remembered(cells: Sequence["Cell"]) -> T:
        return cells[0].sample_cache.remember(make, cells) if cells else make(cells)

    return remembered


@dataclass(frozen=True)
class Cell:
    """All that is known of one done cell."""

    info: CellInfo
    scenario: ScenarioInfo
    contender: ContenderInfo
    sample_cache: SampleCache = field(repr=False, compare=False)
    counters: Mapping[tuple[str, str], float]
    """(source, name): after − before, of the servers' and the processes' own accounts. A whole cell, warm-up too."""
    clock_doubt_ns: int = 0
    """How wrong an instant can be that was read on another machine."""

    @property
    def rows(self) -> Rows:
        """Every sample of the cell, as `derived` gives them."""
        return self.sample_cache.rows(self)

    @property
    def due(self) -> Rows:
        """The requests of the window: reads and writes, without warm-up, background work and reads at rest."""
        return self.sample_cache.samples(self).due

    @property
    def reads(self) -> Rows:
        """The reads among them."""
        return self.sample_cache.samples(self).reads

    @property
    def writes(self) -> Rows:
        """The writes among them."""
        return self.sample_cache.samples(self).writes

    @property
    def work(self) -> Rows:
        """The window's requests and the background work that was handed over in it."""
        return self.sample_cache.samples(self).work

    @property
    def operation(self) -> Labels:
        """The operation of each row."""
        return self.rows.labels("operation")

    @property
    def judged(self) -> Judged | None:
        """Each read's freshness. None where it is unknown: no versions, nothing written, or no contender."""
        return self.sample_cache.samples(self).judged

    @property
    def sessions(self) -> Sessions | None:
        """What each client saw of its own writes and reads. None: as `judged`."""
        return self.sample_cache.samples(self).sessions

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


@dataclass(frozen=True, eq=False)
class CellSamples:
    """The rows of a cell by kind, each made when it is first asked for."""

    cell: Cell
    rows: Rows
    """Every sample of the cell."""

    @cached_property
    def due(self) -> Rows:
        """The requests of the window: reads and writes, without warm-up, background work and reads at rest."""
        return self.rows.where(
            ~self.rows.flags("warm_up") & ~self.rows.labels("operation").equal("background", AT_REST)
        )

    @cached_property
    def reads(self) -> Rows:
        return self.due.where(self.due.labels("operation").equal("read"))

    @cached_property
    def writes(self) -> Rows:
        return self.due.where(self.due.labels("operation").equal("write"))

    @cached_property
    def work(self) -> Rows:
        """The window's requests and the background work that was handed over in it.

        Background work that reads at rest or requests of the drain started is left out; work that warm-up requests
        started inside the window is counted.
        """
        later = self.rows.labels("operation").equal("background") & (self.rows.floats("due_s") >= self.cell.window_s)
        inside = ~self.rows.flags("warm_up") & ~self.rows.labels("operation").equal(AT_REST) & ~later
        return self.due if np.count_nonzero(inside) == len(self.due) else self.rows.where(inside)

    @cached_property
    def judged(self) -> Judged | None:
        """Each read's freshness. None where it is unknown: no versions, nothing written, or no contender."""
        versioned = bool(self.cell.scenario.workload.get("versioned")) and self.rows.known("version_written").any()
        if not versioned or self.cell.contender.kind == "baseline":
            return None
        return classify_reads(history(self.rows, self.cell.clock_doubt_ns))

    @cached_property
    def sessions(self) -> Sessions | None:
        """What each client saw of its own writes and reads. None: as `judged`."""
        return None if self.judged is None else sessions(self.judged.history)


def began_inside(cell: Cell) -> float:
    """How many of the window's requests began before its end."""
    start_s = cell.due.floats("start_s")
    return float(np.count_nonzero((start_s >= 0) & (start_s < cell.window_s)))


def cells(run: Run) -> list[Cell]:
    """The done cells of a run in order, each with its rows and counters."""
    sample_cache = SampleCache(run)
    servers = run.servers
    change = (servers["after"] - servers["before"].fillna(0.0)).to_numpy()
    counters: dict[int, dict[tuple[str, str], float]] = {}
    scenarios = {s.name: s for s in run.info.scenarios}
    of_cell = {cell.id: cell.scenario for cell in run.info.cells}
    for cell, source, name, value in zip(servers["cell"], servers["source"], servers["name"], change, strict=True):
        faulty = scenarios[of_cell[int(cell)]].fault or {}
        if source == "redis" and faulty.get("loses_data"):  # its counters began again at zero
            continue
        if not np.isnan(value):
            counters.setdefault(int(cell), {})[source, name] = float(value)
    contenders = {c.name: c for c in run.info.contenders}
    warnings = clock_doubts_ns(run)
    return [
        Cell(
            c,
            scenarios[c.scenario],
            contenders[c.contender],
            sample_cache,
            counters.get(c.id, {}),
            clock_doubt_ns=warnings.get(c.id, 0),
        )
        for c in run.done
    ]
