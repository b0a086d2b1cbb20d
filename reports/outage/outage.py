"""What an outage of Redis did: who was served, how long the others waited, what the database carried, the return."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter

from artefact.schema import ContenderInfo, ScenarioInfo
from reports import words
from reports.charts import GRID, INK, Chart, drawn, dress, mark, new_figure, of_scenario, short
from reports.experiments.section import Findings
from reports.frames import Cell, Floats
from reports.grid import Entry, Grid
from reports.judge import Judgement
from reports.over_time import LATE_MS, bins, draw_line, due_of, legend_above, loads_in, of_each
from reports.statistics import quantile

BIN_S = 0.25
PEAK_BIN_S = 0.1
SLOW = 3
"""Requests are slow while half of a bin take more than this times what half of them took before."""
BACK_SHARE = 0.9
"""The hit rate is back once it is this share of what it was before the fault."""
SMOOTH = 3
"""Bins of which the mean is taken before that is asked."""


@dataclass(frozen=True, kw_only=True)
class Outage:
    """A contender through one scenario's fault, all rounds together."""

    contender: ContenderInfo
    cells: Sequence[Cell]
    began_s: float
    """When it was broken, seconds since the window began: the median over rounds."""
    ended_s: float
    due: pd.DataFrame
    """Every request; `phase` is before, outage or after, by when it was due, round by round."""

    def of(self, phase: str) -> pd.DataFrame:
        return self.due[self.due["phase"] == phase]

    def served(self) -> list[float]:
        """Of the requests due in the outage, the share answered within LATE_MS: one figure a round."""
        return [1 - float(rows["useless"].mean()) for _, rows in self.of("outage").groupby("round")]

    def loads_per_s(self, phase: str) -> float:
        rows = self.of(phase)
        return float(rows["loads"].sum()) / self.span_s(phase) / len(self.cells)

    def span_s(self, phase: str) -> float:
        window_s = self.cells[0].window_s
        spans = {"before": self.began_s, "outage": self.ended_s - self.began_s, "after": window_s - self.ended_s}
        return spans[phase]

    def peak_after(self) -> float:
        """Most loads in 100 ms once Redis was back: the mean over rounds of each round's most."""
        most = []
        for cell in self.cells:
            edges = bins(cell.window_s, PEAK_BIN_S)
            most.append(float(loads_in([cell], edges)[edges[:-1] >= self.ended_s].max(initial=0.0)))
        return float(np.mean(most))

    def answers_back_s(self) -> float:
        """From the mending to the end of the last bin whose requests were slow: the median above SLOW times what it
        was before, and a millisecond. What failed took for ever.
        """
        edges = bins(self.cells[0].window_s, BIN_S)
        taken = of_each(self.due["wait_ms"].mask(self.due["failed"], math.inf), self.due["due_s"], edges, "median")
        usual = quantile(waits(self.of("before")), 0.5)
        slow = edges[1:][(edges[1:] > self.ended_s) & (taken > SLOW * usual + 1)]
        return float(slow[-1]) - self.ended_s if len(slow) else 0.0

    def hits_back_s(self) -> float:
        """From the mending until the hit rate is BACK_SHARE of what it was; nan: not within the window."""
        edges = bins(self.cells[0].window_s, BIN_S)
        rate = hit_rate(self.due, edges)
        reads = self.of("before")
        usual = float(reads.loc[reads["operation"] == "read", "hit"].mean())
        middles = (edges[:-1] + edges[1:]) / 2
        for i in np.flatnonzero(middles >= self.ended_s):
            if np.nanmean(rate[i : i + SMOOTH]) >= BACK_SHARE * usual:
                return max(0.0, float(edges[i]) - self.ended_s)
        return math.nan


def outages(aside: Judgement, scenario: ScenarioInfo) -> list[Outage]:
    """Everyone who went through it. A cell whose fault was not provoked has no part in it."""
    events = aside.run.timeline
    events = events[events["source"] == "fault"]
    found = []
    for contender, cells in of_scenario(aside, scenario):
        kept, spans, parts = [], [], []
        for cell in cells:
            mine = events[events["cell"] == cell.info.id]
            span = [fault_s(mine, name, cell) for name in ("began", "ended")]
            if any(math.isnan(instant) for instant in span):
                continue
            due = due_of([cell])
            due["phase"] = np.select([due["due_s"] < span[0], due["due_s"] < span[1]], ["before", "outage"], "after")
            kept.append(cell)
            spans.append(span)
            parts.append(due)
        if kept:
            began_s, ended_s = (float(v) for v in np.median(np.array(spans), axis=0))
            whole = pd.concat(parts, ignore_index=True)
            found.append(Outage(contender=contender, cells=kept, began_s=began_s, ended_s=ended_s, due=whole))
    return found


def fault_s(events: pd.DataFrame, name: str, cell: Cell) -> float:
    at = events.loc[events["name"] == name, "t_ns"]
    assert cell.info.window_start_ns is not None
    return (int(at.iloc[0]) - cell.info.window_start_ns) / 1e9 if len(at) else math.nan


def hit_rate(due: pd.DataFrame, edges: Floats) -> Floats:
    reads = due[due["operation"] == "read"]
    return of_each(reads["hit"], reads["due_s"], edges, "mean")


def findings(aside: Judgement, scenario: ScenarioInfo) -> Findings:
    found = outages(aside, scenario)
    if not found:
        return Findings(answer="No cell saw the fault.")
    rows = [row(outage) for outage in found]
    return Findings(
        answer=answer(found),
        grids=[
            Grid(
                anchor=f"{scenario.name}-table",
                title="Before, during, after",
                explain=(
                    f"Served: answered without an error within {LATE_MS / 1000:g} s of the due instant. Requests "
                    "belong to the outage by when they were due. Loads a second count every load that a request sent. "
                    f"Answers are back when half take no more than {SLOW} times what they took before; p50 and slowest "
                    "are of what did not fail. "
                    f"The hit rate is back at {100 * BACK_SHARE:g} % of what it was before. All rounds together; "
                    "below: the range of the rounds."
                ),
                columns=["contender", *COLUMNS],
                rows=[(outage.contender.name, entries) for outage, entries in zip(found, rows, strict=True)],
            )
        ],
        charts=[over_time(aside, scenario, found)],
        names=(
            "contender due served failed late p50_ms slowest_ms loads_before_per_s loads_outage_per_s "
            "peak_loads_after answers_back_s hit_rate_back_s"
        ),
        csv=[csv_row(outage) for outage in found],
    )


COLUMNS = (
    "due in the outage",
    "served",
    "failed",
    "late or unanswered",
    "p50 in the outage",
    "slowest",
    "loads/s before",
    "loads/s in the outage",
    "most loads in 100 ms after",
    "answers back after",
    "hit rate back after",
)


def row(outage: Outage) -> list[Entry]:
    during, served = outage.of("outage"), outage.served()
    classes = during.loc[during["failed"], "error"].astype(str).value_counts()
    failed = int(during["failed"].sum())
    late = int((during["useless"] & ~during["failed"]).sum())
    back = outage.hits_back_s()
    span = f"{100 * min(served):.0f} – {100 * max(served):.0f} %" if len(served) > 1 else ""
    return [
        Entry(text=f"{len(during):,}"),
        Entry(text=f"{100 * share_served(outage):.1f} %", detail=span),
        Entry(text=f"{failed:,}", detail=", ".join(f"{n} {name}" for name, n in classes.items() if n)),
        Entry(text=f"{late:,}"),
        Entry(text=words.with_unit(quantile(waits(during), 0.5), "ms")),
        Entry(text=slowest(during, 1.0, "ms")),
        Entry(text=words.number(outage.loads_per_s("before"))),
        Entry(text=words.number(outage.loads_per_s("outage"))),
        Entry(text=words.number(outage.peak_after())),
        Entry(text=words.with_unit(outage.answers_back_s(), "s")),
        Entry(text="not in the window" if math.isnan(back) else words.with_unit(back, "s")),
    ]


def csv_row(outage: Outage) -> list[object]:
    during = outage.of("outage")
    figures = (
        share_served(outage),
        during["failed"].sum(),
        (during["useless"] & ~during["failed"]).sum(),
        quantile(waits(during), 0.5),
        waits(during).max(initial=0.0),
        outage.loads_per_s("before"),
        outage.loads_per_s("outage"),
        outage.peak_after(),
        outage.answers_back_s(),
        outage.hits_back_s(),
    )
    return [outage.contender.name, len(during), *(f"{float(figure):.6g}" for figure in figures)]


def share_served(outage: Outage) -> float:
    return 1 - float(outage.of("outage")["useless"].mean())


def waits(due: pd.DataFrame) -> Floats:
    """Of what did not fail; what was still open counts until the deadline."""
    return np.asarray(due["wait_ms"].dropna().to_numpy(dtype=np.float64))


def slowest(due: pd.DataFrame, ms_in_unit: float, unit: str) -> str:
    """The longest wait of what did not fail: over so much, where it was still open at the deadline."""
    every = waits(due)
    if not len(every):
        return words.MISSING
    still_open = waits(due[due["outcome"] == "unanswered"])
    over = "over " if every.max() in still_open else ""
    return f"{over}{words.with_unit(float(every.max()) / ms_in_unit, unit)}"


def answer(found: Sequence[Outage]) -> str:
    """Every contender's outage in words."""
    limit = f"{LATE_MS / 1000:g} s"
    parts = []
    for outage in found:
        during = outage.of("outage")
        failed = int(during["failed"].sum())
        told = f"{failed:,} of {len(during):,} failed" if failed else "none failed"
        longest = slowest(during, 1000.0, "s")
        before, meanwhile = (words.number(outage.loads_per_s(phase)) for phase in ("before", "outage"))
        parts.append(
            f"{outage.contender.name} served {100 * share_served(outage):.0f} % of the requests due in the outage "
            f"within {limit} ({told}, the slowest took {longest}), at {meanwhile} loads/s where it had {before}"
        )
    return "; ".join(parts) + "."


def returns(found: Sequence[Outage]) -> str:
    """When it was as before, in words."""
    parts = []
    for outage in found:
        hits = outage.hits_back_s()
        rate = "was not back in the window" if math.isnan(hits) else f"was back after {words.with_unit(hits, 's')}"
        parts.append(
            f"{outage.contender.name} answered as before after {words.with_unit(outage.answers_back_s(), 's')}, "
            f"its hit rate {rate}, with at most {outage.peak_after():.0f} loads in 100 ms meanwhile"
        )
    return f"Once Redis was back: {'; '.join(parts)}."


def over_time(aside: Judgement, scenario: ScenarioInfo, found: Sequence[Outage]) -> Chart:
    """Response time, useless requests, loads and hit rate over the window, the outage shaded."""
    contenders = aside.run.info.contenders
    edges = bins(scenario.window_s, BIN_S)
    figure = new_figure(7.6, 7.4)
    panels = figure.subplots(4, 1, sharex=True)
    titles = ("response time p50, ms (log)", f"failed or over {LATE_MS / 1000:g} s, %", "loads/s", "hit rate, %")
    table = []
    for axes, title in zip(panels, titles, strict=True):
        axes.axvspan(found[0].began_s, found[0].ended_s, color=GRID, alpha=0.6, linewidth=0, zorder=0)
        axes.set_title(title, loc="left", fontsize=9.5, color=INK, pad=3)
        dress(axes)
    for outage in found:
        due = outage.due
        lines = (
            of_each(due["wait_ms"], due["due_s"], edges, "median"),
            100 * of_each(due["useless"], due["due_s"], edges, "mean"),
            loads_in(outage.cells, edges) / BIN_S,
            100 * hit_rate(due, edges),
        )
        for axes, values in zip(panels, lines, strict=True):
            first = len([*axes.get_lines(), *axes.collections, *axes.texts])
            draw_line(axes, contenders, outage.contender.name, edges, values)
            mark(axes, outage.contender.name, first)
        table += [
            [outage.contender.name, f"{at:.2f}", *(words.MISSING if math.isnan(v) else f"{v:.4g}" for v in values)]
            for at, *values in zip(edges[:-1], *lines, strict=True)
        ]
    panels[0].set_yscale("log")
    panels[0].yaxis.set_major_formatter(FuncFormatter(short))
    panels[1].set_ylim(-4, 104)
    panels[3].set_ylim(-4, 104)
    panels[-1].set_xlabel("seconds in the window, by when requests were due; shaded: the outage")
    legend_above(figure, panels[0])
    anchor = f"{scenario.name}-over-time"
    question = "What do users see, and what does the database carry, before, during and after?"
    caption = returns(found)
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            f"A point stands for {1000 * BIN_S:g} ms, all rounds together; time runs by when requests were due, so a "
            "request that waited through the outage stands where it began to wait. A request that was served by the "
            "database because the cache failed is no hit. The return is what happens right of the shade: a Redis that "
            "was killed comes back empty, one that hung comes back with what it held."
        ),
        svg=drawn(figure, anchor, question, caption),
        columns=["contender", "from s", "p50 ms", "failed or late %", "loads/s", "hit rate %"],
        rows=table,
    )
