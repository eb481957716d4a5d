"""How the chat page looks, reads and is used by keys: light and dark, any width, by anybody.

Each state is also kept as a picture in .screenshots, for people to look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser.chatting import answered, arrive, ask, done, press_until, say, sign_in
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Begin
    from tests.browser.visit import Visit
    from tests.conftest import NewKey
    from tests.support.service import Service
    from tests.support.simulator import Control

LOOKS: list[tuple[Literal["light", "dark"], int]] = [
    ("light", 1280),
    ("dark", 1280),
    ("dark", 360),
]
QUESTION = "Compare three ways to keep a queue in Redis"
ANSWER = """Three structures fit, and they differ in what happens when a worker dies.

| Structure | Acknowledge | Replay | Cost per message |
|---|---|---|--:|
| List with `BLMOVE` | by hand | no | 1.2 µs |
| Stream with a group | built in | yes | 2.1 µs |
| Sorted set | by hand | yes | 3.4 µs |

Take a **stream** unless you have a reason not to. A consumer reads like this:

```python
def consume(redis, group: str, name: str):
    \"\"\"Yield messages; one that fails stays pending.\"\"\"
    while True:
        batch = redis.xreadgroup(group, name, {"jobs": ">"}, count=16, block=5000)
        for _, messages in batch:  # one stream
            yield from messages
```

> Claim what a dead worker left with `XAUTOCLAIM`, see [the manual](https://redis.io/docs).

1. Acknowledge *after* the work is done.
2. Trim what nobody needs.
"""


def check(tab: Visit, name: str) -> None:
    """No serious fault, nothing beside the window; and a picture."""
    tab.keep(name)
    assert tab.faults() == []
    assert tab.overflow() == 0
    assert tab.page.evaluate("document.documentElement.scrollHeight <= innerHeight")


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_every_state_can_be_read_by_all(
    service: Service,
    visit: Begin,
    new_key: NewKey,
    chatgpt: Control,
    scheme: Literal["light", "dark"],
    width: int,
) -> None:
    def see(state: str) -> None:
        check(tab, f"chat-{state}-{scheme}-{width}")

    tab = visit(service, width, color_scheme=scheme, reduced_motion="reduce")
    tab.refusals = {429}
    page = tab.open("/")
    page.get_by_label("Client key").wait_for()
    see("sign-in")
    sign_in(page, new_key(rpm=1, burst=4))
    page.locator("#message:focus").wait_for()
    see("empty")
    for title in ("Rivers of France", "A letter to the landlord"):
        ask(page, title)
        page.keyboard.press("Escape")
        page.keyboard.press("n")
    chatgpt.queue(text=ANSWER)
    ask(page, QUESTION)
    see("answer")
    chatgpt.queue(text=ANSWER, chunks_per_s=20)
    say(page, "And in other words?")
    answered(page, "Three structures")
    see("busy")
    page.keyboard.press("Escape")
    done(page)
    say(page, "And without limits?")
    page.locator(".notice").wait_for()
    see("limit")
    if width < 768:
        page.get_by_role("button", name="Conversations").click()
        see("list")
        page.keyboard.press("Escape")
    for state, press in (("settings", "s"), ("keys", "?")):
        page.locator("#scroller").focus()
        page.keyboard.press(press)
        page.get_by_role("dialog").wait_for()
        see(state)
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="detached")


@pytest.fixture
def page(service: Service, visit: Begin, new_key: NewKey, chatgpt: Control) -> Page:
    """The page, signed in."""
    return arrive(visit(service), new_key())


def test_all_is_done_by_keys_alone(
    service: Service, visit: Begin, new_key: NewKey, chatgpt: Control
) -> None:
    page = arrive(visit(service), new_key())
    page.keyboard.type("Rivers")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("of France")
    page.keyboard.press("Enter")
    answered(page, "Rivers\nof France")
    done(page)
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    page.keyboard.type("Lakes")
    page.keyboard.press("Enter")
    answered(page, "Lakes")
    done(page)
    press_until(page, "Shift+Tab", "#sessions li:nth-child(2) a")
    page.keyboard.press("Enter")
    answered(page, "Rivers")
    page.keyboard.press("n")
    assert page.evaluate("document.activeElement.id") == "message"
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    press_until(page, "Tab", "#more")
    page.keyboard.press("Enter")
    press_until(page, "Tab", "#help")
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name="Keyboard").wait_for()


def test_letters_act_only_where_nobody_types_and_never_with_ctrl(page: Page) -> None:
    ask(page, "Hello")
    page.locator("#message").press_sequentially("nr?/eus")
    assert page.locator("#message").input_value() == "nr?/eus"
    prevented = page.evaluate(
        "['r', 'n', 'e', 's', 'u'].map((key) => !document.body.dispatchEvent(new KeyboardEvent("
        "'keydown', { key, ctrlKey: true, bubbles: true, cancelable: true })))"
    )
    assert prevented == [False] * 5
    assert page.get_by_role("dialog").count() == 0


def test_an_answer_is_announced_when_it_is_complete_and_the_focus_stays(
    page: Page, chatgpt: Control
) -> None:
    chatgpt.queue(text="Once upon a time, " * 10, chunks_per_s=40)
    say(page, "Tell me a story")
    answered(page, "Once upon")
    assert page.get_by_role("log").get_attribute("aria-live") == "off"
    assert page.locator("#said").inner_text() == ""
    done(page)
    assert page.locator("#said").inner_text().startswith("ChatGPT answered: Once upon a time")
    assert page.evaluate("document.activeElement.id") == "message"


def test_the_end_stays_in_sight_unless_somebody_reads_above_it(
    page: Page, chatgpt: Control
) -> None:
    chatgpt.queue(text="A line.\n\n" * 100)
    ask(page, "Speak")
    below = (
        "(s => s.scrollHeight - s.scrollTop - s.clientHeight)(document.querySelector('#scroller'))"
    )
    wait_until(lambda: page.evaluate(below) < 2, "the end to be in sight")
    chatgpt.queue(text="A line.\n" * 100, chunks_per_s=60)
    say(page, "Go on")
    answered(page, "A line.")
    page.locator("#scroller").evaluate("scroller => { scroller.scrollTop = 0 }")
    page.get_by_role("button", name="Regenerate").last.wait_for()
    assert page.locator("#scroller").evaluate("scroller => scroller.scrollTop") == 0


def test_the_colours_that_were_chosen_are_kept(service: Service, visit: Begin) -> None:
    tab = visit(service, color_scheme="light")
    page = tab.open("/docs")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.get_by_role("button", name="Colours: as the system").click()
    assert page.evaluate(colour) == light
    page.get_by_role("button", name="Colours: light").click()
    dark = page.evaluate(colour)
    assert dark != light
    tab.open("/")
    assert page.evaluate(colour) == dark


def test_a_long_message_is_seen_whole_while_it_is_written(page: Page) -> None:
    height = "message => message.clientHeight"
    line = page.locator("#message").evaluate(height)
    page.locator("#message").fill("A paragraph without an end. " * 20)
    assert page.locator("#message").evaluate(height) > 2 * line
    page.locator("#message").fill("And more. " * 2_000)
    page.get_by_role("button", name="Send").click(trial=True)
    assert page.locator("#message").evaluate(height) <= 0.4 * 800
