"""ChatGPT answers 429 or 5xx, or cannot be reached: one more try in time, then a true error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.streams import end_of_stream
from tests.support.service import Service, free_port
from tests.support.usage import requests_left, spent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from proxy.store.connection import Store
    from tests.conftest import NewKey
    from tests.support.service import Client
    from tests.support.simulator import Control

TOTAL_S = 5


@pytest.fixture(scope="module")
def service(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """A service whose retries are all left, and with little time for them."""
    settings = {
        "PROXY_UPSTREAM_BREAKER_FAILURES": "1000",
        "PROXY_UPSTREAM_TOTAL_TIMEOUT": str(TOTAL_S),
    }
    with Service(redis_server.url, simulator.url, **settings) as running:
        yield running


@pytest.fixture
def client(service: Service, chatgpt: Control, new_key: NewKey) -> Client:
    return service.client(new_key(rpm=1, burst=10, tpm=0))


@pytest.mark.parametrize(
    ("failure", "soonest_s"),
    [
        ({"status": 429, "headers": {"retry-after": "0.6"}}, 0.6),
        ({"status": 429, "headers": {"retry-after-ms": "600"}}, 0.6),
        ({"status": 500}, 0.25),
        ({"status": 503}, 0.25),
        ({"fault": "no_status_line"}, 0.25),
    ],
)
def test_a_failure_that_passes_is_not_noticed(
    client: Client, chatgpt: Control, failure: dict[str, Any], soonest_s: float
) -> None:
    chatgpt.queue(**failure)
    assert client.chat().ok
    first, second = chatgpt.requests()
    assert second.at - first.at >= soonest_s


def test_a_server_error_that_stays_is_a_502_and_costs_no_tokens(
    client: Client, chatgpt: Control, store: Store
) -> None:
    chatgpt.defaults(status=503)
    answer = client.chat("word " * 100)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    assert chatgpt.stats()["requests"] == 2
    assert spent(store, client) == (1, 0)


def test_what_chatgpt_may_have_worked_on_is_charged(
    client: Client, chatgpt: Control, store: Store
) -> None:
    chatgpt.defaults(fault="no_status_line")
    assert client.chat("word " * 100).status_code == 502
    requests, tokens = spent(store, client)
    assert requests == 1
    assert tokens >= 100


@pytest.mark.parametrize("wait_s", [TOTAL_S + 1, 30])
def test_a_wait_that_is_too_long_for_us_is_the_caller_s(
    client: Client, chatgpt: Control, wait_s: int
) -> None:
    chatgpt.defaults(status=429, headers={"retry-after": str(wait_s)})
    answer = client.chat()
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "upstream_rate_limited")
    assert int(answer.headers["retry-after"]) >= wait_s
    assert chatgpt.stats()["requests"] == 1


def test_a_second_try_that_would_come_after_the_deadline_is_not_made(
    client: Client, chatgpt: Control
) -> None:
    chatgpt.queue(status=500, delay_s=TOTAL_S - 0.1)
    assert client.chat().status_code in {502, 504}
    assert chatgpt.stats()["requests"] == 1


def test_a_chatgpt_that_is_not_there_costs_nothing(
    redis_server: EmbeddedRedis, new_key: NewKey
) -> None:
    with Service(redis_server.url, f"http://127.0.0.1:{free_port()}/v1") as lonely:
        client = lonely.client(new_key(rpm=1, burst=10, tpm=0))
        answer = client.chat()
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
        assert end_of_stream(client) == "upstream_error"
        assert requests_left(client) == 10
