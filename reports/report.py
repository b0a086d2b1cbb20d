"""All that a report of one run says: made once from the judgement, then written as HTML, CSV, JSON and console text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from artefact.read import read_run
from artefact.schema import RunInfo
from reports import monitoring, provoked, transfer
from reports.claims import section as claims
from reports.claims.section import ClaimFinding
from reports.csv_files import csv_files
from reports.decision import Table, decision_table, outages_of
from reports.experiments.section import ExperimentSection
from reports.grid import Grid
from reports.judge import Judgement, judge
from reports.limiting import section as limiters
from reports.limiting.section import LimiterSection
from reports.provoked import ProvokedSection
from reports.races import section as races
from reports.races.section import RacesSection
from reports.recommend import headline
from reports.recommend.advice_cards import AdviceCard, advice_cards
from reports.recommend.headline import Answer
from reports.scenario_section import ScenarioSection, section
from reports.theory import section as theory
from reports.theory.section import Theory


@dataclass(frozen=True, kw_only=True)
class Report:
    """The sections of a report in the order of the page. Writers only format it."""

    judgement: Judgement
    headline: str
    tied: bool
    """Whether the headline names several contenders because this run cannot distinguish them."""
    answers: Sequence[Answer]
    advice: Sequence[AdviceCard]
    depends_on: str
    next_command: tuple[str, str]
    claims: Sequence[ClaimFinding]
    decision: Table
    races: RacesSection | None
    """None: no schedules were explored beside this run."""
    sections: Sequence[ScenarioSection]
    provoked: Sequence[ProvokedSection]
    limiters: Sequence[LimiterSection]
    experiments: Sequence[ExperimentSection]
    redis: Mapping[str, Grid]
    """By scenario: what Redis reported."""
    theory: Theory | None
    files: Mapping[str, str]
    """The text of each CSV file by its name."""

    @property
    def run(self) -> RunInfo:
        return self.judgement.run.info

    @property
    def folder(self) -> Path:
        return self.judgement.run.folder


def read_report(folder: Path) -> Report:
    """The report of a run folder, which is read once.

    Raises RunFolderError (one line) where the folder is not a run, of another schema, or holds a cut file.
    """
    return build_report(judge(read_run(folder)))


def build_report(judgement: Judgement) -> Report:
    """Make every section once."""
    outages = outages_of(judgement)
    found = headline.answers(judgement)
    explored = races.section_of(judgement.run.folder)
    info = explored.info if explored else None
    experiments = transfer.sections_beside(judgement)
    found_provoked = provoked.sections(judgement)
    found_claims = claims.findings(judgement)
    return Report(
        judgement=judgement,
        headline=headline.headline(found, judgement),
        tied=headline.tied(found, judgement),
        answers=found,
        advice=advice_cards(judgement, info, outages),
        depends_on=transfer.depends_on(found, judgement),
        next_command=headline.next_command(judgement),
        claims=found_claims,
        decision=decision_table(judgement, info, outages),
        races=explored,
        sections=[section(judgement, scenario) for scenario in judgement.scenarios],
        provoked=found_provoked,
        limiters=limiters.sections(judgement, info),
        experiments=experiments,
        redis=monitoring.grids(judgement),
        theory=theory.section(judgement),
        files=csv_files(judgement, found_provoked, experiments, found_claims),
    )
