"""The samples of a run's cells, with the outcome of each request and its times in milliseconds."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from stampede.reports.analysis.rows import NONE, Bools, Column, Floats, Ints, Labels, Rows, columns_of
from stampede.reports.topics.freshness.classify import ClassifiedReads, classify_reads
from stampede.reports.topics.freshness.sessions import Sessions, sessions
from stampede.reports.topics.freshness.version_history import AFTER_DRAIN, history
from stampede.run_folder.read import Run
from stampede.run_folder.schema import SAMPLES, CellInfo, ContenderInfo, QueryInfo, ScenarioInfo

T = TypeVar("T")

READ = pa.schema([f for f in SAMPLES if f.name not in ("cell", "scenario", "contender", "round", "reset_after_ns")])
"""The columns of the samples that are read: without those that a CellInfo holds, and one that no figure uses."""

CPU_COUNTERS = ("cpu_s", "cpu.used_cpu_user", "cpu.used_cpu_sys")
"""Counters of CPU time in seconds."""
OUTCOMES = ("hit", "shared", "loaded", "absent", "written", "failed", "unanswered")
"""How a request ended; these names are used everywhere."""
ANSWERED = ("hit", "shared", "loaded", "absent", "written")


def outcomes(facts: Rows, deadline_ns: Ints) -> Labels:
    """The outcome of each request, as labels out of OUTCOMES. No other function decides this.

    The first rule that applies counts. Not ended by the cell's deadline: unanswered, whatever happened later. Ended in
    an exception: failed. A write: written. No record: absent. The request loaded: loaded. The first cache reply was a
    value, or the request did not use the cache: hit. Otherwise the request was served without loading: shared.
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
    """end − start in milliseconds, subtracted as integers; nan if either is missing."""
    known = (end_ns != NONE) & (start_ns != NONE)
    return np.where(known, np.where(known, end_ns - start_ns, 0) / 1e6, np.nan)


def derived(table: pa.Table, window_ns: Ints, deadline_ns: Ints) -> Rows:
    """Samples with derived columns. `window_ns` and `deadline_ns` have one value per sample.

    Adds: outcome; response_ms = end − due; service_ms = end − start; queue_ms = start − due; own_lag_ms = start −
    max(due, thread free); due_s, start_s, end_s, load_start_s, load_end_s: seconds since the cell's window began; for
    decisions of limiters also served_start_s and served_end_s.
    Unanswered requests have no response time and no service time.
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
    """The samples of each of those cells with the columns of `derived`, computed in one pass over all cells."""
    tables = [run.sample_table(cell.id, READ) for cell in cells]
    lengths = [len(table) for table in tables]

    def of_each(name: str) -> Ints:
        return np.repeat(np.array([getattr(cell, name) for cell in cells], dtype=np.int64), lengths)

    table = pa.concat_tables(tables).unify_dictionaries()
    whole = derived(table, of_each("window_start_ns"), of_each("deadline_ns"))
    return [
        whole.between(end - length, end) for length, end in zip(lengths, itertools.accumulate(lengths), strict=True)
    ]


MOST_BYTES = 200_000_000
"""The largest amount of samples and selections in memory at once. A smaller run is kept in memory completely."""
BYTES_A_SAMPLE = 400
"""Approximate size of a sample: its row, and its copies among the due requests and among the reads or writes."""

PER_GROUP_FUNCTIONS: list[Callable[[Any], Any]] = []
"""The functions that `per_group` decorates."""


class SampleCache:
    """The samples of a run's cells, read on first use: all cells at once, or in a large run one group at a time.

    A group is the rounds of one contender under one scenario. Figures are computed per group.
    """

    def __init__(self, run: Run, most_bytes: int = MOST_BYTES) -> None:
        self.run = run
        self.most_bytes = most_bytes
        self.rows_of_cell: dict[int, Rows] = {}
        """The rows in memory, by cell id."""
        self.views: dict[int, CellSamples] = {}
        """Selections of the rows in memory, by the identity of the Cell object."""
        self.timelines: dict[tuple[str, str], Mapping[int, pd.DataFrame]] = {}
        """Cache of `gauges`."""
        self.results: dict[tuple[object, tuple[tuple[int, str], ...]], Any] = {}
        """Cache of `remember`: results by function, and ids and queries of cells."""
        self.computing_all = False
        """Whether `remember` is computing the other functions of the group."""

    def rows(self, cell: "Cell") -> Rows:
        """Every sample of the cell, with derived columns. Raises RunFolderError if its file cannot be read."""
        if cell.info.id not in self.rows_of_cell:
            self.read_with(cell.info)
        return self.rows_of_cell[cell.info.id]

    def samples(self, cell: "Cell") -> "CellSamples":
        """The cell's rows by kind, computed on first use and dropped together with the rows."""
        if id(cell) not in self.views:
            self.views[id(cell)] = CellSamples(cell, cell.rows)
        return self.views[id(cell)]

    def read_with(self, info: CellInfo) -> None:
        """Read the rows of a cell and of its group (in a small run, of all cells). Replaces the rows in memory."""
        self.views.clear()
        self.rows_of_cell.clear()
        group = (info.scenario, info.contender)
        wanted = [c for c in self.run.done if not self.is_large or (c.scenario, c.contender) == group]
        self.rows_of_cell |= zip((cell.id for cell in wanted), derived_of(self.run, wanted), strict=True)

    @cached_property
    def is_large(self) -> bool:
        """Whether the run is too large to be kept in memory completely."""
        return self.run.sample_count * BYTES_A_SAMPLE > self.most_bytes

    def gauges(self, name: str, source: str = "") -> Mapping[int, pd.DataFrame]:
        """By cell: the rows of the run's timeline with that name, and with that source if one is given."""
        if (name, source) not in self.timelines:
            rows = self.run.timeline
            kept = (rows["name"] == name) & ((rows["source"] == source) if source else True)
            self.timelines[name, source] = {int(str(cell)): own for cell, own in rows[kept].groupby("cell")}
        return self.timelines[name, source]

    def remember(self, make: Callable[[Sequence["Cell"]], T], cells: Sequence["Cell"]) -> T:
        """The result of a function for the rounds of a group, computed once.

        In a large run, all per-group functions are computed while the rows of the group are in memory, because they are
        not read again.
        """
        ids = tuple((cell.info.id, cell.query.name if cell.query else "") for cell in cells)
        if (make, ids) not in self.results:
            self.results[make, ids] = make(cells)
            compared = cells[0].scenario.kind == "caching" and not cells[0].scenario.report_separately
            compared = compared and cells[0].query is None
            if self.is_large and compared and not self.computing_all:
                self.computing_all = True
                for other in PER_GROUP_FUNCTIONS:
                    if (other, ids) not in self.results:
                        self.results[other, ids] = other(cells)
                self.computing_all = False
        found: T = self.results[make, ids]
        return found


def per_group(make: Callable[[Sequence["Cell"]], T]) -> Callable[[Sequence["Cell"]], T]:
    """Decorator of a function of a group's rounds: the SampleCache keeps its result, which must be small."""
    PER_GROUP_FUNCTIONS.append(make)

    @wraps(make)
    def remembered(cells: Sequence["Cell"]) -> T:
        return cells[0].sample_cache.remember(make, cells) if cells else make(cells)

    return remembered


@dataclass(frozen=True)
class Cell:
    """All facts about one cell that was measured."""

    info: CellInfo
    scenario: ScenarioInfo
    contender: ContenderInfo
    sample_cache: SampleCache = field(repr=False, compare=False)
    counters: Mapping[tuple[str, str], float]
    """Counters of servers and processes, after − before, by (source, name): whole cell, including the warm-up."""
    clock_uncertainty_ns: int = 0
    """Largest error of an instant that was read on another machine, in nanoseconds."""
    query: QueryInfo | None = None
    """The query whose requests count. None: those of all queries."""

    @property
    def rows(self) -> Rows:
        """Every sample of the cell, with the columns of `derived`; of one query, those with a record of it."""
        rows = self.sample_cache.rows(self)
        if self.query is None:
            return rows
        key, first = rows.ints("key"), self.query.first_position
        return rows.where((key >= first) & (key < first + self.query.records))

    @cached_property
    def by_query(self) -> "tuple[Cell, ...]":
        """The same cell for each query, with the requests of this query only; itself, if the scenario has one query."""
        if self.query is not None or not self.scenario.queries:
            return (self,)
        return tuple(replace(self, query=query) for query in self.scenario.queries)

    @property
    def due(self) -> Rows:
        """Reads and writes due in the window, without warm-up, background work and reads after the drain."""
        return self.sample_cache.samples(self).due

    @property
    def reads(self) -> Rows:
        """The reads due in the window."""
        return self.sample_cache.samples(self).reads

    @property
    def writes(self) -> Rows:
        """The writes due in the window."""
        return self.sample_cache.samples(self).writes

    @property
    def work(self) -> Rows:
        """The requests of the window and the background work that was handed over in it."""
        return self.sample_cache.samples(self).work

    @property
    def operation(self) -> Labels:
        """The operation of each row."""
        return self.rows.labels("operation")

    @property
    def judged(self) -> ClassifiedReads | None:
        """The freshness of each read. None if it is unknown: no versions, no writes, or a baseline."""
        return self.sample_cache.samples(self).judged

    @property
    def sessions(self) -> Sessions | None:
        """For each client, which of its own writes and earlier reads its reads missed. None: as `judged`."""
        return self.sample_cache.samples(self).sessions

    @property
    def window_s(self) -> float:
        assert self.info.window_end_ns is not None
        assert self.info.window_start_ns is not None
        return (self.info.window_end_ns - self.info.window_start_ns) / 1e9

    @property
    def deadline_s(self) -> float:
        """The deadline in seconds since the window began."""
        assert self.info.deadline_ns is not None
        assert self.info.window_start_ns is not None
        return (self.info.deadline_ns - self.info.window_start_ns) / 1e9

    @cached_property
    def cpu_s(self) -> list[tuple[str, float]]:
        """(source, seconds) of each counter of CPU time."""
        return [(source, value) for (source, name), value in self.counters.items() if name in CPU_COUNTERS]

    def total(self, source: str, name: str) -> float:
        """Sum of the counters whose source and name begin with these; nan if there is none."""
        found = [v for (s, n), v in self.counters.items() if s.startswith(source) and n.startswith(name)]
        return float(sum(found)) if found else float("nan")


@dataclass(frozen=True, eq=False)
class CellSamples:
    """The rows of a cell by kind, each computed on first use."""

    cell: Cell
    rows: Rows
    """Every sample of the cell."""

    @cached_property
    def due(self) -> Rows:
        """Reads and writes due in the window, without warm-up, background work and reads after the drain."""
        return self.rows.where(
            ~self.rows.flags("warm_up") & ~self.rows.labels("operation").equal("background", AFTER_DRAIN)
        )

    @cached_property
    def reads(self) -> Rows:
        return self.due.where(self.due.labels("operation").equal("read"))

    @cached_property
    def writes(self) -> Rows:
        return self.due.where(self.due.labels("operation").equal("write"))

    @cached_property
    def work(self) -> Rows:
        """The requests of the window and the background work that was handed over in it.

        Background work started by reads after the drain or by requests in the drain is left out. Background work that
        warm-up requests started inside the window is counted.
        """
        later = self.rows.labels("operation").equal("background") & (self.rows.floats("due_s") >= self.cell.window_s)
        inside = ~self.rows.flags("warm_up") & ~self.rows.labels("operation").equal(AFTER_DRAIN) & ~later
        return self.due if np.count_nonzero(inside) == len(self.due) else self.rows.where(inside)

    @cached_property
    def judged(self) -> ClassifiedReads | None:
        """The freshness of each read. None if it is unknown: no versions, no writes, or a baseline."""
        versioned = bool(self.cell.scenario.workload.get("versioned")) and self.rows.known("version_written").any()
        if not versioned or self.cell.contender.kind == "baseline":
            return None
        return classify_reads(history(self.rows, self.cell.clock_uncertainty_ns))

    @cached_property
    def sessions(self) -> Sessions | None:
        """For each client, which of its own writes and earlier reads its reads missed. None: as `judged`."""
        return None if self.judged is None else sessions(self.judged.history)


def began_inside(cell: Cell) -> float:
    """The number of the window's requests that began inside the window."""
    start_s = cell.due.floats("start_s")
    return float(np.count_nonzero((start_s >= 0) & (start_s < cell.window_s)))


def clock_uncertainty_ns(run: Run) -> dict[int, int]:
    """The largest error of an instant in nanoseconds, by cell; cells that used one clock are absent.

    If application servers ran on several machines, the coordinator records this error for each cell and process. An
    analysis that compares instants of two processes allows for the error in both.
    """
    rows = run.timeline
    rows = rows[rows["name"] == "clock_uncertainty_ns"]
    worst = rows.groupby("cell")["value"].max()
    return {int(str(cell)): round(float(value)) for cell, value in worst.items()}


def cells(run: Run) -> list[Cell]:
    """The measured cells of a run in order, each with its rows and counters."""
    sample_cache = SampleCache(run)
    servers = run.servers
    change = (servers["after"] - servers["before"].fillna(0.0)).to_numpy()
    scenarios = {s.name: s for s in run.info.scenarios}
    of_cell = {cell.id: scenarios[cell.scenario] for cell in run.info.cells}
    losing = [id_ for id_, scenario in of_cell.items() if (scenario.fault or {}).get("loses_data")]
    lost = (servers["source"] == "redis") & servers["cell"].isin(losing)  # Redis' counters began again at zero
    kept = servers[~lost.to_numpy(dtype=bool) & ~np.isnan(change)]
    rows = (kept[name].tolist() for name in ("cell", "source", "name"))
    counters: dict[int, dict[tuple[str, str], float]] = {}
    for cell, source, name, value in zip(*rows, change[kept.index].tolist(), strict=True):
        counters.setdefault(cell, {})[source, name] = value
    contenders = {c.name: c for c in run.info.contenders}
    uncertainty_ns = clock_uncertainty_ns(run)
    return [
        Cell(
            c,
            scenarios[c.scenario],
            contenders[c.contender],
            sample_cache,
            counters.get(c.id, {}),
            clock_uncertainty_ns=uncertainty_ns.get(c.id, 0),
        )
        for c in run.done
    ]
