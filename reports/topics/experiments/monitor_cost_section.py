"""Report section on the cost of MONITOR: throughput with a MONITOR client over throughput without, per round."""

import pandas as pd

from stampede.reports.output import formatting
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import median
from stampede.reports.topics.experiments.experiments_section import Findings
from stampede.run_folder.schema import ExperimentInfo

NAME = "monitor-cost"
WITH, WITHOUT = "with MONITOR", "without"
WARNING = "Do not keep it running on a production server."


def throughputs(facts: pd.DataFrame) -> dict[str, tuple[list[float], list[float], Comparison]]:
    """By condition: commands per second with and without MONITOR, by round, and their comparison."""
    found = {}
    for condition, own in facts[facts["name"] == "throughput"].groupby("parameter", sort=False):
        table = own.pivot_table(index="round", columns="variant", values="value")
        if {WITH, WITHOUT} <= set(table.columns):
            whole = table.dropna()
            pair = whole[WITH].tolist(), whole[WITHOUT].tolist()
            found[str(condition)] = (*pair, compare(*pair))
    return found


def ratio_text(c: Comparison) -> str:
    """The ratio with its interval."""
    if c.ratio is not None:
        r = c.ratio
        text = f"× {formatting.number(r.estimate)} ({formatting.number(r.low)}–{formatting.number(r.high)})"
        return text if r.high < 1 or r.low > 1 else f"{text}, not significant"
    if c.rounds == 1:
        return f"× {formatting.number(c.low_seen)} (1 round, no verdict)"
    return (
        f"× {formatting.number(c.low_seen)} – {formatting.number(c.high_seen)} (range of {c.rounds} rounds, no verdict)"
    )


def findings_of(info: ExperimentInfo, facts: pd.DataFrame) -> Findings:  # noqa: ARG001 - the page prints its texts
    """Findings of the experiment."""
    found = throughputs(facts)
    ratios = "; ".join(f"{condition}: {ratio_text(c)}" for condition, (_, _, c) in found.items())
    rows = [
        (
            condition,
            [
                *(
                    GridEntry(text=f"{median(v).value:,.0f}/s", detail=formatting.span(median(v)))
                    for v in (without, watched)
                ),
                GridEntry(text=ratio_text(c)),
            ],
        )
        for condition, (watched, without, c) in found.items()
    ]
    grid = Grid(
        anchor="monitor-cost-table",
        title="Commands per second, alternating GET and SET",
        explain="Medians over rounds; the ratio is paired by round, with its exact signed-rank interval.",
        columns=["commands are sent", "without MONITOR", "with one MONITOR client", "ratio, with to without"],
        rows=rows,
    )
    csv = [(c, i, a, b) for c, (w, o, _) in found.items() for i, (a, b) in enumerate(zip(w, o, strict=True), 1)]
    names = "condition round with_per_s without_per_s"
    answer = f"One MONITOR client changes the throughput of all others: {ratios}. {WARNING}"
    return Findings(answer=answer, grids=[grid], names=names, csv=csv)
