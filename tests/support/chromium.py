"""Debian's Chromium without a window, and the problems of a page in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright

#: It starts as root too, and sends no requests of its own.
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; skips the test without Chromium."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed here; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """Collects the problems of a page: errors and warnings of the console (among them violations of the content
    security policy), failed requests, dialogs, and requests to other sites than `origin`.
    """

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self.origin = page, origin
        self.problems: list[str] = []
        self._allowed: set[str] = set()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        page.on("request", self._asked)
        page.on("response", self._answered)
        page.on("requestfailed", self._failed)
        page.on("dialog", self._dialog)

    def allow_missing(self, path: str) -> None:
        """Accept that nothing is at this path."""
        self._allowed.add(f"{self.origin}{path}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and message.location.get("url") not in self._allowed:
            self.problems.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob") and not request.url.startswith(f"{self.origin}/"):
            self.problems.append(f"left the site: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.url not in self._allowed:
            self.problems.append(f"{response.status}: {response.url}")

    def _failed(self, request: Request) -> None:
        # A request that a script or the reader cancelled has not failed.
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"{request.failure}: {request.url}")

    def _dialog(self, dialog: Any) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()
