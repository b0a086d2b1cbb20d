"""Report section on pipelining: time of N reads by method, and the break-even N, paired by round."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from stampede.reports.output import formatting
from stampede.reports.output.charts import (
    COLORS,
    DASHES,
    INK,
    MARKERS,
    MUTED,
    NARROW,
    Chart,
    drawn_twice,
    legend,
    new_figure,
    short,
    style_axes,
)
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, median
from stampede.reports.topics.experiments.experiments_section import Findings
from stampede.run_folder.schema import ExperimentInfo

NAME = "pipelining"
BATCHED = "pipelined"
ALONE = "one by one"
"""The method with which the others are compared."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A number of reads by one method at one simulated RTT."""

    method: str
    rtt: str
    reads: int
    time_ms: Estimate
    against_alone: Comparison | None
    """Comparison with ALONE, paired by round; None for ALONE itself."""

    @property
    def faster(self) -> bool:
        """Whether the whole interval of the ratio is below 1."""
        c = self.against_alone
        return c is not None and c.ratio is not None and c.ratio.high < 1


def batches(facts: pd.DataFrame) -> list[Batch]:
    """Every method at every simulated RTT and number of reads, in this order: RTT, method, number."""
    times = facts[facts["name"] == "batch"]
    by_round: Mapping[tuple[str, str, float], pd.Series] = {
        key: own.set_index("round")["value"]  # type: ignore[misc]
        for key, own in times.groupby(["parameter", "variant", "at"])
    }
    found = []
    for (rtt, method, reads), own in by_round.items():
        other = by_round.get((rtt, ALONE, reads))
        comparison = None
        if method != ALONE and other is not None:
            both = own.index.intersection(other.index).sort_values()
            comparison = compare(own[both].tolist(), other[both].tolist())
        found.append(
            Batch(method=method, rtt=rtt, reads=int(reads), time_ms=median(own.tolist()), against_alone=comparison)
        )
    return found


def break_even(found: list[Batch], method: str, rtt: str) -> int | None:
    """The smallest number of reads from which a method is faster at every tried number; None: there is none.

    The tests run in a fixed order from the largest number down to the first that is not faster. Each test is made only
    if the previous one succeeded, so no correction for multiple comparisons is needed.
    """
    least = None
    for batch in reversed(batches_of(found, method, rtt)):
        if not batch.faster:
            break
        least = batch.reads
    return least


def findings_of(info: ExperimentInfo, facts: pd.DataFrame) -> Findings:  # noqa: ARG001 - the page prints its texts
    """Findings of the experiment."""
    found = batches(facts)
    names = "way distance reads time_ms low high level rounds ratio ratio_low ratio_high"
    rows = []
    for b in found:
        e, ratio = b.time_ms, b.against_alone.ratio if b.against_alone else None
        shift = (ratio.estimate, ratio.low, ratio.high) if ratio else ("", "", "")
        rows.append((b.method, b.rtt, b.reads, e.value, e.low, e.high, e.level or "", e.rounds, *shift))
    note = achieved_rtt(facts)
    return Findings(
        answer=answer(found),
        notes=[note] if note else [],
        grids=[grid(found)],
        charts=[chart(found)],
        names=names,
        csv=rows,
    )


def achieved_rtt(facts: pd.DataFrame) -> str:
    """The configured and the achieved simulated RTT."""
    parts = [
        f"{configured} configured, {formatting.with_unit(float(own.median()), 'ms')} achieved"
        for configured, own in facts[facts["name"] == "distance"].groupby("parameter")["value"]
        if own.max() > 0
    ]
    return f"Simulated RTT, median: {'; '.join(parts)}." if parts else ""


def methods(found: list[Batch]) -> list[str]:
    """The methods, ALONE first."""
    return sorted({b.method for b in found}, key=lambda w: (w != ALONE, w != BATCHED, w))


def rtts(found: list[Batch]) -> list[str]:
    """The simulated RTTs, ascending."""
    return sorted({b.rtt for b in found}, key=lambda d: float(d.split()[0]))


def answer(found: list[Batch]) -> str:
    """Break-even and speed-up for each method and simulated RTT."""
    rounds = min(b.time_ms.rounds for b in found)
    if rounds < MIN_ROUNDS:
        return f"No verdict: {rounds} round{'' if rounds == 1 else 's'} cannot support one; the table shows medians."
    parts = []
    for rtt in rtts(found):
        each = [gain(found, method, rtt) for method in methods(found) if method != ALONE]
        parts.append(f"At an RTT of {rtt}: {'; '.join(each)}.")
    return " ".join(parts)


def gain(found: list[Batch], method: str, rtt: str) -> str:
    """From how many reads on a method is faster than ALONE, and how much faster it is with the most reads."""
    name = "a pipeline" if method == BATCHED else method
    least = break_even(found, method, rtt)
    most = max((b for b in found if (b.method, b.rtt) == (method, rtt)), key=lambda b: b.reads, default=None)
    ratio = most.against_alone.ratio if most and most.against_alone else None
    if most is None or least is None or ratio is None:
        return f"{name} was not significantly faster"
    low, high = formatting.number(1 / ratio.high), formatting.number(1 / ratio.low)
    times = f"{formatting.number(1 / ratio.estimate)} times ({low}–{high})"
    return f"{name} is faster from {least} reads on, and {times} as fast at {most.reads}"


def grid(found: list[Batch]) -> Grid:
    """Time of N reads by simulated RTT, number and method."""
    rows = []
    for rtt in rtts(found):
        for reads in sorted({b.reads for b in found}):
            entries = [GridEntry(text=rtt)]
            for method in methods(found):
                b = next(x for x in found if (x.method, x.rtt, x.reads) == (method, rtt, reads))
                text = formatting.with_unit(b.time_ms.value, "ms")
                entries.append(GridEntry(text=text, detail=detail(b), heat=0 if b.faster else None))
            rows.append((f"{reads}", entries))
    return Grid(
        anchor="pipelining-table",
        title="Time of N reads",
        explain=(
            "The median over rounds. Below it: for one by one, the interval of the median; for the others, the ratio "
            "to one by one in the same round (Hodges–Lehmann) with its exact signed-rank interval. Coloured: the whole "
            "interval is below 1."
        ),
        columns=["reads", "simulated RTT", *methods(found)],
        rows=rows,
        folded=True,
    )


def detail(batch: Batch) -> str:
    """The ratio to ALONE with its interval; for ALONE the interval of its time."""
    c = batch.against_alone
    if c is None or c.ratio is None:
        return formatting.interval(batch.time_ms)
    low, high = formatting.number(c.ratio.low), formatting.number(c.ratio.high)
    return f"× {formatting.number(c.ratio.estimate)} ({low} – {high})"


def chart(found: list[Batch]) -> Chart:
    """Time of N reads, one panel per simulated RTT."""
    question = "How long do N reads take?"
    return Chart(
        anchor="pipelining-chart",
        question=question,
        caption="One by one, each read takes a round trip; in a pipeline or an MGET, all reads together take one.",
        how_to_read=(
            "Marks: the median over rounds; shaded: its interval. One by one, every read waits for a round trip; a "
            "pipeline or MGET waits for one. Dotted: from this number of reads on, a pipeline is faster at every tried "
            "number, by the paired interval. The RTT is simulated."
        ),
        svg=drawn_twice(lambda width: pipelining_figure(found, width), "pipelining-chart", question, answer(found)),
        columns=["simulated RTT", "method", "reads", "ms", "interval"],
        rows=[
            [b.rtt, b.method, str(b.reads), formatting.number(b.time_ms.value), formatting.interval(b.time_ms)]
            for rtt in rtts(found)
            for method in methods(found)
            for b in batches_of(found, method, rtt)
        ],
    )


def batches_of(found: list[Batch], method: str, rtt: str) -> list[Batch]:
    """The batches of a method at a simulated RTT, by number of reads."""
    return sorted((b for b in found if (b.method, b.rtt) == (method, rtt)), key=lambda b: b.reads)


def pipelining_figure(found: list[Batch], width: float) -> Figure:
    """One panel per simulated RTT, next to each other; below each other on a phone."""
    rows = len(rtts(found)) if width == NARROW else 1
    figure = new_figure(width, 0.5 + 2.6 * rows)
    panels = list(figure.subplots(rows, len(rtts(found)) // rows, sharey=True, squeeze=False).flat)
    for axes, rtt in zip(panels, rtts(found), strict=True):
        for i, method in enumerate(methods(found)):
            draw_method(axes, i, batches_of(found, method, rtt), method if axes is panels[0] else None)
        draw_break_even(axes, break_even(found, BATCHED, rtt))
        label_panel(axes, rtt)
    panels[0].set_ylabel("time of the batch, ms (log)")
    panels[0].yaxis.label.set_color(INK)
    legend(figure)
    return figure


def draw_method(axes: Axes, look: int, own: list[Batch], label: str | None) -> None:
    """One method at one simulated RTT: medians joined by a line, their intervals shaded."""
    x = [b.reads for b in own]
    low, high = [b.time_ms.low for b in own], [b.time_ms.high for b in own]
    axes.fill_between(x, low, high, color=COLORS[look], alpha=0.15, linewidth=0)
    axes.plot(
        x,
        [b.time_ms.value for b in own],
        color=COLORS[look],
        marker=MARKERS[look],
        linestyle=DASHES[look],
        markersize=4.5,
        linewidth=1.8,
        label=label,
    )


def draw_break_even(axes: Axes, least: int | None) -> None:
    """A dotted line at the break-even number of reads, if there is one."""
    if least is None:
        return
    axes.axvline(least, color=MUTED, linestyle=":", linewidth=1.1)
    top = axes.get_xaxis_transform()
    text = f"faster from {least}"
    axes.text(least, 1.01, text, color=MUTED, fontsize=8.5, va="bottom", ha="left", transform=top)


def label_panel(axes: Axes, rtt: str) -> None:
    """Scales, axis labels and style of a panel."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(short))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(f"reads, at a simulated RTT of {rtt} (log)")
    style_axes(axes)
