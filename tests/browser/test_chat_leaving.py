"""The chat page when somebody gives up a place, signs out, or is not careful."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.chatting import answered, arrive, ask, done, say, sign_in
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Route

    from tests.browser.conftest import Begin
    from tests.conftest import NewKey
    from tests.support.service import Service
    from tests.support.simulator import Control


def test_who_stops_in_the_queue_gives_the_place_up_and_keeps_the_conversation(
    service: Service, visit: Begin, new_key: NewKey, chatgpt: Control
) -> None:
    tab = visit(service)
    tab.refusals = {429}
    page = arrive(tab, new_key(rpm=1, burst=1))
    ask(page, "One")
    say(page, "Two")
    page.get_by_role("button", name="Wait in the queue").click()
    page.get_by_text("In the queue: place 1").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Send").wait_for()
    page.get_by_text("Stopped.").first.wait_for()
    assert page.locator(".asked .text").first.inner_text() == "One"
    assert not page.locator(".notice").is_visible()
    assert chatgpt.stats()["requests"] == 1


def test_who_stops_in_the_queue_of_a_new_conversation_can_begin_it_again(
    service: Service, visit: Begin, new_key: NewKey, chatgpt: Control
) -> None:
    tab = visit(service)
    tab.refusals = {429}
    page = arrive(tab, new_key(rpm=1, burst=1))
    ask(page, "One")
    page.get_by_role("button", name="New conversation").click()
    say(page, "Two")
    page.get_by_role("button", name="Wait in the queue").click()
    page.get_by_text("In the queue: place 1").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Send").wait_for()
    page.get_by_text("Stopped.").first.wait_for()
    assert not page.locator(".notice").is_visible()
    assert page.locator(".asked .text").inner_text() == "Two"


def test_who_stops_before_the_service_answers_is_told_so_and_no_error(
    service: Service, visit: Begin, new_key: NewKey, chatgpt: Control
) -> None:
    page = arrive(visit(service), new_key())
    page.route("**/chat", lambda route: None)  # never reaches the service
    say(page, "Hello")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Send").wait_for()
    page.get_by_text("Stopped.").first.wait_for()
    assert not page.locator(".notice").is_visible()


def test_nothing_of_who_signed_out_stays_in_the_tab_or_is_sent_by_the_next(
    service: Service, visit: Begin, new_key: NewKey, chatgpt: Control
) -> None:
    key = new_key()
    page = arrive(visit(service), key)
    chatgpt.queue(text="Slowly " * 50, chunks_per_s=5)
    say(page, "My secret")
    answered(page, "Slowly")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Client key").wait_for()
    assert page.evaluate("sessionStorage.length") == 0
    sign_in(page, key, "grace")
    page.locator("#message:focus").wait_for()
    page.get_by_text("No conversations yet").wait_for()
    assert "My secret" not in page.content()


def test_an_answer_that_grows_is_not_replaced_by_the_one_before_it(
    service: Service, visit: Begin, new_key: NewKey, chatgpt: Control
) -> None:
    page = arrive(visit(service), new_key())
    ask(page, "Hello")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/markdown", hold)
    page.reload()
    wait_until(lambda: page.title() != "" and held != [], "the answer to be rendered")
    chatgpt.queue(text=" ".join(f"word{number}" for number in range(500)), chunks_per_s=40)
    page.get_by_role("button", name="Regenerate").click()
    answered(page, "word1")
    with page.expect_response("**/markdown"):
        held[0].continue_()
    page.unroute("**/markdown")
    page.locator("[aria-busy] .answer .text", has_text="word40").wait_for()
    assert page.locator(".answer .text").inner_text().startswith("word0 word1")
    page.keyboard.press("Escape")
    done(page)


@pytest.mark.parametrize("address", ["%", "%E0%A4%A"])
def test_an_address_that_is_none_is_told_and_left(
    service: Service, visit: Begin, new_key: NewKey, chatgpt: Control, address: str
) -> None:
    tab = visit(service)
    tab.refusals = {404}
    page = arrive(tab, new_key(), f"/#{address}")
    page.locator(".notice").wait_for()
    page.get_by_role("button", name="New conversation").click()
    assert ask(page, "Hello") == 'You said: "Hello"'


def test_a_countdown_is_not_read_aloud_each_second(
    service: Service, visit: Begin, new_key: NewKey, chatgpt: Control
) -> None:
    tab = visit(service)
    tab.refusals = {429}
    page = arrive(tab, new_key(rpm=1, burst=1))
    ask(page, "One")
    say(page, "Two")
    button = page.locator("[role=alert] button", has_text="Try again in")
    button.wait_for()
    live = "button => button.closest('[aria-live], [role=alert]').getAttribute('aria-live')"
    assert button.evaluate(live) == "off"
