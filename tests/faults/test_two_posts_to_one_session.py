"""Two posts to one session: one is answered, the other is told to wait, however long it takes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from proxy.store.connection import time_us
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.store.connection import Store
    from tests.conftest import NewKey, StartService
    from tests.support.service import Client
    from tests.support.simulator import Control

LEASE_S = 1.0
TURN_S = 3.0


@pytest.fixture
def caller(start_service: StartService, chatgpt: Control, new_key: NewKey) -> Client:
    service = start_service(PROXY_TURN_LEASE=str(LEASE_S), WEB_CONCURRENCY="2")
    return service.client(new_key())


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as executor:
        yield executor


def test_a_second_post_is_told_to_wait_until_the_long_turn_is_stored(
    caller: Client, chatgpt: Control, store: Store, threads: ThreadPoolExecutor
) -> None:
    session_id = caller.chat("first").json()["session_id"]
    chatgpt.queue(delay_s=TURN_S)
    long = threads.submit(caller.chat, "long", session_id=session_id)
    wait_until(lambda: chatgpt.stats()["open_requests"], "the long turn to reach ChatGPT")
    end = store.run(time_us()) + 1.5 * LEASE_S * 1_000_000
    wait_until(lambda: store.run(time_us()) > end, "the first lease to be over")
    busy = caller.chat("second", session_id=session_id)
    assert (busy.status_code, busy.json()["error"]["code"]) == (409, "session_busy")
    assert 0 < float(busy.headers["retry-after-ms"]) <= LEASE_S * 1000
    assert long.result().status_code == 200
    assert caller.chat("third", session_id=session_id).status_code == 200
    turns = caller.get(f"/sessions/{session_id}").json()["turns"]
    assert [turn["message"] for turn in turns] == ["first", "long", "third"]


def test_of_two_posts_at_once_one_is_answered_and_one_is_told_to_wait(
    caller: Client, chatgpt: Control, threads: ThreadPoolExecutor
) -> None:
    session_id = caller.chat("first").json()["session_id"]
    chatgpt.defaults(delay_s=0.5)
    posts = [threads.submit(caller.chat, message, session_id=session_id) for message in ("a", "b")]
    answers = {post.result().status_code: post.result() for post in posts}
    assert set(answers) == {200, 409}
    turns = caller.get(f"/sessions/{session_id}").json()["turns"]
    assert [turn["turn_id"] for turn in turns][1:] == [answers[200].json()["turn_id"]]
