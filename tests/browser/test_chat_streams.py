"""The chat page while answers come: stopping, reloading, losing the connection, being refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.chatting import answered, arrive, ask, done, say, sign_in
from tests.support.fault_proxy import FaultProxy
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Begin
    from tests.conftest import NewKey
    from tests.support.service import Service
    from tests.support.simulator import Control

WORDS = " ".join(f"word{number}" for number in range(150))

END = {
    "by the clock": "const end = (token) => { token.expires_at = 1 };",
    "by the service": "const end = (token) => { token.token += 'x' };",
}
"""How a token ends: it is too old, or the service knows it no more."""
REWRITE = """
for (const [name, text] of Object.entries(sessionStorage)) {
  if (!name.endsWith("token")) continue;
  const token = JSON.parse(text);
  end(token);
  sessionStorage.setItem(name, JSON.stringify(token));
}
"""


@pytest.fixture
def key(new_key: NewKey, chatgpt: Control) -> str:
    """A client key; the simulated ChatGPT is as new."""
    return new_key()


@pytest.fixture
def page(service: Service, visit: Begin, key: str) -> Page:
    """The page, signed in."""
    return arrive(visit(service), key)


def reply(page: Page) -> str:
    return page.locator(".exchange").last.locator(".answer .text").inner_text()


def test_escape_stops_the_answer_and_keeps_what_was_written(page: Page, chatgpt: Control) -> None:
    chatgpt.queue(text=WORDS, chunks_per_s=40)
    say(page, "Speak")
    answered(page, "word3")
    page.keyboard.press("Escape")
    page.get_by_text("Stopped.").first.wait_for()
    done(page)
    assert re.match(r"word0 word1 word2 word3", reply(page))
    assert "word149" not in reply(page)
    wait_until(lambda: chatgpt.stats()["aborted_streams"] == 1, "ChatGPT to be left")
    written = reply(page)
    page.reload()
    done(page)
    assert reply(page) == written
    assert ask(page, "Hello") == 'You said: "Hello"'


def test_the_stop_button_stops_before_the_first_word(page: Page, chatgpt: Control) -> None:
    chatgpt.queue(text=WORDS, delay_s=30)
    say(page, "Speak")
    page.wait_for_url("**/#s_*")
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Stopped.").first.wait_for()
    page.get_by_role("button", name="Send").wait_for()


def test_a_reload_in_the_middle_loses_no_word(page: Page, chatgpt: Control) -> None:
    chatgpt.queue(text=WORDS, chunks_per_s=100)
    say(page, "Speak")
    answered(page, "word5")
    page.reload()
    assert page.locator(".asked .text").inner_text() == "Speak"
    done(page)
    assert reply(page) == WORDS
    assert chatgpt.stats()["requests"] == 1


def test_a_reload_while_it_is_answered_anew_loses_no_word(page: Page, chatgpt: Control) -> None:
    ask(page, "Speak")
    chatgpt.queue(text=WORDS, chunks_per_s=100)
    page.get_by_role("button", name="Regenerate").click()
    answered(page, "word5")
    page.reload()
    answered(page, "word149")
    done(page)
    assert reply(page) == WORDS
    assert page.locator(".exchange").count() == 1


def test_a_reload_before_the_first_sign_of_life_asks_no_second_time(
    page: Page, chatgpt: Control
) -> None:
    chatgpt.queue(text=WORDS, delay_s=1)
    page.route("**/chat", lambda route: (route.continue_(), page.reload())[0])
    say(page, "Speak")
    page.unroute("**/chat")
    done(page)
    assert reply(page) == WORDS
    assert chatgpt.stats()["requests"] == 1


def test_another_conversation_in_between_loses_no_word(page: Page, chatgpt: Control) -> None:
    chatgpt.queue(text=WORDS, chunks_per_s=100)
    say(page, "Speak")
    answered(page, "word5")
    page.get_by_role("button", name="New conversation").click()
    assert ask(page, "Hello") == 'You said: "Hello"'
    page.get_by_role("link", name="Speak").click()
    answered(page, "word149")
    done(page)
    assert reply(page) == WORDS


def test_a_broken_connection_is_made_again_and_loses_no_word(
    service: Service, visit: Begin, key: str, chatgpt: Control
) -> None:
    with FaultProxy(service.url) as link:
        tab = visit(service)
        tab.home, tab.broken = link.url, True
        page = arrive(tab, key)
        chatgpt.queue(text=WORDS, chunks_per_s=100)
        say(page, "Speak")
        answered(page, "word5")
        link.reset()
        done(page)
        assert reply(page) == WORDS
        assert chatgpt.stats()["requests"] == 1


def test_a_limit_is_counted_down_and_then_the_message_passes(
    service: Service, visit: Begin, new_key: NewKey, chatgpt: Control
) -> None:
    tab = visit(service)
    tab.refusals = {429}
    page = arrive(tab, new_key(rpm=20, burst=1))
    ask(page, "One")
    say(page, "Two")
    again = page.get_by_role("button", name=re.compile(r"Try again in \d s"))
    again.wait_for()
    assert again.is_disabled()
    assert "req_" in page.locator(".notice code").inner_text()
    page.get_by_role("button", name="Try again", exact=True).click()
    answered(page, 'You said: "Two"')
    assert page.locator(".exchange").count() == 2


def test_who_waits_in_the_queue_is_told_the_place_and_answered(
    service: Service, visit: Begin, new_key: NewKey, chatgpt: Control
) -> None:
    tab = visit(service)
    tab.refusals = {429}
    page = arrive(tab, new_key(rpm=15, burst=1))
    ask(page, "One")
    say(page, "Two")
    page.get_by_role("button", name="Wait in the queue").click()
    page.get_by_text(re.compile(r"In the queue: place 1, (about \d s|next)")).wait_for()
    answered(page, 'You said: "Two"')
    assert not page.locator(".notice").is_visible()


@pytest.mark.parametrize("ended", ["by the clock", "by the service"])
def test_a_token_that_ended_is_replaced_and_nothing_is_lost(
    service: Service, visit: Begin, key: str, chatgpt: Control, ended: str
) -> None:
    tab = visit(service)
    tab.refusals = {401}
    page = arrive(tab, key)
    ask(page, "My name is Ada.")
    page.evaluate(f"() => {{ {END[ended]} {REWRITE} }}")
    say(page, "What is my name?")
    page.get_by_text("Your sign-in has ended.").wait_for()
    sign_in(page, key)
    answered(page, "Your name is Ada.")


def test_a_failure_of_chatgpt_is_told_with_its_request_and_mended(
    service: Service, visit: Begin, key: str, chatgpt: Control
) -> None:
    for _ in range(2):
        chatgpt.queue(status=500)
    page = arrive(visit(service), key)
    say(page, "Hello")
    page.get_by_text("ChatGPT failed. Try again.").wait_for()
    assert page.locator(".notice code").inner_text() in service.log
    page.get_by_role("button", name="Try again").click()
    answered(page, 'You said: "Hello"')
    assert page.locator(".exchange").count() == 1


def test_a_regeneration_that_fails_or_is_stopped_leaves_the_answer(
    page: Page, chatgpt: Control
) -> None:
    ask(page, "Hello")
    for _ in range(2):
        chatgpt.queue(status=500)
    chatgpt.queue(text=WORDS, delay_s=30)
    page.get_by_role("button", name="Regenerate").click()
    page.get_by_role("button", name="Try again").click()
    page.locator("[aria-busy]").wait_for()
    page.get_by_role("button", name="Stop").click()
    answered(page, 'You said: "Hello"')
    done(page)
    assert page.locator(".exchange").count() == 1


def test_an_answer_that_breaks_off_is_kept_and_marked(
    service: Service, visit: Begin, key: str, chatgpt: Control
) -> None:
    chatgpt.queue(text=WORDS, fault="cut_stream", after=20)
    page = arrive(visit(service), key)
    say(page, "Speak")
    page.get_by_text("Broke off before its end.").wait_for()
    assert reply(page).startswith("word0 word1")
    page.locator(".notice").wait_for()
