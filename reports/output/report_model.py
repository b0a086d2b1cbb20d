"""The report of one run as data: made once from the analysis, then written as HTML, CSV, JSON and console text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.claims import claims_section as claims
from stampede.reports.claims.claims_section import ClaimFinding
from stampede.reports.output.csv_output.csv_files import csv_files
from stampede.reports.output.panels.first_screen.service_figures import service_grids, service_headline
from stampede.reports.output.panels.scenario_section import ScenarioSection, section
from stampede.reports.output.panels.table import Grid
from stampede.reports.recommend.answer_row import AnswerRow
from stampede.reports.recommend.answer_sources import Sources
from stampede.reports.recommend.answer_table import answer_rows
from stampede.reports.recommend.headline import headline
from stampede.reports.topics import monitoring_section
from stampede.reports.topics.experiments.experiments_section import ExperimentSection
from stampede.reports.topics.faults import fault_sections
from stampede.reports.topics.faults.fault_sections import FaultSection
from stampede.reports.topics.faults.outage_effects import outages_of
from stampede.reports.topics.races import races_section as races
from stampede.reports.topics.races.races_section import RacesSection
from stampede.reports.topics.rate_limiting import limiter_section as limiters
from stampede.reports.topics.rate_limiting.limiter_section import LimiterSection
from stampede.reports.topics.selftests import http_validation
from stampede.reports.topics.theory import theory_section as theory
from stampede.reports.topics.theory import transfer_section as transfer
from stampede.reports.topics.theory.theory_section import Theory
from stampede.reports.topics.theory.transfer_points import is_transfer_point
from stampede.reports.topics.theory.transfer_section import Transfer
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import RunInfo


@dataclass(frozen=True, kw_only=True)
class Report:
    """The sections of a report, in the order of the page. Writers only format them."""

    analysis: Analysis
    services: Sequence[Grid]
    """The tables of the user's own web service; empty: the run has none."""
    headline: str
    """At most twelve words."""
    answer_rows: Sequence[AnswerRow]
    """The table of answers, in the order of the page."""
    depends_on: str
    claims: Sequence[ClaimFinding]
    races: RacesSection | None
    """None: this run explored no schedules."""
    sections: Sequence[ScenarioSection]
    fault_scenarios: Sequence[FaultSection]
    limiters: Sequence[LimiterSection]
    experiments: Sequence[ExperimentSection]
    redis: Mapping[str, Grid]
    """By scenario: the table of Redis' own statistics."""
    theory: Theory | None
    transfer: Transfer | None
    """None: the run has no caching scenario, or is one of a web service."""
    files: Mapping[str, str]
    """The text of each CSV file by its name."""

    @property
    def run(self) -> RunInfo:
        """The contents of run.json."""
        return self.analysis.run.info

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.analysis.run.folder


def read_report(folder: Path) -> Report:
    """The report of a run folder. The folder is read once.

    Raises RunFolderError (one line) if the folder is no run, has another schema, or holds a truncated file.
    """
    return build_report(analyse(read_run(folder)))


def build_report(analysis: Analysis) -> Report:
    """Make every section of the report, each once."""
    outages = outages_of(analysis)
    explored = races.section_of(analysis.run.folder)
    info = explored.info if explored else None
    experiments = http_validation.experiment_sections(analysis)
    faults = fault_sections.sections(analysis)
    services = service_grids(analysis)
    found_claims = [] if services else claims.findings(analysis)
    limited = limiters.sections(analysis, info)
    sources = Sources(analysis=analysis, races=info, outages=outages, limiters=limited, experiments=experiments)
    rows = [] if services else answer_rows(sources)
    return Report(
        analysis=analysis,
        services=services,
        headline=service_headline(analysis) if services else headline(rows, analysis),
        answer_rows=rows,
        depends_on=http_validation.depends_on(analysis),
        claims=found_claims,
        races=explored,
        sections=[section(analysis, s) for s in analysis.scenarios if not is_transfer_point(s)],
        fault_scenarios=faults,
        limiters=limited,
        experiments=experiments,
        redis=monitoring_section.grids(analysis),
        theory=theory.section(analysis),
        transfer=None if services else transfer.section(analysis),
        files=csv_files(analysis, faults, experiments, found_claims),
    )
