"""Measures a page of a report in a headless Chromium: height, words, tables, and what axe-core finds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page

Scheme = Literal["light", "dark"]
DESKTOP, PHONE = 1280, 390
HEIGHTS = {DESKTOP: 800, PHONE: 844}
"""Height of the window for each width, both in px."""
MOST_WORDS_OF_A_NUMBER = 5
"""A cell of a column of numbers with more words than this holds a sentence. Units and names are words too."""
REPEATED = re.compile(r"\btied\b|\bnot significant\b|\bno significant\b|\bcannot tell\b", re.IGNORECASE)
WORD = re.compile(r"[^\W\d_]{2,}(?:[-'’./][\w-]+)*")
TOKEN, NUMERAL = re.compile(r"\S*\w\S*"), re.compile(r"\S*\d\S*")
NUMBER = re.compile(r"^[\s=?▲▼●○]*[<>≤≥≈~+−–-]?\s*[×x]?\s*\d")
SERIOUS = ("serious", "critical")

MEASURE = """() => {
  const shown = (e) => e.checkVisibility({contentVisibilityAuto: false, visibilityProperty: true})
    && !e.closest('.hidden, script, style, svg title, svg desc, noscript');
  const text = (root, drawn) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), parts = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const parent = node.parentElement;
      const folded = parent.tagName === 'DETAILS' && !parent.open;
      if (!folded && shown(parent) && (drawn === !!parent.closest('svg'))) parts.push(node.textContent);
    }
    return parts.join(' ').replace(/\\s+/g, ' ').trim();
  };
  const place = (e) => {
    const section = e.closest('section, figure, [id]');
    return e.id || (e.closest('[id]') || {}).id || (section && section.id) || '';
  };
  const scrolls = (e) => {
    for (let at = e; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (/auto|scroll|hidden/.test(style.overflowX) && at.scrollWidth > at.clientWidth + 1) return true;
    }
    const box = e.getBoundingClientRect();
    return box.right > document.documentElement.clientWidth + 1;
  };
  const tables = [...document.querySelectorAll('table')].map((table) => {
    const heads = table.tHead ? [...table.tHead.rows].at(-1).cells : [];
    return {
      place: place(table), shown: shown(table), scrolls: shown(table) && scrolls(table),
      columns: [...heads].reduce((n, cell) => n + cell.colSpan, 0),
      heads: [...heads].map((cell) => cell.textContent.trim().replace(/\\s+/g, ' ')),
      rows: [...table.tBodies].flatMap((body) => [...body.rows]).map((row) => [...row.cells].map((cell) =>
        ({text: shown(table) ? text(cell, false) : cell.textContent.trim().replace(/\\s+/g, ' '),
          worded: cell.tagName === 'TH' || cell.classList.contains('text')}))),
    };
  });
  return {
    height: document.documentElement.scrollHeight, text: text(document.body, false), drawn: text(document.body, true),
    sideways: document.documentElement.scrollWidth > document.documentElement.clientWidth + 1, tables,
    sections: [...document.querySelectorAll('main > *, body > header, body > nav, body > footer')].map((e) =>
      [e.id || e.tagName.toLowerCase(), Math.round(e.getBoundingClientRect().height)]),
  };
}"""


@dataclass(frozen=True, kw_only=True)
class MeasuredTable:
    """A table of a page."""

    place: str
    """The id of the table or of what it stands in."""
    is_shown: bool
    """Whether it is visible while the folds are closed."""
    scrolls: bool
    """Whether it is wider than its place."""
    columns: int
    long_cells: list[str]
    """The texts of number cells that hold a sentence."""
    repeating_rows: list[str]
    """The rows that say more than once that something is tied or not significant."""


@dataclass(frozen=True, kw_only=True)
class MeasuredPage:
    """A page at one width, with its folds closed."""

    width: int
    height: int
    """Of the whole page in px."""
    words: int
    """Visible words and numbers, without those in charts."""
    numbers: int
    """Those of them that contain a digit."""
    words_in_charts: int
    scrolls_sideways: bool
    tables: list[MeasuredTable]
    sections: list[tuple[str, int]]
    """Each part of the page with its height in px."""

    @property
    def shown_tables(self) -> list[MeasuredTable]:
        """The tables that are visible while the folds are closed, in the order of the page."""
        return [table for table in self.tables if table.is_shown]


def open_page(browser: Browser, address: str, width: int, scheme: Scheme = "light", *, free: bool = False) -> Page:
    """The page in a window of that width. `free`: scripts that are not the page's own may run in it."""
    page = browser.new_page(
        viewport={"width": width, "height": HEIGHTS.get(width, 800)}, color_scheme=scheme, bypass_csp=free
    )
    page.goto(address)
    return page


def measure(browser: Browser, address: str, width: int) -> MeasuredPage:
    """Open the page at a width and measure it."""
    page = open_page(browser, address, width)
    found = page.evaluate(MEASURE)
    page.close()
    return MeasuredPage(
        width=width,
        height=found["height"],
        words=len(TOKEN.findall(found["text"])),
        numbers=len(NUMERAL.findall(found["text"])),
        words_in_charts=len(TOKEN.findall(found["drawn"])),
        scrolls_sideways=found["sideways"],
        tables=[measured_table(table) for table in found["tables"]],
        sections=[(name, height) for name, height in found["sections"]],
    )


def measured_table(table: dict[str, Any]) -> MeasuredTable:
    rows = table["rows"]
    repeating = [text for row in rows if len(REPEATED.findall(text := " ".join(cell["text"] for cell in row))) > 1]
    return MeasuredTable(
        place=table["place"],
        is_shown=table["shown"],
        scrolls=table["scrolls"],
        columns=table["columns"],
        long_cells=[text for column in columns_of(rows) for text in long_cells(column)],
        repeating_rows=repeating,
    )


def columns_of(rows: Sequence[Sequence[dict[str, Any]]]) -> list[list[str]]:
    """The texts of each column. Cells that are marked as text are left out."""
    width = max((len(row) for row in rows), default=0)
    return [[row[i]["text"] for row in rows if i < len(row) and not row[i]["worded"]] for i in range(width)]


def long_cells(column: Sequence[str]) -> list[str]:
    """The cells that hold a sentence, if half of the column's cells or more begin with a number."""
    filled = [text for text in column if text.strip("–- ")]
    if 2 * sum(bool(NUMBER.match(text)) for text in filled) < len(filled):
        return []
    return [text for text in filled if len(WORD.findall(text)) > MOST_WORDS_OF_A_NUMBER]


def serious_findings(browser: Browser, axe: Path, address: str, width: int, scheme: Scheme) -> list[str]:
    """What axe-core finds serious or critical on the page. On a live page only our own panel is checked."""
    is_live = address.startswith("http")
    page = open_page(browser, address, width, scheme, free=True)
    if is_live:
        page.wait_for_selector("#stampede")
    page.evaluate(axe.read_text(encoding="utf-8"))
    result = page.evaluate("scope => axe.run(scope)", "#stampede" if is_live else "html")
    page.close()
    return [
        f"{violation['id']} ({violation['impact']}): {violation['help']}, {len(violation['nodes'])} times, for "
        f"example {violation['nodes'][0]['html'][:160]}"
        for violation in result["violations"]
        if violation["impact"] in SERIOUS
    ]
