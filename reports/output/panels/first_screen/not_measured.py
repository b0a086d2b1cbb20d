"""The list "Not measured here": questions without an answer in this run, and the command that answers each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stampede.reports.output.panels.first_screen.answer_texts import minutes_text
from stampede.reports.recommend.answer_row import AnswerRow
from stampede.run_folder.schema import RunInfo

RACES = ("make races", 4.0)
SERIALIZERS = ("make serializers", 3.0)
OWN_WORKLOAD = ("stampede init && make bench WORKLOAD=workload.toml", 8.0)
STANDARD = ("make bench PLAN=standard", 30.0)
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
    """What this run did not measure, the questions of the answer first. `explored`: the run has races."""
    return [*without_answer(rows), *of_other_commands(run, explored=explored)]


def without_answer(rows: Sequence[AnswerRow]) -> Iterator[MissingAnswer]:
    """The questions without an answer."""
    for row in rows:
        if not row.use:
            yield MissingAnswer(what=row.question, why=row.why, command=row.command, time=minutes_text(row.minutes))


def of_other_commands(run: RunInfo, *, explored: bool) -> Iterator[MissingAnswer]:
    """What only another command measures."""
    ran = {scenario.name for scenario in run.scenarios}
    known = [
        (not explored, "Race conditions: every order of a few concurrent requests", RACES),
        ("mixed-writes" not in ran, "Freshness: how long readers see old values", STANDARD),
        (not any(s.fault for s in run.scenarios), "Outages: Redis fails, hangs or restarts empty", STANDARD),
        (not any(s.workload.get("own_sql") for s in run.scenarios), "Your own table, SQL and rate", OWN_WORKLOAD),
        (True, "Size and type fidelity of all serializers", SERIALIZERS),
    ]
    for missing, what, (command, minutes) in known:
        if missing:
            yield MissingAnswer(what=what, why="", command=command, time=minutes_text(minutes))
