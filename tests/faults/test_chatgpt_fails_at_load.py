"""All of ChatGPT fails at load: few calls beyond the requests, then none, and no flooded log."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.support.figures import scraped
from tests.support.learned import forget
from tests.support.service import Service
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from proxy.store.connection import Store
    from tests.conftest import NewKey
    from tests.support.service import Client
    from tests.support.simulator import Control

REQUESTS, AT_ONCE = 200, 20


@pytest.fixture(scope="module")
def unguarded(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """A service that never gives ChatGPT up."""
    never = {"PROXY_UPSTREAM_BREAKER_FAILURES": "100000"}
    with Service(redis_server.url, simulator.url, **never) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """A service as it is shipped, but for the longest that it leaves ChatGPT alone."""
    with Service(redis_server.url, simulator.url, PROXY_UPSTREAM_BREAKER_OPEN_MAX="2") as running:
        yield running


def load(client: Client, most: int = REQUESTS) -> list[requests.Response]:
    with ThreadPoolExecutor(AT_ONCE) as callers:
        return list(callers.map(lambda _: client.chat(), range(most)))


def codes(answers: list[requests.Response]) -> Counter[str]:
    return Counter(answer.json()["error"]["code"] for answer in answers)


def test_there_are_at_most_a_quarter_more_calls_than_requests(
    unguarded: Service, chatgpt: Control, new_key: NewKey
) -> None:
    chatgpt.defaults(status=500)
    answers = load(unguarded.client(new_key(rpm=0, tpm=0)))
    assert codes(answers) == {"upstream_error": REQUESTS}
    assert REQUESTS < chatgpt.stats()["requests"] <= 1.25 * REQUESTS


def test_the_log_has_a_line_each_and_no_flood(
    unguarded: Service, chatgpt: Control, new_key: NewKey
) -> None:
    client, told, begun = unguarded.client(new_key(rpm=0, tpm=0)), len(unguarded.log), time.time()
    chatgpt.defaults(status=500)
    answers = load(client)

    def counted() -> bool:
        answers.append(client.chat())
        return "left_out" in unguarded.log[told:]

    wait_until(counted, "a line that counts those that were left out")
    lines = [orjson.loads(line) for line in unguarded.log[told:].splitlines()]
    events = Counter(line["event"] for line in lines)
    assert events.keys() == {"request", "problem"}
    assert events["request"] == len(answers)
    assert events["problem"] <= 10 * (time.time() - begun + 1)


def test_after_five_failures_in_a_row_chatgpt_is_left_alone(
    guarded: Service, chatgpt: Control, new_key: NewKey
) -> None:
    client = guarded.client(new_key(rpm=0, tpm=0))
    chatgpt.defaults(status=500)
    answers = load(client)
    refused = [a for a in answers if a.json()["error"]["code"] == "upstream_unavailable"]
    assert {answer.status_code for answer in refused} == {503}
    assert all(0 < int(answer.headers["retry-after-ms"]) <= 2000 for answer in refused)
    assert chatgpt.stats()["requests"] + len(refused) <= 1.25 * REQUESTS
    assert len(refused) > REQUESTS / 2
    assert scraped(client)["chat_proxy_upstream_breaker", "closed"] == 0


def test_it_is_tried_by_one_and_asked_by_all_as_soon_as_it_answers(
    guarded: Service, chatgpt: Control, new_key: NewKey
) -> None:
    client = guarded.client(new_key(rpm=0, tpm=0))
    chatgpt.defaults(status=500)
    wait_until(lambda: client.chat().status_code == 503, "ChatGPT to be left alone")
    chatgpt.reset()
    wait_until(lambda: client.chat().ok, "ChatGPT to be asked again")
    assert all(answer.ok for answer in load(client, AT_ONCE))
    assert scraped(client)["chat_proxy_upstream_breaker", "closed"] == 1


def test_what_is_not_asked_costs_nothing_and_is_told_in_a_stream_too(
    guarded: Service, chatgpt: Control, new_key: NewKey
) -> None:
    client = guarded.client(new_key(rpm=1, burst=100, tpm=0))
    chatgpt.defaults(status=500)
    wait_until(lambda: client.chat().status_code == 503, "ChatGPT to be left alone")
    left = int(client.chat().headers["x-ratelimit-remaining-requests"])
    refused = client.chat()
    assert (refused.status_code, refused.headers["x-ratelimit-remaining-requests"]) == (
        503,
        str(left),
    )
    events = client.chat(stream=True).text
    assert "upstream_unavailable" in events
    assert "event: done" not in events


@pytest.mark.parametrize(
    "refusal",
    [
        {"status": 429, "headers": {"retry-after": "0.01", "x-should-retry": "false"}},
        {"status": 429, "error": {"code": "insufficient_quota"}},
        {"status": 400},
        {"status": 401},
        {"fault": "redirect"},
    ],
    ids=["rate limit", "quota", "bad request", "key", "redirect"],
)
def test_an_answer_that_is_no_failure_leaves_it_asked(
    guarded: Service, chatgpt: Control, store: Store, new_key: NewKey, refusal: dict[str, Any]
) -> None:
    client = guarded.client(new_key(rpm=0, tpm=0))
    wait_until(lambda: client.chat().ok, "ChatGPT to be asked")
    chatgpt.reset()
    chatgpt.defaults(**refusal)
    for _ in range(8):
        forget(store)  # what ChatGPT told of its limits holds the next request back
        client.chat()
    assert chatgpt.stats()["requests"] == 8
    assert scraped(client)["chat_proxy_upstream_breaker", "closed"] == 1
