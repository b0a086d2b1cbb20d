"""Whether the grid's order of contenders holds over HTTP, held to planted figures and facts."""

import csv
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from stampede.reports.analysis.aa_pair import AAPair
from stampede.reports.analysis.analysis import analyse
from stampede.reports.metrics.metric import find_metric
from stampede.reports.output.html_report import render
from stampede.reports.recommend.headline import answers
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
    ("grid", "http", "says"),
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
def test_an_order_holds_or_turns_only_where_intervals_tell_the_pair_apart_in_both(
    grid: tuple[Estimate, Estimate], http: tuple[Estimate, Estimate], says: str
) -> None:
    def of(pair: tuple[Estimate, Estimate]) -> dict[str, dict[str, Estimate]]:
        """The pair by loads; nobody can be told apart by the other figures."""
        return {
            name: dict.fromkeys(over_http_section.FIGURES, WIDE) | {"loads-per-1000-reads": figure}
            for name, figure in zip(over_http_section.PAIR, pair, strict=True)
        }

    assert says in http_validation.told(http_validation.places(of(grid), of(http), NO_COPIES))


def test_one_figure_that_turns_is_told_though_another_keeps_its_order() -> None:
    kept = http_validation.OrderComparison(figure="loads per 1,000 reads", in_grid=1, over_http=1)
    turned = http_validation.OrderComparison(figure="read response time p99", in_grid=-1, over_http=1)
    said = http_validation.told([kept, turned])
    assert "turns over HTTP with real threads: read response time p99: cache-aside before coalescing" in said
    assert "same" not in said


def test_where_two_copies_of_one_contender_lie_apart_in_the_grid_no_order_is_read_from_it() -> None:
    metric = find_metric("loads-per-1000-reads")
    pair = {name: {metric.name: figure} for name, figure in zip(over_http_section.PAIR, (HIGH, LOW), strict=True)}
    copies = AAPair(metric=metric, name="cache-aside", again="cache-aside-again", one=LOW, other=HIGH)
    (place,) = http_validation.places(pair, pair, [copies])
    assert (place.in_grid, place.over_http) == (0, 1)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[ExperimentRow] | None], Path]:
    """A planted stampede of six rounds, with those calls over HTTP beside it, or without any."""
    folder = plant(
        tmp_path_factory.mktemp("planted") / "run", contenders=tuple(LOADS), scenarios=[scenario("stampede")], rounds=6
    )

    def beside(rows: list[ExperimentRow] | None) -> Path:
        run = read_run(folder).info
        run.experiments = [] if rows is None else [ExperimentInfo(**asdict(INFO))]
        writer = RunWriter(folder, run)
        if rows is not None:
            writer.add_experiment("over-http", rows)
        return folder

    return beside


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (calls(LOADS, 6), "The same order over HTTP with real threads (cache-aside and coalescing in stampede, by"),
        (calls(REVERSED, 6), "loads per 1,000 reads: coalescing before cache-aside in the grid, behind it over HTTP"),
        (calls(LOADS, 2), "HTTP with real threads: cannot tell"),
    ],
    ids=["same", "turns", "few rounds"],
)
def test_what_the_answer_depends_on_says_how_http_stands_to_the_grid(
    measured: Callable[[list[ExperimentRow] | None], Path], rows: list[ExperimentRow], says: str
) -> None:
    analysis = analyse(read_run(measured(rows)))
    assert says in http_validation.depends_on(answers(analysis), analysis)


def test_without_calls_over_http_nothing_is_said_of_it(
    measured: Callable[[list[ExperimentRow] | None], Path],
) -> None:
    analysis = analyse(read_run(measured(None)))
    assert "HTTP" not in http_validation.depends_on(answers(analysis), analysis)


def test_the_page_asks_the_question_and_the_rounds_are_a_csv(
    measured: Callable[[list[ExperimentRow] | None], Path],
) -> None:
    folder = measured(calls(LOADS, 6))
    page = ParsedPage(render(folder).read_text(encoding="utf-8"))
    assert {"experiment-over-http", "over-http-table"} <= set(page.ids)
    assert page.text.count("The same order over HTTP with real threads") == 2
    rows = list(csv.DictReader((folder / "experiment-over-http.csv").open(encoding="utf-8")))
    assert sum(float(row["loads"]) for row in rows if row["contender"] == "cache-aside") == 6 * 36
    assert {row["requests"] for row in rows} == {str(CALLS)}


def test_alone_it_compares_with_no_grid(tmp_path: Path) -> None:
    folder = plant(tmp_path / "run", rounds=1, contenders=[], scenarios=[])
    run = read_run(folder).info
    run.experiments = [ExperimentInfo(**asdict(INFO))]
    RunWriter(folder, run).add_experiment("over-http", calls(LOADS, 6))
    (section,) = http_validation.sections_beside(analyse(read_run(folder)))
    assert section.findings is not None
    assert "did not run beside it" in section.findings.answer
