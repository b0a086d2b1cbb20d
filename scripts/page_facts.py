"""Prints the facts of a report's page that its limits are about: height, words, tables, and what axe-core finds.

    scripts/page_facts.py runs/…/report.html
    scripts/page_facts.py PAGE… --axe DIR/node_modules/axe-core/axe.min.js --shots FOLDER

The page is opened in a headless Chromium (chromium-headless-shell must be on PATH) at the widths of a desktop and of a
phone, with its folds closed. axe-core runs if its file is given, in the light and the dark scheme (`make axe` installs
it). With --shots, pictures of the whole page and of the first screen are written, in both schemes.
PAGE: an HTML file, or an address such as http://127.0.0.1:8089/?tab=cache, of which only axe-core checks our own panel.

Exit 1: a limit is exceeded. The limits are those of a run of plan quick.
"""

import argparse
import itertools
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for `tests`, which is not installed

from tests.pages.measured_page import (
    DESKTOP,
    PHONE,
    MeasuredPage,
    Scheme,
    measure,
    open_page,
    serious_findings,
)

MOST_PX, MOST_WORDS, MOST_COLUMNS, FIRST_TABLES = 10_000, 4_000, 7, 3
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def main(arguments: argparse.Namespace) -> int:
    failures = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium-headless-shell"), args=["--no-sandbox"]
        )
        for given in arguments.pages:
            is_live = given.startswith("http")
            address = given if is_live else Path(given).resolve().as_uri()
            lines = [] if is_live else list(page_lines(browser, address, arguments))
            if arguments.axe is not None:
                lines += axe_lines(browser, arguments.axe, address)
            print(f"\n{given}", *lines, sep="\n")
            failures += sum(line.startswith("FAIL") for line in lines)
            if arguments.shots is not None and not is_live:
                take_pictures(browser, address, arguments.shots, f"{Path(given).parent.name}-{Path(given).stem}")
        browser.close()
    print(f"\n{failures} over the limits")
    return int(failures > 0)


def page_lines(browser: Browser, address: str, limits: argparse.Namespace) -> Iterator[str]:
    """The measured facts, one a line, each beginning with PASS, FAIL or spaces."""
    desktop, phone = measure(browser, address, DESKTOP), measure(browser, address, PHONE)
    yield limited(f"{desktop.height:,} px high at {DESKTOP} px", desktop.height, limits.most_px)
    yield f"      {phone.height:,} px high at {PHONE} px"
    yield limited(f"{desktop.words:,} visible words and numbers", desktop.words, limits.most_words)
    yield f"      {desktop.numbers:,} of them with a digit; {desktop.words_in_charts:,} more in charts"
    for page in (desktop, phone):
        yield from table_lines(page)
    if limits.sections:
        yield from (f"      {height:6,} px {name}" for name, height in desktop.sections)


def table_lines(page: MeasuredPage) -> Iterator[str]:
    """The facts of the tables that are visible at the page's width."""
    yield limited(f"{page.width} px: the page itself scrolls sideways", page.scrolls_sideways, 0)
    for number, table in enumerate(page.shown_tables, start=1):
        what = f"{page.width} px: table {number} ({table.place}), {table.columns} columns"
        line = limited(f"{what}, {'scrolls' if table.scrolls else 'fits'}", table.scrolls, 0)
        yield line if number <= FIRST_TABLES else line.replace("FAIL", "    ")
        if page.width == DESKTOP:
            yield from (f"FAIL  {what}: more than {MOST_COLUMNS}" for _ in range(table.columns > MOST_COLUMNS))
            yield from examples(f"{what}: a sentence in a number cell", table.long_cells)
            yield from examples(f"{what}: tied more than once in a row", table.repeating_rows)


def examples(what: str, texts: list[str]) -> Iterator[str]:
    """A line with the number of faults and the first of them; nothing without a fault."""
    if texts:
        yield f"FAIL  {what}, {len(texts)} times: {texts[0][:120]}"


def limited(what: str, value: float, most: float) -> str:
    """A line with PASS or FAIL."""
    return f"{'PASS' if value <= most else 'FAIL'}  {what}" + (f" (at most {most:,})" if most > 1 else "")


def axe_lines(browser: Browser, axe: Path, address: str) -> list[str]:
    """A line for each width and scheme, and one for each serious finding."""
    lines = []
    for width, scheme in itertools.product((PHONE, DESKTOP), SCHEMES):
        found = serious_findings(browser, axe, address, width, scheme)
        lines += [f"FAIL  axe, {width} px, {scheme}: {finding}" for finding in found]
        lines += [] if found else [f"PASS  axe, {width} px, {scheme}: nothing serious"]
    return lines


def take_pictures(browser: Browser, address: str, folder: Path, name: str) -> None:
    """Write pictures of the first screen and of the whole page."""
    folder.mkdir(parents=True, exist_ok=True)
    for width, scheme in itertools.product((DESKTOP, PHONE), SCHEMES):
        page = open_page(browser, address, width, scheme)
        page.screenshot(path=folder / f"{name}-{width}-{scheme}-first.png")
        page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
        page.close()


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", help="HTML files or addresses")
    parser.add_argument("--axe", type=Path, help="axe.min.js")
    parser.add_argument("--shots", type=Path, help="folder for pictures")
    parser.add_argument("--sections", action="store_true", help="print the height of each section")
    parser.add_argument("--most-px", type=int, default=MOST_PX, help="limit of the height at the desktop's width")
    parser.add_argument("--most-words", type=int, default=MOST_WORDS, help="limit of the visible words")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main(read_arguments()))
