"""The report page: it shows the facts of its folder, needs no network, and is the same every time."""

import csv
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from stampede.core.errors import RunFolderError
from stampede.reports.analysis.analysis import analyse
from stampede.reports.metrics.metric import metrics
from stampede.reports.output import formatting
from stampede.reports.output.charts.distribution_chart import slower
from stampede.reports.output.html_report import render
from stampede.reports.output.report_console import print_report
from stampede.reports.output.report_model import Report, read_report
from stampede.run_folder.read import read_run
from stampede.run_folder.run_warnings import KINDS
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.planted import Row, plant, scenario

FEW = ("no-cache", "cache-aside", "coalescing")
"""Contenders for tests that do not depend on their number."""


class ParsedPage(HTMLParser):
    """The page as a browser parses it: ids, links, texts, and elements without an end."""

    VOID = frozenset(["meta", "br", "link", "img", "input", "hr"])

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            elif name in ("href", "xlink:href", "src", "action"):
                (self.references if str(value).startswith("#") else self.addresses).append(str(value).lstrip("#"))
            self.references += re.findall(r"url\(#([^)]+)\)", str(value))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))


def opened(folder: Path) -> tuple[str, ParsedPage]:
    text = render(folder).read_text(encoding="utf-8")
    return text, ParsedPage(text)


@pytest.fixture(scope="module")
def whole(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(rendered, tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(scope="module")
def text(whole: Path) -> str:
    return (whole / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> ParsedPage:
    return ParsedPage(text)


def test_the_page_is_well_formed_and_its_ids_are_unique(page: ParsedPage) -> None:
    assert page.open == []
    assert [i for i, n in Counter(page.ids).items() if n > 1] == []
    assert set(page.references) <= set(page.ids)


def test_the_page_needs_no_network(whole: Path, text: str, page: ParsedPage) -> None:
    assert "default-src 'none'" in text
    assert all((whole / address).is_file() for address in page.addresses)
    namespaces = text.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xlink", "")
    assert "http" not in re.sub(r'http-equiv="Content-Security-Policy"', "", namespaces)
    assert len(text.encode()) < 3_000_000


def test_the_same_folder_gives_the_same_bytes_in_another_process_place_home_and_hash_seed(
    whole: Path, tmp_path: Path
) -> None:
    files = ("report.html", "comparisons.csv", "warnings.csv", "claims.csv", "summary-stampede.csv")
    first = [(whole / f).read_bytes() for f in files]
    code = (
        "import sys, pathlib; from stampede.reports.output import html_report as r; r.render(pathlib.Path(sys.argv[1]))"
    )
    elsewhere = {
        **os.environ,
        "PYTHONHASHSEED": "7",
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "TZ": "Pacific/Apia",
        "LANG": "C",
    }
    subprocess.run([sys.executable, "-c", code, str(whole)], check=True, cwd=tmp_path, env=elsewhere)
    for name, before in zip(files, first, strict=True):
        lines = zip(before.splitlines(), (whole / name).read_bytes().splitlines(), strict=False)
        assert [(a, b) for a, b in lines if a != b][:1] == []
        assert (whole / name).read_bytes() == before


def test_anchors_are_stable_names(page: ParsedPage) -> None:
    wanted = {
        "run",
        "glossary",
        "answer",
        "answers",
        "patterns",
        "not-measured",
        "depends-on",
        "warnings",
        "environment",
        "method",
        "data",
    }
    charts = {"stampede-waits", "stampede-expiries", "stampede-timeline", "stampede-forest", "read-mostly-waits"}
    assert wanted | charts | {"stampede", "read-mostly", "stampede-table"} <= set(page.ids)


def test_every_figure_of_the_csv_is_on_the_page(whole: Path, report: Report, page: ParsedPage) -> None:
    for scenario_name in ("stampede", "read-mostly"):
        rows = list(csv.DictReader(StringIO((whole / f"summary-{scenario_name}.csv").read_text())))
        assert len(rows) == len(report.run.contenders) * len(metrics())
        for r in rows:
            metric = next(m for m in metrics() if m.name == r["metric"])
            exact = report.analysis.figure(scenario_name, r["contender"], metric.name)
            if r["value"]:
                assert float(r["value"]) == pytest.approx(exact.value, rel=1e-5)
                if metric.name != "unanswered":
                    assert formatting.figure(exact.value, metric) in page.text
            else:
                assert exact.missing


def test_the_page_shows_answers_then_patterns_then_what_was_not_measured_then_warnings(page: ParsedPage) -> None:
    wanted = ["answers", "patterns", "not-measured", "warnings", "stampede", "claims", "run", "environment"]
    assert [i for i in page.ids if i in wanted] == wanted
    assert f"{len(KINDS)} checks passed" in page.text
    assert page.text.index("Start with") < page.text.index("Patterns compared") < page.text.index("checks passed")


def test_neither_baselines_nor_aa_copies_are_recommended(report: Report) -> None:
    assert {row.pick for row in report.answer_rows}.isdisjoint({"bare-get", "cache-aside-again"})


def test_below_six_rounds_there_is_no_verdict(tmp_path: Path) -> None:
    text, page = opened(plant(tmp_path / "run", rounds=1, contenders=FEW, scenarios=[scenario("stampede")]))
    assert "No verdict: 1 of the 6 rounds needed." in page.text
    assert not re.search(r'class="s (better|worse|same)"', text)
    assert "not estimated" in page.text
    _, page = opened(plant(tmp_path / "five", rounds=5, contenders=FEW, scenarios=[scenario("stampede")]))
    assert "range of 5 rounds" in page.text


def test_a_killed_run_shows_what_it_finished(tmp_path: Path) -> None:
    stampede = [scenario("stampede")]
    folder = plant(
        tmp_path / "run", rounds=2, contenders=FEW, scenarios=stampede, status="running", unfinished=frozenset({5, 6})
    )
    _, page = opened(folder)
    assert "the run was killed or is still running; 4 of 6 cells finished" in page.text


def test_a_run_without_a_finished_cell_says_so(tmp_path: Path) -> None:
    _, page = opened(plant(tmp_path / "run", rounds=1, status="cut", unfinished=frozenset(range(1, 15))))
    assert "No cell was finished: there is nothing to report." in page.text


def test_a_run_that_is_void_recommends_nothing_and_says_so_above_everything(tmp_path: Path) -> None:
    folder = plant(tmp_path / "run", rounds=6, contenders=FEW, scenarios=[scenario("stampede")], status="failed")
    _, page = opened(folder)
    assert "This run is void: do not use its figures." in page.text
    assert page.text.index("Void:") < page.text.index("This run is void")
    assert "answers" not in page.ids


def slower_copy(cell: CellInfo, rows: list[Row]) -> list[Row]:
    if cell.contender == "cache-aside-again":
        for r in rows:
            r["end_ns"] += 1_000_000
    return rows


def test_a_difference_between_the_aa_copies_is_above_the_answer(tmp_path: Path) -> None:
    folder = plant(
        tmp_path / "run",
        rounds=8,
        contenders=["no-cache", "cache-aside", "cache-aside-again"],
        scenarios=[scenario("stampede")],
        change=slower_copy,
    )
    _, page = opened(folder)
    assert page.text.index("than its original") < page.text.index("Use cache-aside")


def saturate(cell: CellInfo, rows: list[Row]) -> list[Row]:
    if cell.contender == "no-cache":
        for r in rows[len(rows) // 2 :]:
            r |= {
                "start_ns": None,
                "end_ns": None,
                "thread_free_ns": None,
                "found": None,
                "loads": 0,
                "load_start_ns": None,
            }
    return rows


def test_a_saturated_contender_is_marked_and_not_recommended(tmp_path: Path) -> None:
    contenders = ["no-cache", "cache-aside"]
    folder = plant(tmp_path / "run", contenders=contenders, scenarios=[scenario("stampede")], change=saturate, rounds=6)
    _, page = opened(folder)
    assert re.search(r"[\d,]+ of [\d,]+ requests unanswered", page.text)
    assert "> D" in page.text
    assert {row.pick for row in read_report(folder).answer_rows} <= {"cache-aside", ""}


def fail_all(cell: CellInfo, rows: list[Row]) -> list[Row]:
    for r in rows:
        if cell.contender == "cache-aside":
            r |= {"error": "ConnectionError", "found": None, "loads": 0, "load_start_ns": None, "load_end_ns": None}
    return rows


def test_a_contender_whose_requests_all_failed_has_no_response_times(tmp_path: Path) -> None:
    folder = plant(tmp_path / "run", rounds=6, contenders=FEW, scenarios=[scenario("stampede")], change=fail_all)
    _, page = opened(folder)
    assert "ConnectionError" in page.text
    assert analyse(read_run(folder)).figure("stampede", "cache-aside", "read-p50").missing


@pytest.mark.parametrize("contenders", [["cache-aside"], ["bare-get"], ["cache-aside", "cache-aside-again"]])
def test_any_choice_of_contenders_renders(tmp_path: Path, contenders: list[str]) -> None:
    _, page = opened(plant(tmp_path / "run", rounds=6, contenders=contenders, scenarios=[scenario("stampede")]))
    assert page.open == []


def test_a_users_text_cannot_become_markup(tmp_path: Path) -> None:
    folder = plant(tmp_path / "run", rounds=1, contenders=["cache-aside"], scenarios=[scenario("stampede")])
    path = folder / "run.json"
    path.write_text(path.read_text().replace("a planted application", "<script>alert(1)</script>"))
    text, _ = opened(folder)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_a_folder_that_is_no_run_is_an_error_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError):
        render(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_terminals_summary_fits_25_lines_of_80_columns_and_is_plain_when_piped(report: Report) -> None:
    out = StringIO()
    print_report(report, Console(file=out))
    path, *lines = out.getvalue().splitlines()
    assert path == f"Report: {report.folder / 'report.html'}"
    assert len(lines) < 25
    assert max(len(line) for line in lines) <= 80
    assert "\x1b" not in out.getvalue()
    assert any(line.startswith("cache-aside") for line in lines)


def test_a_curve_never_shows_an_open_request() -> None:
    import numpy as np

    x, y = slower(np.array([1.0] * 50 + [2.0] * 40 + [np.inf] * 10), 0.01)
    assert np.isfinite(x).all()
    assert y.min() >= 0.1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.01234, "0.0123"),
        (1, "1.00"),
        (12.345, "12.3"),
        (99.99, "100"),
        (1234.5, "1,234"),
        (float("inf"), "> D"),
    ],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert formatting.number(value) == text
