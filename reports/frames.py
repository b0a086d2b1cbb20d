"""From facts to tidy frames: one row a request, with its outcome and its times in milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from artefact.read import Run
from artefact.schema import CellInfo, ContenderInfo, ScenarioInfo
from reports.freshness.history import AT_REST, history
from reports.freshness.judge import Judged, judge

Floats = npt.NDArray[np.float64]

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


def requests(run: Run) -> pd.DataFrame:
    """Every sample of the done cells, warm-up and background work included and marked.

    Adds: outcome; response_ms = end − due; service_ms = end − start; queue_ms = start − due; own_lag_ms = start −
    max(due, thread free); due_s, start_s, end_s, load_start_s, load_end_s: seconds since the cell's window began.
    Times of unanswered requests are missing, but for what happened before the deadline.
    """
    facts = run.samples
    cells = {cell.id: cell for cell in run.done}
    ids = facts["cell"].to_numpy()
    window = pd.Series(pd.array([cells[i].window_start_ns for i in ids], dtype="Int64"), index=facts.index)
    deadline = pd.Series(pd.array([cells[i].deadline_ns for i in ids], dtype="Int64"), index=facts.index)
    keep = ["cell", "scenario", "contender", "round", "process", "client", "operation", "warm_up", "key", "error"]
    keep += ["loads", "commands", "round_trips", "distance_ns", "first_cache_answer", "found"]
    keep += ["allowed", "remaining", "retry_after_ns"]
    keep += ["version_read", "version_written", "start_ns", "end_ns", "commit_start_ns", "commit_end_ns"]
    frame = facts[keep].copy()
    frame["warm_up"] = facts["warm_up"].astype(bool)
    frame["outcome"] = outcomes(facts, deadline)
    open_ = (frame["outcome"] == "unanswered").to_numpy()
    ready = facts[["due_ns", "free_ns"]].max(axis=1)
    frame["response_ms"] = np.where(open_, np.nan, elapsed_ms(facts["end_ns"], facts["due_ns"]))
    frame["service_ms"] = np.where(open_, np.nan, elapsed_ms(facts["end_ns"], facts["start_ns"]))
    frame["queue_ms"] = elapsed_ms(facts["start_ns"], facts["due_ns"])
    frame["own_lag_ms"] = elapsed_ms(facts["start_ns"], ready)
    for name in ("due", "start", "end", "load_start", "load_end"):
        frame[f"{name}_s"] = elapsed_ms(facts[f"{name}_ns"], window) / 1e3
    return frame


@dataclass(frozen=True)
class Cell:
    """All that is known of one done cell."""

    info: CellInfo
    scenario: ScenarioInfo
    contender: ContenderInfo
    rows: pd.DataFrame
    """Every sample of the cell, as `requests` gives them."""
    counters: Mapping[tuple[str, str], float]
    """(source, name): after − before, of the servers' and the processes' own accounts. A whole cell, warm-up too."""

    @cached_property
    def due(self) -> pd.DataFrame:
        """The requests of the window: reads and writes, without warm-up, background work and reads at rest."""
        return self.rows[~self.rows["warm_up"] & ~self.rows["operation"].isin(["background", AT_REST])]

    @cached_property
    def reads(self) -> pd.DataFrame:
        return self.due[self.due["operation"] == "read"]

    @cached_property
    def writes(self) -> pd.DataFrame:
        return self.due[self.due["operation"] == "write"]

    @cached_property
    def work(self) -> pd.DataFrame:
        """The window's requests and the background work that was handed over in it."""
        return self.rows[~self.rows["warm_up"] & (self.rows["operation"] != AT_REST)]

    @cached_property
    def judged(self) -> Judged | None:
        """Each read's freshness. None where it cannot be told: no versions, nothing written, or no contender."""
        versioned = bool(self.scenario.workload.get("versioned")) and self.rows["version_written"].notna().any()
        return judge(history(self.rows)) if versioned and self.contender.kind != "ruler" else None

    @property
    def window_s(self) -> float:
        assert self.info.window_end_ns is not None
        assert self.info.window_start_ns is not None
        return (self.info.window_end_ns - self.info.window_start_ns) / 1e9

    @property
    def whole_s(self) -> float:
        """From the first warm-up request to the deadline."""
        assert self.info.deadline_ns is not None
        assert self.info.begin_ns is not None
        return (self.info.deadline_ns - self.info.begin_ns) / 1e9

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
    frame = requests(run)
    rows = dict(iter(frame.groupby("cell", sort=False)))
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
    return [
        Cell(c, scenarios[c.scenario], contenders[c.contender], rows.get(c.id, frame.iloc[:0]), counters.get(c.id, {}))
        for c in run.done
    ]
