"""Checks the accessibility of a report with axe-core in a headless Chromium.

    npm install --prefix DIR axe-core && python scripts/axe.py DIR/node_modules/axe-core/axe.min.js PAGE…

Each page is checked at the widths of a phone and a desktop, in the light and the dark scheme. Exit 1 if there is a
serious violation.
PAGE: a report.html, or an address such as http://127.0.0.1:8089/?tab=cache, of which only our own panel is checked.
"""

import argparse
import itertools
import shutil
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

SERIOUS = ("serious", "critical")
WIDTHS = (390, 1280)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main(axe: Path, pages: list[str]) -> int:
    found = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium-headless-shell"), args=["--no-sandbox"]
        )
        for address in pages:
            for width, scheme in itertools.product(WIDTHS, SCHEMES):
                found += check(browser, axe, address, width, scheme)
        browser.close()
    print(f"{found} serious")
    return int(found > 0)


def check(browser: Browser, axe: Path, address: str, width: int, scheme: Literal["light", "dark"]) -> int:
    is_live = address.startswith("http")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page.goto(address if is_live else Path(address).resolve().as_uri())
    if is_live:
        page.wait_for_selector("#stampede")
    page.evaluate(axe.read_text(encoding="utf-8"))
    result = page.evaluate("scope => axe.run(scope)", "#stampede" if is_live else "html")
    serious = [v for v in result["violations"] if v["impact"] in SERIOUS]
    for violation in serious:
        print(
            f"{address} ({width} px, {scheme}) {violation['id']}: {violation['help']}, {len(violation['nodes'])} times"
        )
        for node in violation["nodes"][:3]:
            print(f"    {node['html'][:160]}")
    page.close()
    return len(serious)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("axe", type=Path, help="axe.min.js")
    parser.add_argument("pages", nargs="+", help="report.html files or addresses")
    return parser.parse_args()


if __name__ == "__main__":
    arguments = read_arguments()
    raise SystemExit(main(arguments.axe, arguments.pages))
