"""What others write does nothing in the chat page: answers, titles, names, errors, addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.chatting import USER, ask, done, ran, say, sign_in, titles, user_of
from tests.browser.payloads import PAYLOADS
from tests.support.waiting import wait_until
from tests.web.test_markdown import MARKDOWN

if TYPE_CHECKING:
    from tests.browser.conftest import Begin
    from tests.conftest import NewKey
    from tests.support.service import Service
    from tests.support.simulator import Control

ALL = (*PAYLOADS, *MARKDOWN)


@pytest.fixture
def key(new_key: NewKey, chatgpt: Control) -> str:
    """A client key; the simulated ChatGPT is as new."""
    return new_key()


def test_no_answer_runs(service: Service, visit: Begin, key: str, chatgpt: Control) -> None:
    user = user_of(service, key)
    session = user.post("/sessions", json={"system": ALL[0]}).json()["id"]
    for payload in ALL:
        chatgpt.queue(text=payload)
        assert user.chat(payload, session_id=session).ok
    page = visit(service).open(f"/#{session}")
    sign_in(page, key)
    for place in range(len(ALL)):
        answer = page.locator(".exchange").nth(place).locator(".answer .text")
        answer.scroll_into_view_if_needed()
        page.locator(f".exchange:nth-child({place + 1}) .text:not(.plain)").first.wait_for()
    assert page.locator(".answer .plain").count() == 0
    assert page.locator(".answer a:not([href^=https])").count() == 0
    for link in page.locator(".answer a[href]").all():
        assert str(link.get_attribute("href")).startswith("https://")
    assert not ran(page)


def test_no_answer_runs_while_it_comes(
    service: Service, visit: Begin, key: str, chatgpt: Control
) -> None:
    page = visit(service).open("/")
    sign_in(page, key)
    chatgpt.queue(text="\n\n".join(ALL), chunk_size=7, chunks_per_s=400)
    say(page, "\n".join(ALL))
    done(page)
    assert not ran(page)
    chatgpt.queue(tool_calls=[{"name": "x", "arguments": ALL[0]}])
    say(page, "Now call")
    page.get_by_role("button", name="Regenerate").last.wait_for()
    assert not ran(page)


def test_no_title_runs(service: Service, visit: Begin, key: str) -> None:
    user = user_of(service, key)
    for payload in ALL:
        made = user.post("/sessions", json={"title": payload})
        assert made.status_code == 201, made.text
    page = visit(service).open("/")
    sign_in(page, key)
    wait_until(lambda: len(titles(page)) == len(ALL), "all of them")
    for link in page.locator("#sessions a").all()[::8]:
        link.click()
        page.locator("#sessions a[aria-current]").wait_for()
        page.get_by_role("button", name="More", exact=True).click()
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").wait_for()
        assert not ran(page)
        page.keyboard.press("Escape")


@pytest.mark.parametrize("payload", [PAYLOADS[1], PAYLOADS[24], PAYLOADS[26]])
def test_no_user_s_name_runs(service: Service, visit: Begin, key: str, payload: str) -> None:
    page = visit(service).open("/")
    sign_in(page, key, payload)
    assert page.locator("#who").inner_text() == payload
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Client key").wait_for()
    assert not ran(page)


def test_no_error_runs(service: Service, visit: Begin, key: str, chatgpt: Control) -> None:
    page = visit(service).open("/")
    sign_in(page, key, USER)
    ask(page, "Hello")
    for number, payload in enumerate(PAYLOADS):
        error = {"message": f"No. {number}: {payload}", "code": payload, "param": payload}
        chatgpt.queue(status=400, error=error)
        say(page, payload)
        page.locator(".notice", has_text=f"No. {number}:").wait_for()
        assert not ran(page)


def test_no_address_runs(service: Service, visit: Begin, key: str) -> None:
    tab = visit(service)
    tab.refusals = {404}
    page = tab.open("/")
    sign_in(page, key)
    for payload in PAYLOADS:
        page.evaluate("payload => { location.hash = encodeURIComponent(payload) }", payload)
        page.locator(".notice").wait_for()
        assert not ran(page)
