"""Takes the pictures of a report that the README shows."""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

PARTS = ("patterns", "stampede")
"""Elements of the page of which a picture is taken, in addition to the top in both colour schemes."""
WIDTH, HEIGHT = 1280, 800


def main(run: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium-headless-shell"), args=["--no-sandbox"]
        )
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
            page.goto((run / "report.html").resolve().as_uri())
            page.screenshot(path=out / f"top-{scheme}.png")
            for part in PARTS if scheme == "light" else ():
                page.locator(f"#{part}").scroll_into_view_if_needed()
                page.evaluate("id => document.getElementById(id).scrollIntoView()", part)
                page.screenshot(path=out / f"{part}.png")
            page.close()
        browser.close()
    for picture in sorted(out.glob("*.png")):
        print(f"{picture}: {picture.stat().st_size // 1024} KB")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="run folder with a report.html")
    parser.add_argument("out", type=Path, nargs="?", default=Path("docs/pictures"), help="folder for the pictures")
    return parser.parse_args()


if __name__ == "__main__":
    arguments = read_arguments()
    main(arguments.run, arguments.out)
