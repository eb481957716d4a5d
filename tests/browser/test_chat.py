"""The chat page in a browser: signing in, asking, changing one's mind, keeping conversations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.chatting import USER, answered, arrive, ask, done, say, sign_in, titles, user_of
from tests.support.service import Service
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from tests.browser.conftest import Begin
    from tests.conftest import NewKey
    from tests.support.simulator import Control


@pytest.fixture(scope="module")
def demo(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """A service that asks for no key and sends ChatGPT little of the past."""
    settings = {"PROXY_AUTH": "open", "PROXY_CONTEXT_MAX_TOKENS": "60"}
    with Service(redis_server.url, simulator.url, **settings) as running:
        yield running


@pytest.fixture
def key(new_key: NewKey, chatgpt: Control) -> str:
    """A client key; the simulated ChatGPT is as new."""
    return new_key()


@pytest.fixture
def page(service: Service, visit: Begin, key: str) -> Page:
    """The page, signed in."""
    return arrive(visit(service), key)


def test_a_key_is_traded_for_a_token_and_forgotten(
    service: Service, visit: Begin, key: str
) -> None:
    page = arrive(visit(service), key)
    assert ask(page, "My name is Ada.") == 'You said: "My name is Ada."'
    kept = page.evaluate(
        "JSON.stringify([sessionStorage, localStorage, location, document.cookie])"
    )
    assert "ut-proxy-" in kept
    assert key not in kept + page.content()
    assert page.locator("#who").inner_text() == USER
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Client key").wait_for()
    assert "ut-proxy-" not in page.evaluate("JSON.stringify(sessionStorage)")


def test_a_wrong_key_is_told_and_can_be_mended(service: Service, visit: Begin, key: str) -> None:
    tab = visit(service)
    tab.refusals = {401}
    page = tab.open("/")
    page.get_by_label("Client key").fill("sk-proxy-nobody-nothing")
    page.keyboard.press("Enter")
    assert "req_" in page.locator("dialog .notice").inner_text()
    sign_in(page, key)
    assert ask(page, "Hello") == 'You said: "Hello"'


def test_without_keys_it_opens_at_once(demo: Service, visit: Begin, chatgpt: Control) -> None:
    page = visit(demo).open("/")
    assert ask(page, "Hello") == 'You said: "Hello"'
    assert not page.locator("#identity").is_visible()


def test_what_was_left_out_is_said(demo: Service, visit: Begin, chatgpt: Control) -> None:
    page = visit(demo).open("/")
    for question in ("One " * 30, "Two " * 30):
        ask(page, question)
    page.get_by_text("1 earlier turn did not fit any more").wait_for()


def test_an_answer_is_shown_as_markdown_and_can_be_copied(
    service: Service, visit: Begin, key: str, chatgpt: Control
) -> None:
    text = "**Bold**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nimport os\n```\n"
    chatgpt.queue(text=text)
    page = arrive(visit(service, permissions=["clipboard-read", "clipboard-write"]), key)
    ask(page, "Show me")
    assert page.locator(".answer strong").inner_text() == "Bold"
    assert page.locator(".answer td").all_inner_texts() == ["1", "2"]
    assert page.locator(".answer .kn").inner_text() == "import"
    page.get_by_role("button", name="Copy code").click()
    assert page.evaluate("navigator.clipboard.readText()") == "import os\n"
    page.locator(".answer .acts").get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == text


def test_regenerating_replaces_the_newest_answer(page: Page, chatgpt: Control) -> None:
    chatgpt.queue(text="The first.")
    chatgpt.queue(text="The second.")
    assert ask(page, "Say something") == "The first."
    page.get_by_role("button", name="Regenerate").click()
    answered(page, "The second.")
    done(page)
    page.reload()
    answered(page, "The second.")
    assert page.locator(".exchange").count() == 1


def test_an_edited_message_is_asked_in_a_copy(page: Page, chatgpt: Control) -> None:
    for question in ("One", "Two", "Three"):
        ask(page, question)
    first = page.url
    page.get_by_role("button", name="Edit").nth(1).click()
    page.get_by_label("Edit the message").fill("Deux")
    page.keyboard.press("Enter")
    answered(page, 'You said: "Deux"')
    done(page)
    assert page.locator(".asked .text").all_inner_texts() == ["One", "Deux"]
    sent = chatgpt.requests()[-1].body["messages"]
    assert [said["content"] for said in sent if said["role"] == "user"] == ["One", "Deux"]
    page.go_back()
    answered(page, 'You said: "Three"')
    assert page.url == first


def test_an_edited_first_message_begins_anew(page: Page) -> None:
    ask(page, "One")
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Edit the message").fill("Un")
    page.keyboard.press("Enter")
    answered(page, 'You said: "Un"')
    assert page.locator(".asked .text").all_inner_texts() == ["Un"]


def test_undo_takes_the_turn_back_and_gives_the_message(page: Page) -> None:
    ask(page, "One")
    ask(page, "Two")
    page.get_by_role("button", name="Undo").click()
    page.locator(".exchange").nth(1).wait_for(state="detached")
    assert page.locator("#message").input_value() == "Two"
    page.reload()
    answered(page, 'You said: "One"')
    assert page.locator(".exchange").count() == 1


def test_conversations_are_named_found_renamed_and_deleted(
    service: Service, visit: Begin, key: str
) -> None:
    page = arrive(visit(service), key)
    ask(page, "Rivers of France")
    page.get_by_role("button", name="New conversation").click()
    ask(page, "Lakes of Italy")
    wait_until(lambda: titles(page) == ["Lakes of Italy", "Rivers of France"], "both")
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Title", exact=True).fill("Lago di Como")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Lago di Como").wait_for()
    page.get_by_role("searchbox").fill("rivers")
    wait_until(lambda: titles(page) == ["Rivers of France"], "what is searched for")
    page.get_by_role("link", name="Rivers of France").click()
    page.get_by_role("heading", name="Rivers of France").wait_for()
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("Nothing found").wait_for()
    assert page.locator(".exchange").count() == 0
    listed = user_of(service, key).get("/sessions").json()["data"]
    assert [session["title"] for session in listed] == ["Lago di Como"]


@pytest.mark.parametrize("form", ["Markdown", "JSON"])
def test_a_conversation_is_exported(page: Page, form: str) -> None:
    ask(page, "Rivers of France")
    page.get_by_role("heading", name="Rivers of France").wait_for()
    page.get_by_role("button", name="More", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Export as {form}").click()
    document = Path(download.value.path()).read_text("utf-8")
    if form == "JSON":
        document = json.loads(document)["turns"][0]["reply"]
    assert 'You said: "Rivers of France"' in document
    assert download.value.suggested_filename.startswith("Rivers of France.")


def test_settings_hold_for_the_conversation(page: Page, chatgpt: Control) -> None:
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Persona").select_option("brief")
    page.get_by_label("Instructions").fill("Speak like a sailor.")
    page.get_by_label("Temperature").fill("0.2")
    page.get_by_label("Top-k").fill("5")
    page.get_by_role("button", name="Save").click()
    ask(page, "Hello")
    assert "Left out, since the model does not take it: " in page.locator(".notes").inner_text()
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Model").fill("gpt-5.4-mini")
    page.get_by_label("Top-k").fill("")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("dialog").wait_for(state="detached")
    ask(page, "Hello again")
    sent = chatgpt.requests()[-1].body
    assert (sent["model"], sent["temperature"]) == ("gpt-5.4-mini", 0.2)
    assert sent["messages"][0]["content"].endswith("Speak like a sailor.")
    page.reload()
    page.get_by_role("button", name="Settings").click()
    assert page.get_by_label("Persona").input_value() == "brief"


def test_a_hundred_conversations_are_listed_at_once_and_more_on_demand(
    service: Service, visit: Begin, key: str
) -> None:
    user = user_of(service, key)
    for number in range(105):
        user.post("/sessions", json={"title": f"Conversation {number}"})
    page = arrive(visit(service), key)
    wait_until(lambda: len(titles(page)) == 100, "a hundred")
    page.get_by_role("button", name="Show more").click()
    wait_until(lambda: len(titles(page)) == 105, "all")
    assert not page.get_by_role("button", name="Show more").is_visible()


def test_the_earlier_part_of_a_long_conversation_is_shown_on_demand(
    service: Service, visit: Begin, key: str
) -> None:
    user = user_of(service, key)
    session = user.post("/sessions", json={}).json()["id"]
    for number in range(53):
        assert user.chat(f"Message {number}", session_id=session).ok
    page = arrive(visit(service), key, f"/#{session}")
    ask(page, "One more")
    page.get_by_role("button", name="Edit").first.click()
    page.get_by_label("Edit the message").fill("Instead")
    page.keyboard.press("Enter")
    answered(page, 'You said: "Instead"')
    assert page.locator(".exchange").count() == 4
    page.go_back()
    page.get_by_role("button", name="Show earlier messages").click()
    page.locator(".exchange").nth(53).wait_for()
    page.get_by_role("button", name="Edit").first.click()
    page.get_by_label("Edit the message").fill("Other")
    page.keyboard.press("Enter")
    answered(page, 'You said: "Other"')
    assert page.locator(".exchange").count() == 1


def test_a_conversation_that_is_gone_says_so(service: Service, visit: Begin, key: str) -> None:
    tab = visit(service)
    tab.refusals = {404}
    page = arrive(tab, key, "/#s_AAAAAAAAAAAAAAAAAAAAAA")
    page.get_by_text("It was deleted, or kept its time.").wait_for()
    say(page, "Hello")
    assert page.locator(".notice code").inner_text().startswith("req_")
