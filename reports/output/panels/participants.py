"""The participants of a run: contenders, A/A copies and baselines, with the scenarios in which each ran."""

from dataclasses import dataclass

from stampede.reports.analysis.analysis import Analysis
from stampede.run_folder.schema import ContenderInfo


@dataclass(frozen=True, kw_only=True)
class Participant:
    """One contender, A/A copy or baseline of the run."""

    contender: ContenderInfo
    where: list[str]
    """The scenarios in which it finished a cell, in the order of the run."""


def participants(analysis: Analysis) -> list[Participant]:
    """All participants with a finished cell, in the order of the run."""
    parts = [part for part in (analysis, analysis.separate, analysis.limiting) if part is not None]
    groups = {group for part in parts for group in part.groups}
    names = [s.name for s in analysis.run.info.scenarios]
    found = [
        Participant(contender=c, where=[name for name in names if (name, c.name) in groups])
        for c in analysis.run.info.contenders
    ]
    return [ran for ran in found if ran.where]
