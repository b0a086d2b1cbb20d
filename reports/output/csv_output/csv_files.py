"""The CSV files of a report: every figure, comparison, claim and warning, for other programs."""

from collections.abc import Iterator, Mapping, Sequence

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.results import Verdict
from stampede.reports.claims import claims_section as claims
from stampede.reports.claims.claims_section import ClaimFinding
from stampede.reports.metrics.metric import metrics
from stampede.reports.metrics.query_figures import query_figures
from stampede.reports.output import formatting
from stampede.reports.output.csv_output.csv_text import as_csv, plain
from stampede.reports.output.panels.scenario_section import verdicts_of
from stampede.reports.topics import monitoring_section
from stampede.reports.topics.experiments.experiments_section import ExperimentSection, Findings
from stampede.reports.topics.faults.fault_sections import FaultSection
from stampede.reports.topics.rate_limiting import limiter_section as limiters

SUMMARY = "scenario contender kind metric unit value low high level rounds how why"
QUERIES = "scenario contender query metric unit value low high level rounds how why"
COMPARISONS = (
    "scenario contender against metric ratio ratio_low ratio_high ratio_level difference difference_low "
    "difference_high difference_level rounds holm_p noise_floor sentence so_what"
)
WARNINGS = "number name scenario contenders what value limit unit"


def csv_files(
    analysis: Analysis,
    faults: Sequence[FaultSection],
    experiments: Sequence[ExperimentSection],
    found_claims: Sequence[ClaimFinding],
) -> Mapping[str, str]:
    """The text of each file by its name."""
    found = {f"summary-{s.name}.csv": as_csv(SUMMARY, figures(analysis, s.name)) for s in analysis.scenarios}
    if any(scenario.queries for scenario in analysis.scenarios):
        found["queries.csv"] = as_csv(QUERIES, of_queries(analysis))
    found["comparisons.csv"] = as_csv(COMPARISONS, comparisons(analysis))
    found |= {f"{section.scenario.name}.csv": of_findings(section.findings) for section in faults}
    if analysis.limiting is not None:
        found["limiters.csv"] = as_csv(limiters.HEADER, limiters.csv_rows(analysis))
    if analysis.cells or analysis.limiting is not None:
        found["redis.csv"] = as_csv(monitoring_section.HEADER, monitoring_section.csv_rows(analysis))
    for section in experiments:
        if section.findings is not None and section.findings.names:
            found[f"experiment-{section.info.name}.csv"] = of_findings(section.findings)
    found["claims.csv"] = as_csv(claims.HEADER, claims.csv_rows(found_claims))
    found["warnings.csv"] = as_csv(WARNINGS, warnings(analysis))
    return found


def of_findings(findings: Findings) -> str:
    """The CSV of a fault scenario or an experiment."""
    return as_csv(findings.names, findings.csv)


def figures(analysis: Analysis, scenario: str) -> Iterator[Sequence[object]]:
    """One row for each contender and metric, with the columns of SUMMARY."""
    for contender in analysis.run.info.contenders:
        for metric in metrics():
            e = analysis.figure(scenario, contender.name, metric.name)
            head = (scenario, contender.name, contender.kind, metric.name, metric.unit)
            yield (*head, *map(plain, (e.value, e.low, e.high, e.level)), e.rounds, e.how, e.why)


def of_queries(analysis: Analysis) -> Iterator[Sequence[object]]:
    """One row for each scenario with several queries, contender, query and metric, with the columns of QUERIES."""
    for scenario in analysis.scenarios:
        for contender in analysis.run.info.contenders:
            for figure in query_figures(analysis.of(scenario.name, contender.name)):
                e, metric = figure.estimate, figure.metric
                head = (scenario.name, contender.name, figure.query.name, metric.name, metric.unit)
                yield (*head, *map(plain, (e.value, e.low, e.high, e.level)), e.rounds, e.how, e.why)


def comparisons(analysis: Analysis) -> Iterator[Sequence[object]]:
    """One row for each verdict, with the columns of COMPARISONS."""
    for scenario in analysis.scenarios:
        for verdict in verdicts_of(analysis, scenario.name):
            yield comparison(verdict)


def comparison(v: Verdict) -> Sequence[object]:
    """The row of one verdict."""
    c = v.comparison
    shifts = [x for s in (c.ratio, c.difference) for x in ((s.estimate, s.low, s.high, s.level) if s else (None,) * 4)]
    tail = (*map(plain, shifts), c.rounds, plain(v.adjusted_p), plain(v.m), formatting.spoken(v), formatting.so_what(v))
    return (v.scenario, v.contender, v.against, v.metric.name, *tail)


def warnings(analysis: Analysis) -> Iterator[Sequence[object]]:
    """One row for each warning, with the columns of WARNINGS."""
    for x in analysis.warnings:
        where = (x.scenario or "", " ".join(x.contenders))
        yield (x.number, x.kind.name, *where, x.what, plain(x.value), plain(x.limit), x.kind.unit)
