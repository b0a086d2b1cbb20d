"""The report on the terminal, in at most 25 lines of 80 columns: answers with prices, patterns, and what limits it."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from stampede.core.text.safe_text import shown
from stampede.core.text.terminal import PlainConsole
from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claims_section import COUNTED, ClaimFinding
from stampede.reports.output import formatting
from stampede.reports.output.panels import warnings_panel
from stampede.reports.output.panels.first_screen.answer_texts import answered, brief_effect, brief_price
from stampede.reports.output.panels.first_screen.not_measured import not_measured
from stampede.reports.output.panels.first_screen.patterns_table import many_keys
from stampede.reports.output.panels.run_description import storage_text
from stampede.reports.output.report_model import Report
from stampede.reports.recommend.answer_row import AnswerRow

WIDTH = 80
MOST_LINES = 25
MOST_PATTERNS, LEAST_PATTERNS = 4, 2
INDENT = "   "
CUT = " …"
QUESTION_COLUMN, USE_COLUMN, PRICE_COLUMN = 22, 16, 70
DETAILS = ("strict-limit", "burst-limit", "serializer", "many-keys", "eviction", "outage")
"""Names of questions that have no line for their price."""
SHORT_QUESTIONS = {
    "fewer-queries": "Still fewer queries",
    "hot-key-may-wait": "Hot key, may wait",
    "hot-key-must-not-wait": "Hot key, must not wait",
}
"""Questions that are wider than their column."""
SHORT_MISSING = {
    "Records must be fresh": "fresh records",
    "Redis fails or hangs": "outages",
    "Race conditions: every order of a few concurrent requests": "races",
    "Your own table, SQL and rate": "your own table",
    "Size and types of all serializers": "all serializers",
}
"""What was not measured, in fewer words."""
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
    if analysis.run.info.serializer != "json" or analysis.run.info.accepted_changes:
        head += styled(folded(f"{storage_text(analysis.run.info)}.", 2), "")
    tail = [
        *styled(folded(claims_text(report.claims), 2, INDENT), ""),
        *styled(warning_lines(report), "yellow" if analysis.warnings else "green"),
        *styled(missing_lines(report), ""),
    ]
    rows = answered(report.answer_rows)
    wanted = len(rows) + sum(row.name not in DETAILS for row in rows)
    room = MOST_LINES - len(head) - len(tail)
    most = min(MOST_PATTERNS, max(LEAST_PATTERNS, room - wanted - 1))
    patterns = list(pattern_lines(analysis, report.answer_rows, most))
    return [*head, *answer_lines(rows, room - len(patterns)), *patterns, *tail]


def nothing_finished(analysis: Analysis) -> bool:
    """Whether the run finished neither a cell nor an experiment that the report can show."""
    if analysis.separate is not None or analysis.limiting is not None:
        return False
    return bool(analysis.run.info.cells) or not analysis.run.info.experiments


def answer_lines(rows: Sequence[AnswerRow], room: int) -> Iterator[ConsoleLine]:
    """Each question with its answer and effect. Spare lines show prices: those of details come last."""
    kept = rows[: max(room, 0)]
    order = sorted(kept, key=lambda row: row.name in DETAILS)
    priced = {row.name for row in order if row.name not in DETAILS}
    while len(kept) + sum(row.name in priced for row in kept) > room:
        priced.discard(next(row.name for row in reversed(order) if row.name in priced))
    for row in kept:
        yield ConsoleLine(text=answer_line(row))
        if row.name in priced:
            yield ConsoleLine(text=f"{INDENT}price: {brief_price(row, PRICE_COLUMN)}", style="dim")


def answer_line(row: AnswerRow) -> str:
    """A question, what to use and the effect in columns. A certainty that is not high follows what to use."""
    question = SHORT_QUESTIONS.get(row.name, row.question)
    use = row.use if row.certainty == "high" else f"{row.use} ({row.certainty})"
    start = f"{question:{QUESTION_COLUMN}} {use:{USE_COLUMN}}"
    return f"{shorter(start.rstrip(), WIDTH):{len(start)}} {brief_effect(row, WIDTH - len(start) - 1)}".rstrip()


def pattern_lines(analysis: Analysis, rows: Sequence[AnswerRow], most: int) -> Iterator[ConsoleLine]:
    """The table of at most that many patterns, the recommended ones first."""
    scenario = many_keys(analysis)
    expiring = [place for place, _, metric in analysis.figures if metric == EXPIRY and measured(analysis, place)]
    places = (scenario.name if scenario else "", expiring[0] if expiring else "")
    names = [
        c.name
        for c in analysis.run.info.contenders
        if c.kind == "contender" and any(analysis.ran(place, c.name) for place in places)
    ]
    used = [row.pick for row in rows if row.pick in names]
    names = sorted(names, key=lambda name: (used.index(name) if name in used else len(used), name == "no-cache"))[:most]
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
    """The article's claims by verdict, those that are refuted by name."""
    by_word: dict[str, list[str]] = {}
    for finding in found:
        by_word.setdefault(finding.verdict.word, []).append(f"{finding.claim.row} {finding.claim.short}")
    names = {"does not hold": f" ({', '.join(by_word.get('does not hold', []))})"}
    parts = [f"{len(by_word[word])} {text}{names.get(word, '')}" for word, text in COUNTED.items() if word in by_word]
    return f"Claims: {', '.join(parts)}" if parts else ""


def warning_lines(report: Report) -> list[str]:
    """The number of warnings, and as many of the most severe ones as two lines hold."""
    analysis = report.analysis
    if not analysis.warnings:
        return [f"No warning; {len(analysis.passed)} checks passed."]
    found = warnings_panel.entries(analysis.warnings, report.answer_rows)
    said = [f"{entry.lead}. {entry.consequence.split('; ')[0].removesuffix('.')}." for entry in found]
    text = f"Warnings: {len(analysis.warnings)}."
    lines = longest(text, said, " ", 2)
    return lines if lines != [text] else longest(text, [f"{entry.lead}." for entry in found], " ", 2)


def missing_lines(report: Report) -> list[str]:
    """What was not measured with the commands for it, as much as two lines hold."""
    found = not_measured(report.run, report.answer_rows, explored=report.races is not None)
    parts = [f"{shortly(line.what)} ({line.command})" if line.command else shortly(line.what) for line in found]
    return longest("Not measured:", parts, "; ", 2) if parts else []


def shortly(what: str) -> str:
    """What was not measured, in few words: what follows a colon is left out."""
    return ", ".join(SHORT_MISSING.get(part, part).partition(":")[0] for part in what.split("; "))


def longest(start: str, parts: Sequence[str], separator: str, most: int) -> list[str]:
    """The start and the first parts, each whole, in at most that many lines."""
    lines = [start]
    kept: list[str] = []
    for part in parts:
        longer = textwrap.wrap(
            f"{start} {separator.join([*kept, part])}", WIDTH, subsequent_indent=INDENT, break_on_hyphens=False
        )
        if len(longer) > most:
            break
        kept.append(part)
        lines = longer
    return lines


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
