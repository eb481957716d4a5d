"""What the chat page weighs, and how it bears many conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.chatting import arrive, titles, user_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Response

    from tests.browser.conftest import Begin
    from tests.conftest import NewKey
    from tests.support.service import Service

LONG_TASKS = """
window.long = [];
new PerformanceObserver((list) => window.long.push(...list.getEntries().map((e) => e.duration)))
  .observe({ type: "longtask", buffered: true });
"""


def test_the_first_load_is_below_150_kb(service: Service, visit: Begin) -> None:
    tab = visit(service)
    answers: list[Response] = []

    def count(answer: Response) -> None:
        answers.append(answer)

    tab.page.on("response", count)
    tab.open("/").get_by_label("Client key").wait_for()
    sizes = {answer.url.removeprefix(service.url): len(answer.body()) for answer in answers}
    assert {"/", "/static/style.css", "/static/chat/main.js"} <= sizes.keys()
    assert sum(sizes.values()) < 150_000, sizes


@pytest.mark.soak
def test_a_hundred_conversations_are_listed_without_jank(
    service: Service, visit: Begin, new_key: NewKey
) -> None:
    key = new_key()
    user = user_of(service, key)
    for number in range(100):
        assert user.post("/sessions", json={"title": f"Conversation {number}"}).ok
    page = arrive(visit(service), key)
    page.add_init_script(LONG_TASKS)
    page.reload()
    wait_until(lambda: len(titles(page)) == 100, "a hundred")
    page.get_by_role("searchbox").press_sequentially("Conversation 7", delay=30)
    wait_until(lambda: len(titles(page)) == 11, "those that are searched for")
    assert max(page.evaluate("window.long"), default=0) < 100
