"""Who ran in a run, what each does, and where it ran."""

from dataclasses import dataclass

from stampede.run_folder.schema import ContenderInfo
from stampede.reports.analysis.analysis import Judgement


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One contender, twin or ruler of the run."""

    contender: ContenderInfo
    where: list[str]
    """The scenarios of which a cell was finished, in the order of the run."""


def who_ran(judgement: Judgement) -> list[Ran]:
    """Everybody with a finished cell, in the order of the run."""
    parts = [part for part in (judgement, judgement.apart, judgement.limiting) if part is not None]
    groups = {group for part in parts for group in part.groups}
    names = [s.name for s in judgement.run.info.scenarios]
    found = [
        Ran(contender=c, where=[name for name in names if (name, c.name) in groups])
        for c in judgement.run.info.contenders
    ]
    return [ran for ran in found if ran.where]
