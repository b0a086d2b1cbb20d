"""Effects of an outage of Redis or the database: requests served, waiting times, loads, and the recovery."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.rows import Floats
from stampede.reports.analysis.timeseries import bins, due_of, loads_in, of_each
from stampede.reports.output.charts import of_scenario
from stampede.reports.statistics.estimate import quantile
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

BIN_S = 0.25
"""Width of a bin in seconds."""
PEAK_BIN_S = 0.1
"""Width of the bins for the largest number of loads, in seconds."""
SLOW = 3
"""Requests of a bin are slow if their median exceeds this multiple of the median before the fault."""
BACK_SHARE = 0.9
"""The hit rate has recovered when it reaches this share of the hit rate before the fault."""
SMOOTH = 3
"""Number of bins whose mean is compared with that share."""


@dataclass(frozen=True, kw_only=True)
class OutageEffects:
    """One contender during one scenario's fault, pooled over all rounds."""

    contender: ContenderInfo
    cells: Sequence[Cell]
    began_s: float
    """Begin of the fault in seconds since the window began: the median over rounds."""
    ended_s: float
    """End of the fault, in the same way."""
    due: pd.DataFrame
    """Every request. `phase`: before, outage or after, by the due instant, per round. `sat_out`: due in the outage and
    answered only after the server was back."""

    def of(self, phase: str) -> pd.DataFrame:
        """Requests due in a phase."""
        return self.due[self.due["phase"] == phase]

    def served(self) -> list[float]:
        """Share of the requests due in the outage that were answered within LATE_MS: one value per round."""
        return [1 - float(rows["useless"].mean()) for _, rows in self.of("outage").groupby("round")]

    def failed(self, phase: str = "outage") -> int:
        """Number of failed requests among those due in a phase."""
        return int(self.of(phase)["failed"].sum())

    def unanswered(self) -> int:
        """Number of requests due in the outage that were still open at the deadline."""
        return int((self.of("outage")["outcome"] == "unanswered").sum())

    def late(self) -> int:
        """Number of requests due in the outage that were answered later than LATE_MS."""
        rows = self.of("outage")
        return int((rows["useless"] & ~rows["failed"] & (rows["outcome"] != "unanswered")).sum())

    def sat_out(self) -> int:
        """Number of requests due in the outage that were answered only after the server was back."""
        return int(self.of("outage")["sat_out"].sum())

    def hit_share(self, phase: str) -> float:
        """Share of the reads due in a phase that the cache answered."""
        rows = self.of(phase)
        return float(rows.loc[rows["operation"] == "read", "hit"].mean())

    def load_ms(self, phase: str) -> float:
        """Median duration of the loads that were sent in a phase, in ms; nan without any."""
        taken = []
        for cell in self.cells:
            rows = cell.rows.where(cell.rows.known("load_end_s"))
            sent = rows.floats("load_start_s")
            edges = (self.began_s, self.ended_s) if phase == "outage" else (0.0, self.began_s)
            inside = (sent >= edges[0]) & (sent < edges[1])
            taken.append((rows.floats("load_end_s") - sent)[inside] * 1e3)
        return quantile(np.concatenate(taken), 0.5)

    @property
    def gives_up_s(self) -> float:
        """Seconds until a call to a hung Redis raises: every attempt waits for the socket timeout. inf: never."""
        client = self.contender.client
        timeout_s = client.get("socket_timeout_s")
        return math.inf if timeout_s is None else float(timeout_s) * (int(client.get("retries", 0)) + 1)

    def loads_per_s(self, phase: str) -> float:
        """Loads per second of the requests due in a phase."""
        rows = self.of(phase)
        return float(rows["loads"].sum()) / self.span_s(phase) / len(self.cells)

    def span_s(self, phase: str) -> float:
        """Length of a phase in seconds."""
        window_s = self.cells[0].window_s
        spans = {"before": self.began_s, "outage": self.ended_s - self.began_s, "after": window_s - self.ended_s}
        return spans[phase]

    def peak_after(self) -> float:
        """Largest number of loads in 100 ms after the outage: the mean of the rounds' maxima."""
        most = []
        for cell in self.cells:
            edges = bins(cell.window_s, PEAK_BIN_S)
            most.append(float(loads_in([cell], edges)[edges[:-1] >= self.ended_s].max(initial=0.0)))
        return float(np.mean(most))

    def answers_back_s(self) -> float:
        """Seconds from the end of the outage to the end of the last slow bin.

        A bin is slow if its median exceeds SLOW times the median before the outage plus 1 ms. A failed request counts
        as infinitely long.
        """
        edges = bins(self.cells[0].window_s, BIN_S)
        taken = of_each(self.due["wait_ms"].mask(self.due["failed"], math.inf), self.due["due_s"], edges, "median")
        usual = quantile(answered_ms(self.of("before")), 0.5)
        slow = edges[1:][(edges[1:] > self.ended_s) & (taken > SLOW * usual + 1)]
        return float(slow[-1]) - self.ended_s if len(slow) else 0.0

    def hits_back_s(self) -> float:
        """Seconds from the end of the outage until the hit rate is BACK_SHARE of its value before; nan: never."""
        edges = bins(self.cells[0].window_s, BIN_S)
        rate = hit_rate(self.due, edges)
        reads = self.of("before")
        usual = float(reads.loc[reads["operation"] == "read", "hit"].mean())
        middles = (edges[:-1] + edges[1:]) / 2
        for i in np.flatnonzero(middles >= self.ended_s):
            if np.nanmean(rate[i : i + SMOOTH]) >= BACK_SHARE * usual:
                return max(0.0, float(edges[i]) - self.ended_s)
        return math.nan


def outages(analysis: Analysis, scenario: ScenarioInfo) -> list[OutageEffects]:
    """Every contender that ran in a scenario with a fault. A cell without its fault is left out."""
    return analysis.once(every_outage).get(scenario.name, [])


def every_outage(analysis: Analysis) -> dict[str, list[OutageEffects]]:
    """Outages by scenario."""
    return {
        scenario.name: outages_in(analysis, scenario) for scenario in analysis.scenarios if scenario.fault is not None
    }


def outages_in(analysis: Analysis, scenario: ScenarioInfo) -> list[OutageEffects]:
    """Outages of one scenario, one per contender."""
    events = analysis.run.timeline
    events = events[events["source"] == "fault"]
    found = []
    for contender, cells in of_scenario(analysis, scenario):
        kept, spans, parts = [], [], []
        for cell in cells:
            in_cell = events[events["cell"] == cell.info.id]
            span = [fault_s(in_cell, name, cell) for name in ("began", "ended")]
            if any(math.isnan(instant) for instant in span):
                continue
            due = due_of([cell])
            due["phase"] = np.select([due["due_s"] < span[0], due["due_s"] < span[1]], ["before", "outage"], "after")
            due["sat_out"] = (due["phase"] == "outage") & ~due["failed"]
            due["sat_out"] &= due["end_s"] >= span[1] - repair_s(in_cell)
            due["sat_out"] &= due["outcome"] != "unanswered"
            kept.append(cell)
            spans.append(span)
            parts.append(due)
        if kept:
            began_s, ended_s = (float(v) for v in np.median(np.array(spans), axis=0))
            whole = pd.concat(parts, ignore_index=True)
            found.append(OutageEffects(contender=contender, cells=kept, began_s=began_s, ended_s=ended_s, due=whole))
    return found


def fault_s(events: pd.DataFrame, name: str, cell: Cell) -> float:
    """Instant of a fault event in seconds since the window began; nan without one."""
    at = events.loc[events["name"] == name, "t_ns"]
    assert cell.info.window_start_ns is not None
    return (int(at.iloc[0]) - cell.info.window_start_ns) / 1e9 if len(at) else math.nan


def repair_s(events: pd.DataFrame) -> float:
    """Duration of the repair at the end of the fault, in seconds: answers may arrive during it. 0 if not recorded."""
    took = events.loc[events["name"] == "ended", "value"].dropna()
    return float(took.iloc[0]) if len(took) else 0.0


def hit_rate(due: pd.DataFrame, edges: Floats) -> Floats:
    """Hit rate of the reads per bin."""
    reads = due[due["operation"] == "read"]
    return of_each(reads["hit"], reads["due_s"], edges, "mean")


def share_served(outage: OutageEffects) -> float:
    """Share of the requests due in the outage that were served, over all rounds."""
    return 1 - float(outage.of("outage")["useless"].mean())


def percent_served(share: float) -> str:
    """The share as text. The answer, tables and sentences all use this format, so they agree."""
    return f"{100 * share:.1f} %"


def served_range(outage: OutageEffects) -> str:
    """The range of the rounds' served shares in per cent: "(98.9–99.6)"; empty for one round, or if all are equal."""
    served = outage.served()
    if len(served) < 2 or min(served) == max(served):
        return ""
    return f"({100 * min(served):.1f}–{100 * max(served):.1f})"


def answered_ms(due: pd.DataFrame) -> Floats:
    """Response times in ms of the requests that did not fail; inf for requests still open at the deadline."""
    rows = due[~due["failed"]]
    taken = rows["response_ms"].to_numpy(dtype=np.float64)
    return np.asarray(np.where(rows["outcome"] == "unanswered", np.inf, taken))


def outages_of(analysis: Analysis) -> dict[str, list[OutageEffects]]:
    """By contender, the outages of Redis in which it ran."""
    found: dict[str, list[OutageEffects]] = {}
    faults = analysis.separate
    if faults is not None:
        for scenario in faults.scenarios:
            of_redis = scenario.fault is not None and scenario.fault.get("server", "Redis") == "Redis"
            for one in outages(faults, scenario) if of_redis else ():
                found.setdefault(one.contender.name, []).append(one)
    return found
