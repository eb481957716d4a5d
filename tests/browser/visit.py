"""A visit to the service's pages in a real browser, that notes all that goes wrong there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

from tests.support.service import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

SCREENSHOTS = ROOT / ".screenshots"


class Visit:
    """One tab; `trouble` holds what its console, its policy and its requests said.

    Attributes:
        page: the tab.
        home: the service's address.
        refusals: statuses of answers that the test provokes; the console tells them as errors.
        broken: whether the test breaks connections, which the console tells too.
        trouble: whatever else is wrong.
    """

    def __init__(self, context: BrowserContext, home: str) -> None:
        self.page: Page = context.new_page()
        self.home = home
        self.refusals: set[int] = set()
        self.broken = False
        self.trouble: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self._dismiss(dialog.message, dialog.dismiss))
        context.on("request", self._see)

    def open(self, path: str) -> Page:
        """Go to a page of the service."""
        self.page.goto(self.home + path)
        return self.page

    def faults(self) -> list[str]:
        """What a reader who sees or hears badly, or uses no mouse, would stumble over."""
        told = Axe().run(self.page, options={"resultTypes": ["violations"]}).response
        assert len(told["passes"]) > 10, "axe did not look"
        return [
            f"{fault['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
            for fault in told["violations"]
            if fault["impact"] in {"serious", "critical"}
            for node in fault["nodes"]
        ]

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.page.evaluate(wider))

    def keep(self, name: str) -> None:
        """Take a picture for people to look at."""
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    def _hear(self, message: ConsoleMessage) -> None:
        refused = re.search(r"status of (\d+)", message.text)
        expected = refused and int(refused[1]) in self.refusals
        expected = expected or (self.broken and "net::ERR_" in message.text)
        if message.type in {"error", "warning"} and not expected:
            self.trouble.append(f"console: {message.text}")

    def _see(self, request: Request) -> None:
        address = urlsplit(request.url)
        own = f"{address.scheme}://{address.netloc}" == self.home
        if not own and address.scheme not in {"blob", "data"}:
            self.trouble.append(f"request: {request.url}")

    def _dismiss(self, said: str, dismiss: object) -> None:
        self.trouble.append(f"dialog: {said}")
        if callable(dismiss):
            dismiss()
