"""The report in a browser: it hides a contender, sorts a table, follows a link, and sends no request."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.pages.conftest import WatchedPage

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(rendered: Path) -> str:
    """The file URL of a report of a planted run."""
    return (rendered / "report.html").as_uri()


def test_a_contender_without_its_tick_is_hidden_everywhere(address: str, watched: WatchedPage) -> None:
    page = watched.page
    page.goto(address)
    box = page.locator("#show input").first
    slug = page.locator("[data-contender]").first.get_attribute("data-contender")
    mine = page.locator(f'table [data-contender="{slug}"]')
    assert mine.filter(visible=True).count() > 0
    box.uncheck()
    assert mine.filter(visible=True).count() == 0
    box.check()
    assert mine.filter(visible=True).count() > 0


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
    page.goto(f"{address}#decision")
    expect(page.locator("#decision")).to_be_in_viewport()
