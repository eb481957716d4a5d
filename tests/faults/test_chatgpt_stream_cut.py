"""ChatGPT's answer is split and cut anywhere on its way: the same words, or else an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.streaming.listening import code, kinds, listen, turns, words
from tests.support.fault_proxy import FaultProxy
from tests.support.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from tests.conftest import NewKey
    from tests.support.service import Client
    from tests.support.simulator import Control

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
STREAM = (
    ": hello\r\n"
    'data: {"choices":[{"delta":{"role":"assistant","content":"Once "}}]}\r\n\r\n'
    'data: {"choices":[{"delta":{"content":"upon\\n"}}]}\n\n'
    'data: {"choices":[{"delta":{"content":"a time"},"finish_reason":"stop"}]}\r\r'
    "data: [DONE]\n\n"
)
TEXT = "Once upon\na time"
SAMPLES = 24


@pytest.fixture(scope="module")
def way(simulator: SimulatedChatGPT) -> Iterator[FaultProxy]:
    with FaultProxy(simulator.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def service(redis_server: EmbeddedRedis, way: FaultProxy) -> Iterator[Service]:
    never = {"PROXY_UPSTREAM_BREAKER_FAILURES": "1000"}
    with Service(redis_server.url, way.url, **never) as running:
        yield running


@pytest.fixture
def client(service: Service, way: FaultProxy, chatgpt: Control, new_key: NewKey) -> Client:
    way.cut_after = None
    return service.client(new_key(rpm=0, tpm=0))


def sample(length: int) -> list[int]:
    """Positions all over so many bytes, the first and the last among them."""
    return sorted({length * number // SAMPLES for number in range(SAMPLES + 1)})


def test_split_anywhere_it_is_the_same_words(client: Client, chatgpt: Control) -> None:
    for at in sample(len(STREAM)):
        rest = {"after": len(HEAD) + at, "chunks_per_s": 1_000_000}
        chatgpt.queue(fault="raw", raw=HEAD + STREAM, **rest)
        events = listen(client)
        assert kinds(events) == ["start", "delta", "done"], at
        assert words(events) == events[-1].data["reply"] == TEXT, at


def test_cut_anywhere_it_ends_with_an_error_and_its_words_are_kept_as_interrupted(
    client: Client, way: FaultProxy, chatgpt: Control
) -> None:
    chatgpt.defaults(text=TEXT, chunk_size=2)
    before = way.received
    assert words(listen(client)) == TEXT
    ends = []
    for at in sample(way.received - before):
        way.cut_after = at
        events = listen(client)
        way.cut_after = None
        ends.append(events[-1].kind)
        assert TEXT.startswith(words(events)), at
        if ends[-1] == "error":
            assert code(events[-1]) == "upstream_error", at
            assert "done" not in kinds(events), at
            assert kept(client, events[0].data["session_id"]) in ([], [(words(events), True)]), at
        else:
            assert words(events) == TEXT, at
    assert ends[: SAMPLES // 2] == ["error"] * (SAMPLES // 2)
    assert ends[-1] == "done"
    assert ends == sorted(ends, reverse=True)  # once its end was seen it is whole


def kept(client: Client, session_id: str) -> list[tuple[str, bool]]:
    """The answers that a session holds, and whether each was interrupted; none if it is gone."""
    if client.get(f"/sessions/{session_id}").status_code == 404:
        return []
    return [
        (turn["reply"], turn["finish_reason"] == "interrupted")
        for turn in turns(client, session_id)
    ]


def test_a_whole_answer_that_is_cut_anywhere_is_a_502_and_no_turn(
    client: Client, way: FaultProxy, chatgpt: Control
) -> None:
    before = way.received
    session_id = client.chat().json()["session_id"]
    for at in sample(way.received - before)[:-2]:
        way.cut_after = at
        answer = client.chat(session_id=session_id)
        way.cut_after = None
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error"), at
    assert len(turns(client, session_id)) == 1
