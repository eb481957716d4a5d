"""Replies are scripted: queued ones come once and in order, defaults hold for all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import requests

from tests.simulator.caller import text_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.simulator.caller import Caller
    from tests.support.simulator import Control


def test_queued_replies_come_once_and_in_order(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(text="one")
    chatgpt.queue(text="two")
    assert [caller.words() for _ in range(3)] == ["one", "two", 'You said: "Hello"']


def test_a_reply_waits_for_its_path(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(path="/v1/models", status=500)
    assert caller.chat().ok
    assert caller.get("/models").status_code == 500
    assert caller.get("/models").ok


def test_a_refused_request_takes_no_reply(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(text="one")
    assert not caller.chat(top_k=3).ok
    assert caller.words() == "one"


def test_defaults_hold_until_they_are_set_again(caller: Caller, chatgpt: Control) -> None:
    chatgpt.defaults(text="always", chunk_size=2)
    chatgpt.queue(text="once")
    assert [caller.words() for _ in range(3)] == ["once", "always", "always"]
    deltas = [chunk["choices"][0]["delta"] for chunk in caller.chunks()]
    assert [delta["content"] for delta in deltas[1:-1]] == ["al", "wa", "ys"]
    chatgpt.defaults()
    assert caller.words() == 'You said: "Hello"'


def test_a_reset_forgets_everything(caller: Caller, chatgpt: Control) -> None:
    chatgpt.defaults(text="always")
    chatgpt.queue(text="once")
    chatgpt.limits(requests=7)
    caller.chat()
    chatgpt.reset()
    assert chatgpt.requests() == []
    assert set(chatgpt.stats().values()) == {0}
    assert caller.words() == 'You said: "Hello"'
    assert caller.chat().headers["x-ratelimit-limit-requests"] == "30000"


def test_a_long_text_is_made_on_demand(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(total_chars=100_000, chunk_size=1_000)
    chunks = caller.chunks()
    assert len(text_of(chunks)) == 100_000
    assert len(chunks) == 102


def test_tool_calls_usage_and_reason_are_scripted(caller: Caller, chatgpt: Control) -> None:
    calls = [{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": "{broken"}]
    chatgpt.queue(tool_calls=calls, usage={"total_tokens": 7}, finish_reason="content_filter")
    answer = caller.chat().json()
    choice = answer["choices"][0]
    called = [call["function"] for call in choice["message"]["tool_calls"]]
    assert called == [
        {"name": "f", "arguments": '{"a":1}'},
        {"name": "g", "arguments": "{broken"},
    ]
    assert (answer["usage"], choice["finish_reason"]) == ({"total_tokens": 7}, "content_filter")


def test_usage_can_be_missing(caller: Caller, chatgpt: Control) -> None:
    chatgpt.defaults(usage=None)
    assert "usage" not in caller.chat().json()
    chunks = caller.chunks(stream_options={"include_usage": True})
    assert all(chunk["choices"] for chunk in chunks)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (429, "requests", "rate_limit_exceeded"),
        (500, "server_error", None),
        (503, "server_error", "server_is_overloaded"),
        (401, "invalid_request_error", "invalid_api_key"),
    ],
)
def test_a_status_brings_its_usual_error(
    caller: Caller, chatgpt: Control, status: int, kind: str, code: str | None
) -> None:
    chatgpt.queue(status=status)
    answer = caller.chat(stream=True)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == (kind, code)


def test_an_error_and_its_headers_are_scripted(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(
        status=429,
        error={"code": "insufficient_quota", "type": "insufficient_quota"},
        headers={"Retry-After": "7", "X-Request-ID": None},
    )
    answer = caller.chat()
    assert answer.json()["error"]["code"] == "insufficient_quota"
    assert answer.headers["retry-after"] == "7"
    assert "x-request-id" not in answer.headers


def test_a_body_is_scripted_as_it_is(caller: Caller, chatgpt: Control) -> None:
    html = {"Content-Type": "text/html"}
    chatgpt.queue(status=502, body="<h1>Bad gateway</h1>", headers=html)
    answer = caller.chat()
    assert (answer.status_code, answer.text) == (502, "<h1>Bad gateway</h1>")
    assert answer.headers["content-type"] == "text/html"


def test_a_delay_comes_before_the_first_byte(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(delay_s=0.2)
    started = time.monotonic()
    with caller.connect() as connection:
        connection.recv(1)
    assert time.monotonic() - started >= 0.2


def test_the_first_words_are_delayed_behind_the_role(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(first_token_delay_s=30)
    with caller.connect(stream=True):
        wait_until(lambda: chatgpt.requests()[0].chunks_sent == 1, "the role")


def test_events_come_at_their_pace(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(text="abcdef", chunk_size=1, chunks_per_s=50)
    started = time.monotonic()
    chunks = caller.chunks()
    assert text_of(chunks) == "abcdef"
    assert time.monotonic() - started >= 7 / 50


def test_a_slow_stream_holds_up_nobody(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(text="slow", chunk_size=1, chunks_per_s=0.1)
    with caller.connect(stream=True):
        wait_until(lambda: chatgpt.stats()["open_streams"] == 1, "the stream")
        assert caller.words() == 'You said: "Hello"'


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("replies", {"txet": "one"}),
        ("replies", [{"text": "one"}, {"status": 99}]),
        ("replies", {"fault": "flood"}),
        ("defaults", {"delay_s": -1}),
        ("limits", {"requests": 0}),
    ],
)
def test_a_wrong_script_is_refused_whole(
    caller: Caller, chatgpt: Control, what: str, body: Any
) -> None:
    url = caller.url.removesuffix("/v1") + f"/_simulator/{what}"
    answer = requests.post(url, data=orjson.dumps(body), timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert caller.words() == 'You said: "Hello"'
