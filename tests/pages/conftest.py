"""Fixtures for tests in a headless Chromium, if it is installed. A page may connect only to this machine."""

import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

CHROMIUM = "chromium-headless-shell"
TIMEOUT_MS = 120_000
"""The timeout of each browser action; long, because the machine may be busy."""
HERE = ("127.0.0.1", "localhost", None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which(CHROMIUM)
    if path is None:
        pytest.skip(f"{CHROMIUM} is not installed")
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"], timeout=TIMEOUT_MS)
        yield opened
        opened.close()


class WatchedPage:
    """A page, its requests to other machines, and the errors of its scripts."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.foreign_requests: list[str] = []
        self.errors: list[str] = []
        page.on("request", self._on_request)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _on_request(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob", "file") and urlsplit(request.url).hostname not in HERE:
            self.foreign_requests.append(request.url)


@pytest.fixture
def watched(browser: Browser) -> Iterator[WatchedPage]:
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(TIMEOUT_MS)
    seen = WatchedPage(context.new_page())
    yield seen
    context.close()
    assert seen.foreign_requests == []
    assert seen.errors == []
