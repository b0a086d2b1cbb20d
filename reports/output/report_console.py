"""The report on the terminal, in at most 25 lines of 80 columns: answers with prices, patterns, and what limits it."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from stampede.core.text.safe_text import shown
from stampede.core.text.terminal import PlainConsole
from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claims_section import ClaimFinding
from stampede.reports.output import formatting
from stampede.reports.output.panels import warnings_panel
from stampede.reports.output.panels.first_screen.answer_texts import answered, price_items
from stampede.reports.output.panels.first_screen.not_measured import MissingAnswer, not_measured
from stampede.reports.output.panels.first_screen.patterns_table import many_keys
from stampede.reports.output.report_model import Report
from stampede.reports.recommend.answer_row import AnswerRow

WIDTH = 80
MOST_LINES = 25
MOST_PATTERNS = 4
ALL_COSTS = 6
"""Costs of an answer that the terminal shows at most."""
INDENT = "   "
CUT = " …"
NAME_COLUMN = 22
HIT, MISS, QUERIES, EXPIRY = "hit-p50", "miss-p50", "loads-per-1000-reads", "loads-per-expiry"
HEADINGS = ("hit ms", "miss ms", "queries/1k", "per expiry")


@dataclass(frozen=True, kw_only=True)
class ConsoleLine:
    """One line of the terminal."""

    text: str
    style: str = ""


def print_report(report: Report, console: Console | None = None) -> None:
    """Print the end of a run. No colours if the output is no terminal."""
    console = console or PlainConsole()
    for line in report_lines(report):
        console.print(Text(shown(line.text), style=line.style), soft_wrap=True)


def report_lines(report: Report) -> list[ConsoleLine]:
    """All lines. Answers take the lines that the other parts leave: the first answers get a second line first."""
    analysis = report.analysis
    head = [ConsoleLine(text=f"Report: {report.folder / 'report.html'}")]
    if report.answer_rows or analysis.cells:
        head += styled(folded(report.headline, 2), "bold")
    elif nothing_finished(analysis):
        head.append(ConsoleLine(text="No cell was finished: there is nothing to report."))
    tail = [
        *pattern_lines(analysis, report.answer_rows),
        *styled(folded(claims_text(report.claims), 2, INDENT), ""),
        *styled(folded(warnings_text(analysis), 2, INDENT), "yellow" if analysis.warnings else "green"),
        *styled(folded(missing_text(report), 2, INDENT), ""),
    ]
    return [*head, *answer_lines(answered(report.answer_rows), MOST_LINES - len(head) - len(tail)), *tail]


def nothing_finished(analysis: Analysis) -> bool:
    """Whether the run finished neither a cell nor an experiment that the report can show."""
    if analysis.separate is not None or analysis.limiting is not None:
        return False
    return bool(analysis.run.info.cells) or not analysis.run.info.experiments


def answer_lines(rows: Sequence[AnswerRow], room: int) -> Iterator[ConsoleLine]:
    """Each question with its answer and price.

    Spare lines go first to answers whose main price does not fit into one line, then to the others, in their order.
    """
    kept = rows[: max(room, 0)]
    sizes = [1] * len(kept)
    spare = room - len(kept)
    for wanted in (1, ALL_COSTS):
        for k, row in enumerate(kept):
            more = len(fitting(row, wanted)) - sizes[k]
            if 0 < more <= spare:
                sizes[k] += more
                spare -= more
    for row, size in zip(kept, sizes, strict=True):
        yield from styled(within(row, size), "")


def within(row: AnswerRow, most: int) -> list[str]:
    """A question, its answer and as many of its costs as that many lines hold."""
    for costs in range(ALL_COSTS, 0, -1):
        lines = fitting(row, costs)
        if len(lines) <= most:
            return lines
    return folded(" ".join(line.strip() for line in fitting(row, 1)), most, INDENT)


def fitting(row: AnswerRow, most_costs: int) -> list[str]:
    """The lines for a question, its answer, how sure it is, and the first of its costs."""
    mechanism = [row.mechanism] if row.mechanism else []
    costs = [*price_items(row), *mechanism] or ["not stated"]
    more = CUT if len(costs) > most_costs else ""
    text = f"{row.question}: {row.use} ({row.certainty}). Price: {'; '.join(costs[:most_costs])}{more}"
    return textwrap.wrap(text, WIDTH, subsequent_indent=INDENT, break_on_hyphens=False)


def pattern_lines(analysis: Analysis, rows: Sequence[AnswerRow]) -> Iterator[ConsoleLine]:
    """The table of at most MOST_PATTERNS patterns, the recommended ones first."""
    scenario = many_keys(analysis)
    expiring = [place for place, _, metric in analysis.figures if metric == EXPIRY and measured(analysis, place)]
    places = (scenario.name if scenario else "", expiring[0] if expiring else "")
    names = [
        c.name
        for c in analysis.run.info.contenders
        if c.kind == "contender" and any(analysis.ran(place, c.name) for place in places)
    ]
    used = [row.pick for row in rows if row.pick in names]
    names = sorted(names, key=lambda name: (name not in used, name == "no-cache"))[:MOST_PATTERNS]
    if not names:
        return
    heading = "".join(f"{title:>13}" for title in HEADINGS)
    yield ConsoleLine(text=f"{'':{NAME_COLUMN}}{heading}", style="dim")
    for name in names:
        asked = ((places[0], HIT), (places[0], MISS), (places[0], QUERIES), (places[1], EXPIRY))
        figures = "".join(f"{value(analysis, place, name, metric):>13}" for place, metric in asked)
        yield ConsoleLine(text=f"{shorter(name, NAME_COLUMN - 1):{NAME_COLUMN}}{figures}")


def measured(analysis: Analysis, scenario: str) -> bool:
    """Whether a contender has queries per expiry in the scenario."""
    return any(not analysis.figure(scenario, c.name, EXPIRY).missing for c in analysis.run.info.contenders)


def value(analysis: Analysis, scenario: str, contender: str, metric: str) -> str:
    """A figure, or a dash if it is missing or was seen only."""
    figure = analysis.figure(scenario, contender, metric)
    return formatting.MISSING if figure.missing or figure.why else formatting.number(figure.value)


def claims_text(found: Sequence[ClaimFinding]) -> str:
    """The article's claims by verdict: those that do not hold by name, the others by name while there is room."""
    by_word: dict[str, list[str]] = {}
    for finding in found:
        by_word.setdefault(finding.verdict.word, []).append(finding.claim.short)
    if not by_word:
        return ""
    said = {"does not hold": "refuted", "holds": "confirmed", "holds only if": "conditional"}
    parts = [
        f"{text} {len(by_word[word])} ({'; '.join(by_word[word])})" for word, text in said.items() if word in by_word
    ]
    left = len(by_word.get("cannot tell", []))
    return f"Claims: {', '.join([*([f'{left} open'] if left else []), *parts])}"


def warnings_text(analysis: Analysis) -> str:
    """The number of warnings, and what the most serious ones mean."""
    if not analysis.warnings:
        return f"No warning; {len(analysis.passed)} checks passed."
    entries = warnings_panel.entries(analysis.warnings)[: warnings_panel.MOST]
    meant = " ".join(
        f"{f'{entry.scenario}: ' if entry.scenario else ''}{entry.consequence or f'{entry.lead}.'}" for entry in entries
    )
    return f"Warnings ({len(analysis.warnings)}): {meant}"


def missing_text(report: Report) -> str:
    """What was not measured, with the command for it."""
    found = not_measured(report.run, report.answer_rows, explored=report.races is not None)
    return f"Not measured: {'; '.join(map(missing_in_words, found))}." if found else ""


def missing_in_words(line: MissingAnswer) -> str:
    """One question without an answer, and its command."""
    return f"{line.what} ({line.command})" if line.command else f"{line.what} ({line.why})" if line.why else line.what


def folded(text: str, most: int, indent: str = "") -> list[str]:
    """A text in at most that many lines of WIDTH. A longer text ends in "…"."""
    text = text.replace("\n", " ")
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, max_lines=most, placeholder=CUT, break_on_hyphens=False)


def shorter(text: str, width: int) -> str:
    """A name in at most that many characters."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def styled(lines: Sequence[str], style: str) -> list[ConsoleLine]:
    """Lines in one style."""
    return [ConsoleLine(text=line, style=style) for line in lines]
