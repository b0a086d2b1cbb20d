"""Validation of the grid's order of contenders over HTTP, from planted figures and facts."""

import csv
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from stampede.reports.analysis.aa_pair import AAPair
from stampede.reports.analysis.analysis import analyse
from stampede.reports.metrics.metric import find_metric
from stampede.reports.output.html_report import render
from stampede.reports.statistics.estimate import Estimate, missing
from stampede.reports.topics.experiments import over_http_section
from stampede.reports.topics.selftests import http_validation
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import ExperimentInfo
from stampede.run_folder.write import ExperimentRow, RunWriter
from tests.reports.output.test_html_report import ParsedPage
from tests.reports.planted_runs.planted import plant, scenario
from tests.reports.topics.experiments.test_over_http import CALLS, INFO, LOADS, calls


def level(value: float, reach: float = 1.0) -> Estimate:
    return Estimate(value=value, low=value - reach, high=value + reach, level=0.95, rounds=6)


NO_COPIES = [AAPair(metric=find_metric(name)) for name in over_http_section.FIGURES]
REVERSED = {"cache-aside": 4.0, "coalescing": 36.0}
LOW, HIGH, WIDE, SEEN = level(10), level(50), level(30, 40), Estimate(value=10, low=10, high=10, rounds=2)


@pytest.mark.parametrize(
    ("grid", "http", "text"),
    [
        ((HIGH, LOW), (HIGH, LOW), "The same order over HTTP"),
        ((LOW, HIGH), (LOW, HIGH), "The same order over HTTP"),
        ((HIGH, LOW), (LOW, HIGH), "coalescing before cache-aside in the grid, behind it over HTTP"),
        ((LOW, HIGH), (HIGH, LOW), "cache-aside before coalescing in the grid, behind it over HTTP"),
        ((HIGH, LOW), (WIDE, LOW), "cannot tell"),
        ((WIDE, LOW), (LOW, HIGH), "cannot tell"),
        ((HIGH, LOW), (HIGH, SEEN), "cannot tell"),
        ((HIGH, LOW), (missing("1 request failed"), LOW), "cannot tell"),
    ],
)
def test_order_is_compared_only_if_intervals_distinguish_the_pair_in_both_places(
    grid: tuple[Estimate, Estimate], http: tuple[Estimate, Estimate], text: str
) -> None:
    def of(pair: tuple[Estimate, Estimate]) -> dict[str, dict[str, Estimate]]:
        """The pair by loads; the other figures distinguish nothing."""
        return {
            name: dict.fromkeys(over_http_section.FIGURES, WIDE) | {"loads-per-1000-reads": figure}
            for name, figure in zip(over_http_section.PAIR, pair, strict=True)
        }

    assert text in http_validation.summary(http_validation.compare_orders(of(grid), of(http), NO_COPIES))


def test_reversed_order_by_one_figure_is_reported_even_if_another_figure_keeps_it() -> None:
    kept = http_validation.OrderComparison(figure="queries per 1,000 reads", in_grid=1, over_http=1)
    reverse = http_validation.OrderComparison(figure="read response time p99", in_grid=-1, over_http=1)
    text = http_validation.summary([kept, reverse])
    assert "reverses over HTTP with real threads: read response time p99: cache-aside before coalescing" in text
    assert "same" not in text


def test_figure_that_differs_between_the_aa_copies_gives_no_order() -> None:
    metric = find_metric("loads-per-1000-reads")
    pair = {name: {metric.name: figure} for name, figure in zip(over_http_section.PAIR, (HIGH, LOW), strict=True)}
    copies = AAPair(metric=metric, name="cache-aside", again="cache-aside-again", one=LOW, other=HIGH)
    (found,) = http_validation.compare_orders(pair, pair, [copies])
    assert (found.in_grid, found.over_http) == (0, 1)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[ExperimentRow] | None], Path]:
    """A planted stampede of six rounds; the function adds calls over HTTP, or none, and returns the folder."""
    folder = plant(
        tmp_path_factory.mktemp("planted") / "run", contenders=tuple(LOADS), scenarios=[scenario("stampede")], rounds=6
    )

    def with_calls(rows: list[ExperimentRow] | None) -> Path:
        run = read_run(folder).info
        run.experiments = [] if rows is None else [ExperimentInfo(**asdict(INFO))]
        writer = RunWriter(folder, run)
        if rows is not None:
            writer.add_experiment("over-http", rows)
        return folder

    return with_calls


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (calls(LOADS, 6), "The same order over HTTP with real threads (cache-aside and coalescing in stampede, by"),
        (calls(REVERSED, 6), "queries per 1,000 reads: coalescing before cache-aside in the grid, behind it over HTTP"),
        (calls(LOADS, 2), "HTTP with real threads: cannot tell"),
    ],
    ids=["same", "reversed", "few rounds"],
)
def test_factors_of_the_answer_include_the_order_over_http(
    measured: Callable[[list[ExperimentRow] | None], Path], rows: list[ExperimentRow], text: str
) -> None:
    analysis = analyse(read_run(measured(rows)))
    assert text in http_validation.depends_on(analysis)


def test_without_calls_over_http_the_answer_does_not_mention_them(
    measured: Callable[[list[ExperimentRow] | None], Path],
) -> None:
    analysis = analyse(read_run(measured(None)))
    assert "HTTP" not in http_validation.depends_on(analysis)


def test_page_has_the_section_and_the_rounds_are_in_a_csv(
    measured: Callable[[list[ExperimentRow] | None], Path],
) -> None:
    folder = measured(calls(LOADS, 6))
    page = ParsedPage(render(folder).read_text(encoding="utf-8"))
    assert {"experiment-over-http", "over-http-table"} <= set(page.ids)
    assert page.text.count("The same order over HTTP with real threads") == 2
    rows = list(csv.DictReader((folder / "experiment-over-http.csv").open(encoding="utf-8")))
    assert sum(float(row["loads"]) for row in rows if row["contender"] == "cache-aside") == 6 * 36
    assert {row["requests"] for row in rows} == {str(CALLS)}


def test_experiment_without_a_grid_is_not_compared(tmp_path: Path) -> None:
    folder = plant(tmp_path / "run", rounds=1, contenders=[], scenarios=[])
    run = read_run(folder).info
    run.experiments = [ExperimentInfo(**asdict(INFO))]
    RunWriter(folder, run).add_experiment("over-http", calls(LOADS, 6))
    (section,) = http_validation.experiment_sections(analyse(read_run(folder)))
    assert section.findings is not None
    assert "The grid has no results for stampede" in section.findings.answer
