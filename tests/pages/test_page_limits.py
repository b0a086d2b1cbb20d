"""Every page is short and fits its window: height, words, tables, and number cells, measured in a browser."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from stampede.reports.compare.comparison_page import files, render_comparison
from stampede.reports.output.html_report import render
from stampede.reports.topics.races.races_page import render_races
from stampede.reports.topics.serializers.serializers_page import render_serializers
from tests.pages.measured_page import DESKTOP, PHONE, MeasuredPage, measure
from tests.reports.compare.test_comparing import ROWS, slower
from tests.reports.planted_runs.planted import plant, scenario
from tests.reports.topics.test_races import races
from tests.reports.topics.test_serializers_page import BASE, planted

pytestmark = pytest.mark.slow

MOST_PX, MOST_WORDS, MOST_COLUMNS = 10_000, 4_000, 7


def report(folder: Path, rendered: Path) -> Path:
    """The report of a planted run with races."""
    shutil.copytree(rendered, folder, dirs_exist_ok=True)
    races(guaranteed=True).write(folder)
    return render(folder)


def races_page(folder: Path, _rendered: Path) -> Path:
    return render_races(races(guaranteed=True).write(folder).parent)


def comparison(folder: Path, _rendered: Path) -> Path:
    scenarios = [scenario("stampede"), scenario("read-mostly")]
    of_both: dict[str, Any] = {"contenders": ROWS, "scenarios": scenarios, "rounds": 7}
    a, b = plant(folder / "a", seed=1, **of_both), plant(folder / "b", seed=2, change=slower, **of_both)
    return files(render_comparison(a, b))[0]


def serializers(folder: Path, _rendered: Path) -> Path:
    planted(folder, BASE)
    return render_serializers(folder)


@pytest.fixture(scope="module", params=[report, races_page, comparison, serializers])
def pages(
    request: pytest.FixtureRequest, browser: Browser, rendered: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, MeasuredPage]:
    """One page, measured at the widths of a desktop and a phone."""
    write: Callable[[Path, Path], Path] = request.param
    address = write(tmp_path_factory.mktemp("page"), rendered).as_uri()
    return {width: measure(browser, address, width) for width in (DESKTOP, PHONE)}


def test_page_is_at_most_10_000_px_high_and_has_at_most_4_000_words(pages: dict[int, MeasuredPage]) -> None:
    """With its folds closed, at the desktop's width. Words in charts do not count."""
    assert 500 < pages[DESKTOP].height <= MOST_PX
    assert 50 < pages[DESKTOP].words <= MOST_WORDS


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_page_and_its_first_three_tables_do_not_scroll_sideways(pages: dict[int, MeasuredPage], width: int) -> None:
    page = pages[width]
    assert not page.scrolls_sideways
    assert page.shown_tables
    assert [table.place for table in page.shown_tables[:3] if table.scrolls] == []


def test_tables_have_at_most_seven_columns_and_no_sentence_in_a_number_cell(pages: dict[int, MeasuredPage]) -> None:
    """Of the tables that are visible while the folds are closed. A row says at most once that something is tied."""
    for table in pages[DESKTOP].shown_tables:
        assert table.columns <= MOST_COLUMNS, table.place
        assert table.long_cells == [], table.place
        assert table.repeating_rows == [], table.place


FAULTY = """<!doctype html><title>x</title><style>.box{{overflow-x:auto;width:300px}}</style><main>
<p>one two three</p><details><summary>four</summary>hidden words <table><tr><td>1</td></tr></table></details>
<div class="box"><table><thead><tr>{heads}</tr></thead><tbody>
<tr><th>a name</th><td>12 ms</td><td>tied</td><td class="text">a longer text that is marked as text</td></tr>
<tr><th>a name</th><td>12 ms: not significant, about 51 rounds would decide</td><td>tied</td><td>x</td></tr>
</tbody></table></div><svg><text>five</text><title>six</title></svg><div style="height:3000px;width:{width}px"></div>
</main>"""


def test_each_fault_of_a_page_is_found(browser: Browser, tmp_path: Path) -> None:
    """A wide table, a sentence in a number cell, two "tied" in a row, a page that scrolls sideways."""
    heads = "".join(f"<th>heading-{n}</th>" for n in range(9))
    path = tmp_path / "faulty.html"
    path.write_text(FAULTY.format(heads=heads, width=2000), encoding="utf-8")
    found = measure(browser, path.as_uri(), DESKTOP)
    (table,) = found.shown_tables
    assert len(found.tables) == 2
    assert found.scrolls_sideways
    assert table.scrolls
    assert table.columns == 9
    assert table.long_cells == ["12 ms: not significant, about 51 rounds would decide"]
    assert len(table.repeating_rows) == 1
    assert 3000 < found.height < 3600
    assert found.words == 3 + 1 + 9 + (2 + 2 + 1 + 8) + (2 + 9 + 1 + 1)
    assert found.words_in_charts == 1
    path.write_text(FAULTY.format(heads="<th>a</th>", width=100), encoding="utf-8")
    assert not measure(browser, path.as_uri(), DESKTOP).scrolls_sideways
