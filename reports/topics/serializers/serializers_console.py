"""The end of `stampede serializers` on the terminal, in at most 25 lines of 80 columns."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from stampede.core.text.safe_text import shown
from stampede.reports.topics.serializers.serializer_advice import (
    SerializerAdvice,
    advise,
    headline,
    saving_text,
    size_text,
)
from stampede.reports.topics.serializers.serializer_facts import SerializerFacts, read_facts

MOST_LINES = 25
WIDTH = 80
HEADING = f"{'record':<18}{'size':>10}  {'use':<18}{'saves per write+read':<24}how sure"


def print_advice(folder: Path) -> None:
    """Print the report's path, the headline, a row for each kind of record, and how many warnings there are."""
    facts = read_facts(folder)
    answers = [advise(facts, s.name) for s in facts.run.scenarios]
    for line in lines(folder, facts, answers):
        print(shown(line))


def lines(folder: Path, facts: SerializerFacts, answers: Sequence[SerializerAdvice]) -> list[str]:
    """The lines. Kinds of record that do not fit are in the report only."""
    room = MOST_LINES - 7
    found = [f"Report: {folder / 'report.html'}", headline(answers), "", HEADING, *map(row, answers[:room])]
    if len(answers) > room:
        found.append(f"{len(answers) - room} more kinds of record: see the report")
    rounds = len(facts.rounds)
    counted = f"{rounds} round{'s' * (rounds != 1)}"
    how = f"{counted}. Saves: the fastest safe serializer against json. Types, safety, prices: see the report."
    return [*found, *textwrap.wrap(how, WIDTH)]


def row(answer: SerializerAdvice) -> str:
    """One kind of record: its size, what to use, what the fastest safe serializer saves, and how sure that is."""
    columns = f"{answer.record[:17]:<18}{size_text(answer.bytes):>10}  {(answer.use or 'none')[:17]:<18}"
    return f"{columns}{saving_text(answer):<24}{answer.certainty}"
