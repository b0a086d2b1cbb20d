"""The comparison of two runs as a page, as Markdown, and on the terminal. The same folders give the same bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from stampede.core.text.safe_text import shown
from stampede.core.text.terminal import PlainConsole
from stampede.reports.analysis.results import Verdict
from stampede.reports.compare.compare_runs import RunPair, pair
from stampede.reports.compare.comparison_answers import (
    MOST_CHANGES,
    change_answers,
    change_text,
    changes,
    scenario_counts,
)
from stampede.reports.compare.comparison_chart import forest
from stampede.reports.output import charts, formatting
from stampede.reports.output.charts import Chart
from stampede.reports.output.html_report import template, write_page
from stampede.run_folder.read import read_run

COLUMNS = ("contender", "metric", "A", "B", "change from A to B", "basis", "verdict")
TEXT_COLUMNS = ("verdict",)
"""Columns whose texts are left-aligned and may wrap."""
WIDTH = 80
MOST_WARNINGS = 3
"""Warnings above the comparison; the others are in a fold, and on the terminal a number."""


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """One row of the comparison's table."""

    verdict: Verdict
    kind: str
    """The contender's kind."""
    cells: list[str]
    """The texts of COLUMNS."""


@dataclass(frozen=True, kw_only=True)
class ComparisonSection:
    """The table and the chart of one scenario."""

    scenario: str
    rows: list[ComparisonRow]
    chart: Chart | None
    moved: bool
    """Whether a contender changed significantly; otherwise the chart is folded."""


def render_comparison(a: Path, b: Path, *, force: bool = False, out: Path | None = None) -> RunPair:
    """Compare B with A and write compare-<A>.html and .md into B's folder, or into `out`.

    Raises RunFolderError if a folder is no run, InputError if the two are not comparable and not forced.
    """
    both = pair(read_run(a), read_run(b), force=force)
    for path, text in zip(files(both, out), (page(both), markdown(both)), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_page(path, text)
    return both


def files(both: RunPair, out: Path | None = None) -> tuple[Path, Path]:
    """The paths of the page and of the Markdown file."""
    folder = out or both.b.run.folder
    return folder / f"compare-{both.names[0]}.html", folder / f"compare-{both.names[0]}.md"


def sections(both: RunPair) -> list[ComparisonSection]:
    """One section per scenario."""
    kinds = {c.name: c.kind for c in both.b.run.info.contenders}
    moved = changes(both)
    return [
        ComparisonSection(
            scenario=scenario,
            rows=[
                ComparisonRow(verdict=v, kind=kinds[v.contender], cells=row_texts(both, v))
                for v in both.verdicts
                if v.scenario == scenario
            ],
            chart=forest(both, scenario),
            moved=any(v.scenario == scenario for v in moved),
        )
        for scenario in both.scenarios
    ]


def row_texts(both: RunPair, v: Verdict) -> list[str]:
    """The texts of COLUMNS for one verdict."""
    test = v.comparison.ratio or v.comparison.difference
    figures = [analysis.figure(v.scenario, v.contender, v.metric.name) for analysis in (both.a, both.b)]
    return [
        v.contender,
        formatting.label(v.metric),
        *(formatting.figure(f.value, v.metric) for f in figures),
        change_text(v),
        formatting.level(test.level if test else None, v.comparison.rounds),
        formatting.spoken(v),
    ]


def contract_rows(both: RunPair) -> list[list[str]]:
    """The texts of CONTRACT_COLUMNS, one row per limiter."""
    return [
        [
            c.scenario,
            c.limiter,
            *(f"{x.kept} ({x.most_certain} admitted, limit {x.limit})" for x in (c.a, c.b)),
            *(formatting.number(x.got()) for x in (c.a, c.b)),
        ]
        for c in both.contracts
    ]


ANSWER_COLUMNS = ("metric", "contender", "A", "B", "change", "verdict", "what it means")
CONTRACT_COLUMNS = (
    "scenario",
    "limiter",
    "contract in A",
    "contract in B",
    "share of quota in A",
    "share of quota in B",
)
HOW = (
    "The rounds of two runs are not paired. Each ratio B over A is therefore the Hodges–Lehmann estimate over all "
    "pairs of a round of B and a round of A, with the exact Mann–Whitney interval of the logarithms; its level is "
    "printed. If a round is zero, the verdict is about the difference instead. Holm's correction covers the rows of "
    "one metric in one scenario. m is the larger of 5 % and the noise floors of both runs' A/A pairs. It covers the "
    "difference of two copies within a run, not changes of the machine between runs: the rows of bare-get show those. "
    "A and B are the figures of each run's own report, so their quotient can differ from the estimate."
)


def page(both: RunPair) -> str:
    """The whole page as text."""
    return template("compare.html.j2").render(
        both=both,
        names=both.names,
        warnings=list(both.warnings()),
        most_warnings=MOST_WARNINGS,
        answers=change_answers(both),
        further=max(0, len(changes(both)) - MOST_CHANGES),
        counts=scenario_counts(both),
        sections=sections(both),
        columns=COLUMNS,
        text_columns=TEXT_COLUMNS,
        contracts=contract_rows(both),
        contract_columns=CONTRACT_COLUMNS,
        how=HOW,
        palette=charts.PALETTE,
    )


def markdown(both: RunPair) -> str:
    """The comparison for a pull request: headline, warnings, differences, one table per scenario."""
    a, b = both.names
    lines = [f"# {b} against {a}", "", *(f"> **{line}**\n" for line in both.warnings())]
    lines += [f"**{both.headline}** {both.detail}".strip(), ""]
    if both.differences:
        lines += ["Differences between the runs:", "", *(f"- {x}" for x in both.differences), ""]
    rows = [
        [f"{x.verdict.scenario}: {x.metric}", x.verdict.contender, x.a, x.b, x.text, x.verdict.sentence, x.meaning]
        for x in change_answers(both)
    ]
    if rows:
        lines += ["## Significant changes", "", *table(ANSWER_COLUMNS, rows), ""]
    for section in sections(both):
        lines += [f"## {section.scenario}", "", *table(COLUMNS, [row.cells for row in section.rows]), ""]
    if both.contracts:
        lines += ["## Limiters", "", *table(CONTRACT_COLUMNS, contract_rows(both)), ""]
    return "\n".join([*lines, HOW, ""])


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table."""
    return [f"| {' | '.join(x.replace('|', '/') for x in row)} |" for row in (columns, ["---"] * len(columns), *rows)]


def print_comparison(both: RunPair, console: Console | None = None) -> None:
    """Print the headline, the warnings and the largest changes, in at most 25 lines of 80 columns.

    No colours if the output is no terminal.
    """
    console = console or PlainConsole()

    def write(text: str, style: str = "") -> None:
        line = Text(shown(text), style=style)
        line.truncate(WIDTH, overflow="ellipsis")
        console.print(line, soft_wrap=True)

    warnings = list(both.warnings())
    for line in warnings[:MOST_WARNINGS]:
        write(line, "yellow")
    if len(warnings) > MOST_WARNINGS:
        write(f"{len(warnings) - MOST_WARNINGS} more warnings on the page", "yellow")
    write(both.headline, "bold")
    if both.detail:
        write(both.detail)
    moved = changes(both)
    for v in moved[:MOST_CHANGES]:
        style = "red" if v.sentence == "worse" else "green"
        write(f"{v.sentence:6} {change_text(v)}: {v.scenario}, {v.contender}, {formatting.label(v.metric)}", style)
    if len(moved) > MOST_CHANGES:
        write(f"{len(moved) - MOST_CHANGES} more changes on the page")
    for c in [c for c in both.contracts if c.a.kept != c.b.kept][:MOST_WARNINGS]:
        write(f"{c.scenario}, {c.limiter}: its contract was {c.a.kept}, now {c.b.kept}")
    others = [x.what for x in both.differences if not x.blocking]
    if others:
        write(f"Other differences: {', '.join(others)}")
