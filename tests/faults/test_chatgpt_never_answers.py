"""ChatGPT takes the request and never answers, or lets its answer drip: patience has an end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.streams import end_of_stream
from tests.support.service import Service
from tests.support.usage import spent
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from proxy.store.connection import Store
    from tests.conftest import NewKey
    from tests.support.service import Client
    from tests.support.simulator import Control

SILENT_S, TOTAL_S = 0.7, 1.5
MUCH_LATER_S = 20
"""No answer of these tests would be whole before; a loaded machine has to be sooner."""
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
WORD = 'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'
CHUNKED = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n{len(WORD):x}\r\n{WORD}\r\n"
DRIPS: list[dict[str, Any]] = [
    {"fault": "drip", "chunks_per_s": 4},
    {"fault": "raw", "chunks_per_s": 4, "raw": HEAD + "X: " + "x" * 200},
    {"fault": "raw", "chunks_per_s": 4, "raw": CHUNKED + "1;" + "x" * 200, "after": len(CHUNKED)},
]
IDS = ["status line", "header", "size of a chunk"]


@pytest.fixture(scope="module")
def hasty(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """A service of little patience."""
    with Service(
        redis_server.url,
        simulator.url,
        PROXY_UPSTREAM_READ_TIMEOUT=str(SILENT_S),
        PROXY_UPSTREAM_TOTAL_TIMEOUT=str(TOTAL_S),
        PROXY_UPSTREAM_STREAM_TIMEOUT=str(TOTAL_S),
        PROXY_UPSTREAM_BREAKER_FAILURES="1000",
    ) as running:
        yield running


@pytest.fixture
def client(hasty: Service, chatgpt: Control, new_key: NewKey) -> Client:
    return hasty.client(new_key())


def test_silence_is_a_504_at_the_timeout_of_the_first_byte(
    client: Client, chatgpt: Control, store: Store
) -> None:
    chatgpt.queue(fault="silence")
    begun = time.monotonic()
    answer = client.chat("word " * 100)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")
    assert SILENT_S <= time.monotonic() - begun < TOTAL_S + MUCH_LATER_S
    assert chatgpt.stats()["requests"] == 1
    requests, tokens = spent(store, client)
    assert requests == 1
    assert tokens >= 100  # ChatGPT may have read the prompt


def test_silence_is_a_504_under_v1_too(client: Client, chatgpt: Control) -> None:
    chatgpt.queue(fault="silence")
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    answer = client.post("/v1/chat/completions", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")


def test_silence_before_and_after_words_ends_a_stream_with_an_error(
    client: Client, chatgpt: Control
) -> None:
    for after in (None, 3):
        chatgpt.queue(fault="silence", after=after)
        assert end_of_stream(client) == "upstream_timeout"


@pytest.mark.parametrize("drip", DRIPS, ids=IDS)
def test_an_answer_that_drips_is_cut_at_the_total_deadline(
    client: Client, chatgpt: Control, drip: dict[str, Any]
) -> None:
    chatgpt.queue(**drip)
    begun = time.monotonic()
    answer = client.chat()
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")
    assert TOTAL_S <= time.monotonic() - begun < MUCH_LATER_S
    assert chatgpt.stats()["requests"] == 1


@pytest.mark.parametrize("drip", DRIPS, ids=IDS)
def test_a_stream_that_drips_is_cut_at_the_total_deadline(
    client: Client, chatgpt: Control, drip: dict[str, Any]
) -> None:
    chatgpt.queue(text="word " * 100, **drip)
    begun = time.monotonic()
    assert end_of_stream(client) == "upstream_timeout"
    assert TOTAL_S <= time.monotonic() - begun < MUCH_LATER_S


def test_the_connection_to_chatgpt_is_closed_at_the_deadline(
    client: Client, chatgpt: Control
) -> None:
    chatgpt.queue(fault="endless_stream", chunks_per_s=20)
    assert end_of_stream(client) == "upstream_timeout"
    wait_until(lambda: chatgpt.stats()["open_streams"] == 0, "the stream to be closed")
