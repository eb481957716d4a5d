"""The chat page as somebody uses it who has a client key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.visit import Visit
    from tests.support.service import Client, Service

USER = "ada"


def sign_in(page: Page, key: str, user: str = USER) -> None:
    """Give the key to the dialog that asks for it."""
    page.get_by_label("Client key").fill(key)
    page.get_by_label("Your name").fill(user)
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for(state="detached")


def arrive(tab: Visit, key: str, path: str = "/") -> Page:
    """Open the page and sign in."""
    page = tab.open(path)
    sign_in(page, key)
    page.locator("#message:focus").wait_for()
    return page


def say(page: Page, text: str) -> None:
    """Send a message."""
    page.locator("#message").fill(text)
    page.locator("#message").press("Enter")


def ask(page: Page, text: str) -> str:
    """Send a message; its answer as it is shown."""
    say(page, text)
    done(page)
    return page.locator(".exchange").last.locator(".answer .text").inner_text()


def done(page: Page) -> None:
    """Wait until the newest answer is stored and rendered."""
    page.locator(".exchange:last-child .answer .text:not(.plain)").wait_for()
    page.locator(".exchange:last-child .answer .acts:not([hidden])").wait_for()


def answered(page: Page, text: str) -> None:
    """Wait until the newest answer holds this."""
    page.locator(".exchange:last-child .answer .text", has_text=text).wait_for()


def user_of(service: Service, key: str, user: str = USER) -> Client:
    """The same user without a browser, to prepare what the page shows."""
    minted = service.client(key).post("/tokens", json={"user": user})
    return service.client(minted.json()["token"])


def titles(page: Page) -> list[str]:
    """The list of conversations."""
    return page.locator("#sessions .session-title").all_inner_texts()


def ran(page: Page) -> bool:
    """Whether a payload ran, or became more than text."""
    made = page.locator("#chat, dialog").locator(
        "script, img, iframe, style, link, svg, form[action]"
    )
    return page.evaluate("window.ran") is not None or made.count() > 0


def press_until(page: Page, key: str, selector: str) -> None:
    """Press a key until what is selected has the focus."""
    for _ in range(40):
        if page.locator(f"{selector}:focus").count():
            return
        page.keyboard.press(key)
    pytest.fail(f"{selector} cannot be reached by {key}")
