"""The report on the terminal: the answer, the warnings, one small table per scenario. Fits 80 columns."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stampede.core.text.safe_text import shown
from stampede.core.text.terminal import PlainConsole
from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims import claims_section as claims
from stampede.reports.metrics.metric import find_metric
from stampede.reports.output import formatting
from stampede.reports.output.report_model import Report
from stampede.run_folder.schema import ScenarioInfo

COLUMNS = (
    ("due", "due"),
    ("read-p50", "p50 ms"),
    ("read-p99", "p99 ms"),
    ("loads-per-1000-reads", "loads/1k"),
    ("loads-per-expiry", "/expiry"),
    ("hit-rate", "hit %"),
)
WIDTH = 80


def print_report(report: Report, console: Console | None = None) -> None:
    """Print the answer, the warnings and the tables. No colours if the output is no terminal."""
    console = console or PlainConsole()
    width = min(WIDTH, console.width) if console.is_terminal else WIDTH
    analysis = report.analysis
    if analysis.cells:
        console.print(Text(shown(report.headline), style="bold"), width=width)
    elif nothing_finished(analysis):
        console.print("No cell was finished: there is nothing to report.", width=width)
    for line in lines(report):
        console.print(Text(shown(line)), width=width)
    for warning in analysis.warnings:
        where = f"{warning.scenario}: " if warning.scenario else ""
        console.print(Text(shown(f"Warning {warning.number}. {where}{warning.what}"), style="yellow"), width=width)
    console.print(Text(shown(f"{len(analysis.passed)} checks passed."), style="green"), width=width)
    for scenario in analysis.scenarios:
        console.print(table(analysis, scenario), width=width)


def nothing_finished(analysis: Analysis) -> bool:
    """Whether the run finished neither a cell nor an experiment that the report can show."""
    if analysis.separate is not None or analysis.limiting is not None:
        return False
    return bool(analysis.run.info.cells) or not analysis.run.info.experiments


def lines(report: Report) -> Iterator[str]:
    """The answer of each question and section in a sentence."""
    for row in report.answer_rows:
        effect = f": {row.effect.text}" if row.effect else ""
        yield f"{row.question}: {row.use}{effect}." if row.use else f"{row.question}: {row.why}."
    for limited in report.limiters:
        yield f"{limited.scenario.name}: {limited.answer}"
    for fault in report.fault_scenarios:
        yield f"{fault.scenario.name}: {fault.findings.answer}"
    for section in report.experiments:
        text = section.findings.answer if section.findings else f"{section.info.status}: {section.info.why}"
        yield f"{section.info.name}: {text}"
    yield f"Claims that {claims.in_words(report.claims)}."
    if report.races:
        yield f"races: {report.races.answer}"


def table(analysis: Analysis, scenario: ScenarioInfo) -> Table:
    """A scenario's contenders with the metrics of COLUMNS."""
    w = scenario.workload
    title = f"{scenario.name}: {w['rate_per_s']:g}/s, TTL {w['ttl_s']:g} s, RTT {w.get('rtt_ms') or 0:g} ms"
    grid = Table(
        title=Text(shown(title), style="bold"),
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    grid.add_column("", overflow="fold", max_width=20)
    for _, heading in COLUMNS:
        grid.add_column(heading, justify="right", no_wrap=True)
    for contender in analysis.run.info.contenders:
        if not analysis.of(scenario.name, contender.name):
            continue
        cells = []
        for name, _ in COLUMNS:
            figure = analysis.figure(scenario.name, contender.name, name)
            value = formatting.MISSING if figure.why and not figure.missing else formatting.number(figure.value)
            cells.append(f"{figure.value:,.0f}" if find_metric(name).whole and not figure.missing else value)
        style = "" if contender.kind == "contender" else "dim"
        grid.add_row(Text(shown(contender.name)), *cells, style=style)
    return grid
