"""The tiles of key figures at the top of the page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.output import formatting
from stampede.reports.output.panels.first_screen.patterns_table import many_keys
from stampede.reports.recommend.answer_row import AnswerRow
from stampede.run_folder.schema import ScenarioInfo

NO_CACHE = "no-cache"


@dataclass(frozen=True, kw_only=True)
class KeyFigure:
    """One tile."""

    label: str
    value: str
    detail: str
    href: str
    """The anchor of the section with the evidence, without "#"."""


def key_figures(analysis: Analysis, rows: Sequence[AnswerRow]) -> list[KeyFigure]:
    """The tiles: what caching saves, the hit rate, what an expiry costs, and the result of the checks."""
    scenario = many_keys(analysis)
    found = list(of_pages(analysis, scenario)) if scenario is not None else []
    found += of_expiry(analysis, rows)
    warnings, passed = len(analysis.warnings), len(analysis.passed)
    counted = f"{warnings} warning{'' if warnings == 1 else 's'}"
    found.append(KeyFigure(label="checks", value=f"{passed} passed", detail=counted, href="warnings"))
    return found


def of_pages(analysis: Analysis, scenario: ScenarioInfo) -> Iterator[KeyFigure]:
    """The queries that the reference contender saves, and its hit rate."""
    name = analysis.reference
    queries = analysis.figure(scenario.name, name, "loads-per-1000-reads")
    uncached = analysis.figure(scenario.name, NO_CACHE, "loads-per-1000-reads")
    if not queries.missing and not uncached.missing and name != NO_CACHE:
        yield KeyFigure(
            label="queries per 1,000 reads",
            value=f"{formatting.number(uncached.value)} → {formatting.number(queries.value)}",
            detail=f"{name}{formatting.in_brackets(queries)}",
            href=scenario.name,
        )
    rate = analysis.figure(scenario.name, name, "hit-rate")
    if not rate.missing:
        yield KeyFigure(
            label="hit rate",
            value=formatting.with_unit(rate.value, "%"),
            detail=f"TTL {formatting.duration(scenario.workload['ttl_s'])}{formatting.in_brackets(rate)}",
            href=scenario.name,
        )


def of_expiry(analysis: Analysis, rows: Sequence[AnswerRow]) -> Iterator[KeyFigure]:
    """The queries that one expiry causes, with the reference and with the recommended contender."""
    for row in rows:
        if row.metric != "loads-per-expiry" or not row.pick:
            continue
        before = analysis.figure(row.scenario, analysis.reference, row.metric)
        after = analysis.figure(row.scenario, row.pick, row.metric)
        if before.missing or after.missing or row.pick == analysis.reference:
            continue
        yield KeyFigure(
            label="queries per expiry",
            value=f"{formatting.number(before.value)} → {formatting.number(after.value)}",
            detail=f"{row.pick}{formatting.in_brackets(after)}",
            href=row.section,
        )
        return
