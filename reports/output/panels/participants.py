"""Who ran in a run, what each does, and where it ran."""

from dataclasses import dataclass

from stampede.reports.analysis.analysis import Analysis
from stampede.run_folder.schema import ContenderInfo


@dataclass(frozen=True, kw_only=True)
class Participant:
    """One contender, twin or ruler of the run."""

    contender: ContenderInfo
    where: list[str]
    """The scenarios of which a cell was finished, in the order of the run."""


def who_ran(analysis: Analysis) -> list[Participant]:
    """Everybody with a finished cell, in the order of the run."""
    parts = [part for part in (analysis, analysis.apart, analysis.limiting) if part is not None]
    groups = {group for part in parts for group in part.groups}
    names = [s.name for s in analysis.run.info.scenarios]
    found = [
        Participant(contender=c, where=[name for name in names if (name, c.name) in groups])
        for c in analysis.run.info.contenders
    ]
    return [ran for ran in found if ran.where]
