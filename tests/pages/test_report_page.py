"""The report in a browser: it hides a contender, sorts a table, follows a link, and sends no request."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from stampede.reports.output import html_report
from stampede.reports.output.report_model import Report
from tests.pages.conftest import WatchedPage
from tests.reports.planted_runs.planted_answers import ROWS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(rendered: Path) -> str:
    """The file URL of a report of a planted run."""
    return (rendered / "report.html").as_uri()


def test_a_contender_without_its_tick_is_hidden_everywhere(address: str, watched: WatchedPage) -> None:
    page = watched.page
    page.goto(address)
    box = page.locator("#show input").first
    slug = box.get_attribute("data-slug")
    mine = page.locator(f'table [data-contender="{slug}"]')
    assert mine.filter(visible=True).count() > 0
    box.uncheck()
    assert mine.filter(visible=True).count() == 0
    box.check()
    assert mine.filter(visible=True).count() > 0


def test_a_chart_rescales_to_the_contenders_that_it_shows(address: str, watched: WatchedPage) -> None:
    """Without the contender with the most queries, the next one stands where a linear axis puts it, with round ticks.

    The mark of the largest interval end keeps its share of the axis, and every box ticked restores the chart.
    """
    page = watched.page
    page.goto(address)
    drawing = page.locator("#patterns [data-scales]").first
    panel = json.loads(drawing.get_attribute("data-scales") or "")[0]
    marks = sorted(panel["marks"], key=lambda m: m["high"])
    largest, rest = marks[-1], marks[:-1]
    prefix = (drawing.locator("svg").get_attribute("aria-labelledby") or "").split("-title ")[0]
    ends = {m["id"]: drawing.locator(f'[id="{prefix}-{m["id"]}-bar"] path') for m in marks}

    def right_end(identifier: str) -> float:
        box = ends[identifier].bounding_box()
        assert box is not None
        return box["x"] + box["width"]

    before = {m["id"]: right_end(m["id"]) for m in marks}
    boxes = page.locator("#show label")
    for mark in [m for m in marks if m["high"] == largest["high"]]:
        boxes.filter(has=page.locator(f'[data-slug="{mark["contender"]}"]')).locator("input").uncheck()
    next_one = [m for m in rest if m["high"] < largest["high"]][-1]
    assert right_end(next_one["id"]) == pytest.approx(before[largest["id"]], abs=2.0)
    assert drawing.locator(".rescaled").count() >= 3
    for i in range(boxes.count()):
        boxes.nth(i).locator("input").check()
    assert drawing.locator(".rescaled").count() == 0
    assert right_end(next_one["id"]) == pytest.approx(before[next_one["id"]], abs=0.5)


def test_a_click_on_a_column_sorts_the_table(address: str, watched: WatchedPage) -> None:
    page = watched.page
    page.goto(address)
    head = page.locator("table[data-sort] thead tr:last-child th").filter(has=page.locator("button")).first
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    table = page.locator("table[data-sort]").first
    first_column = [t.strip() for t in table.locator("tbody tr > *:first-child").all_inner_texts()]
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert [t.strip() for t in table.locator("tbody tr > *:first-child").all_inner_texts()] == first_column[::-1]


def test_a_link_to_a_section_scrolls_to_it(address: str, watched: WatchedPage) -> None:
    page = watched.page
    page.goto(f"{address}#claims")
    expect(page.locator("#claims")).to_be_in_viewport()


@pytest.fixture(scope="module")
def answered(report: Report, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file URL of the same report with planted answers of every kind."""
    path = tmp_path_factory.mktemp("answered") / "report.html"
    planted = replace(report, headline="Start with cache-aside. Add coalescing for hot keys.", answer_rows=ROWS)
    html_report.write_page(path, html_report.page(planted))
    return path.as_uri()


def test_four_answers_are_on_the_first_screen_of_a_laptop(answered: str, watched: WatchedPage) -> None:
    page = watched.page
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(answered)
    ends = page.evaluate(
        "[...document.querySelectorAll('#answers tbody tr')].map(e => e.getBoundingClientRect().bottom)"
    )
    assert sum(end <= 800 for end in ends) >= 4


def test_a_phone_shows_the_answers_for_pages_and_hot_keys_first_and_scrolls_in_one_direction(
    answered: str, watched: WatchedPage
) -> None:
    page = watched.page
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(answered)
    for name in ("read-mostly", "hot-key-may-wait"):
        assert page.locator(f"#answer-{name}").evaluate("e => e.getBoundingClientRect().bottom") <= 844
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("#answers").evaluate("e => e.scrollWidth <= e.clientWidth")


def test_a_chart_of_the_first_screen_has_a_drawing_for_each_width(answered: str, watched: WatchedPage) -> None:
    page = watched.page
    page.goto(answered)
    for width, shown, hidden in ((1280, "wide", "narrow"), (390, "narrow", "wide")):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.locator(f"#patterns .{shown} svg").is_visible()
        assert not page.locator(f"#patterns .{hidden} svg").is_visible()


def test_a_word_of_the_glossary_explains_itself_when_it_has_the_focus(answered: str, watched: WatchedPage) -> None:
    page = watched.page
    page.goto(answered)
    term = page.locator("#patterns .term").first
    assert not term.locator(".tip").is_visible()
    term.focus()
    assert term.locator(".tip").is_visible()


def test_the_navigation_stays_in_view(answered: str, watched: WatchedPage) -> None:
    page = watched.page
    page.goto(f"{answered}#claims")
    expect(page.locator("nav[aria-label=Sections]")).to_be_in_viewport()
