"""A headless Chromium, where there is one, that may speak to this machine only."""

import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

CHROMIUM = "chromium-headless-shell"
PATIENCE_MS = 120_000
"""How long a page may take for anything, on a machine that has other work."""
HERE = ("127.0.0.1", "localhost", None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which(CHROMIUM)
    if path is None:
        pytest.skip(f"{CHROMIUM} is not installed")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"], timeout=PATIENCE_MS)
        yield opened
        opened.close()


class WatchedPage:
    """A page, what it asked of other machines, and what went wrong in its scripts."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.strangers: list[str] = []
        self.errors: list[str] = []
        page.on("request", self._on_request)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _on_request(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob", "file") and urlsplit(request.url).hostname not in HERE:
            self.strangers.append(request.url)


@pytest.fixture
def watched(browser: Browser) -> Iterator[WatchedPage]:
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(PATIENCE_MS)
    seen = WatchedPage(context.new_page())
    yield seen
    context.close()
    assert seen.strangers == []
    assert seen.errors == []
