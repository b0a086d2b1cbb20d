"""Hold a report against axe-core in a headless Chromium, on a phone and a desk, light and dark; exit 1 where it finds
something serious.

    npm install --prefix DIR axe-core && python scripts/axe.py DIR/node_modules/axe-core/axe.min.js PAGE…

PAGE: a report.html, or an address such as http://127.0.0.1:8089/?tab=cache, of which only our own panel is looked at.
"""

import itertools
import shutil
import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

GRAVE = ("serious", "critical")
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
                found += look(browser, axe, address, width, scheme)
        browser.close()
    print(f"{found} serious")
    return int(found > 0)


def look(browser: Browser, axe: Path, address: str, width: int, scheme: Literal["light", "dark"]) -> int:
    ours = address.startswith("http")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page.goto(address if ours else Path(address).resolve().as_uri())
    if ours:
        page.wait_for_selector("#stampede")
    page.evaluate(axe.read_text(encoding="utf-8"))
    result = page.evaluate("scope => axe.run(scope)", "#stampede" if ours else "html")
    grave = [v for v in result["violations"] if v["impact"] in GRAVE]
    for violation in grave:
        print(
            f"{address} ({width} px, {scheme}) {violation['id']}: {violation['help']}, {len(violation['nodes'])} times"
        )
        for node in violation["nodes"][:3]:
            print(f"    {node['html'][:160]}")
    page.close()
    return len(grave)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2:]))
