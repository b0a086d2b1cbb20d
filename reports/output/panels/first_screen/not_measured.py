"""The list "Not measured here": questions without an answer in this run, and the command that answers each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from stampede.reports.output.panels.first_screen.answer_texts import minutes_text
from stampede.reports.recommend.answer_row import AnswerRow
from stampede.run_folder.schema import RunInfo

RACES = ("make races", 4.0)
SERIALIZERS = ("make serializers", 3.0)
OWN_WORKLOAD = ("stampede init && make bench WORKLOAD=workload.toml", 8.0)
"""Commands and about how many minutes each takes on two cores."""


@dataclass(frozen=True, kw_only=True)
class MissingAnswer:
    """One line of the list."""

    what: str
    why: str
    """Why there is no answer, if it is not only that the run did not measure it."""
    command: str
    """Empty: no command helps."""
    time: str
    """For example "about 30 min"; empty if it is not known."""


def not_measured(run: RunInfo, rows: Sequence[AnswerRow], *, explored: bool) -> list[MissingAnswer]:
    """What this run did not measure: one line for each command. `explored`: the run has races."""
    found = [*without_answer(rows), *of_other_commands(run, explored=explored)]
    lines: dict[str, list[MissingAnswer]] = {}
    for line in found:
        lines.setdefault(line.command or line.what, []).append(line)
    return [
        some[0] if len(some) == 1 else replace(some[0], what="; ".join(line.what for line in some), why="")
        for some in lines.values()
    ]


def without_answer(rows: Sequence[AnswerRow]) -> Iterator[MissingAnswer]:
    """The questions without an answer."""
    for row in rows:
        if not row.use:
            yield MissingAnswer(what=row.question, why=row.why, command=row.command, time=minutes_text(row.minutes))


def of_other_commands(run: RunInfo, *, explored: bool) -> Iterator[MissingAnswer]:
    """What only another command measures."""
    own_sql = any(s.workload.get("own_sql") for s in run.scenarios)
    known = [
        (not explored, "Race conditions: every order of a few concurrent requests", RACES),
        (not own_sql, "Your own table, SQL and rate", OWN_WORKLOAD),
        (True, "Size and types of all serializers", SERIALIZERS),
    ]
    for missing, what, (command, minutes) in known:
        if missing:
            yield MissingAnswer(what=what, why="", command=command, time=minutes_text(minutes))
