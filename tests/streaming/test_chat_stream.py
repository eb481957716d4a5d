"""POST /chat with `stream`: what goes out, in which order, and what is stored and charged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.streaming.listening import (
    cancel,
    code,
    kinds,
    listen,
    stream,
    turns,
    words,
)
from tests.support.usage import spent

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.conftest import NewKey, StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("add", "subtract")
]


def test_start_then_deltas_then_done(api: Client) -> None:
    events = listen(api)
    assert kinds(events) == ["start", "delta", "done"]
    assert words(events) == 'You said: "Hello"'


def test_events_are_numbered_from_one(api: Client) -> None:
    numbers = [event.id for event in listen(api)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_start_names_session_turn_and_model(api: Client) -> None:
    with stream(api) as events:
        assert events.until("start").data == {
            "session_id": events.session_id,
            "turn_id": events.turn_id,
            "model": "gpt-6-luna",
        }


def test_done_is_the_turn_that_is_stored(api: Client) -> None:
    done = listen(api)[-1].data
    (turn,) = turns(api, done.pop("session_id"))
    assert turn.pop("message") == "Hello"
    assert turn.pop("created_at")
    assert turn == done


def test_done_is_the_reply_of_the_same_turn_without_streaming(api: Client) -> None:
    plain = api.chat().json()
    done = listen(api)[-1].data
    assert {**plain, "session_id": "", "turn_id": ""} == {**done, "session_id": "", "turn_id": ""}


def test_start_goes_out_before_chatgpt_answers(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(fault="silence")
    with stream(api) as events:
        assert events.until("start").id == 1
        assert cancel(api, events.turn_id).ok
        assert code(events.until("error")) == "turn_cancelled"


def test_words_go_out_as_they_come(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(text="Hello and no more", chunk_size=6, fault="silence", after=2)
    with stream(api) as events:
        assert events.until("delta").data == {"text": "Hello "}
        assert cancel(api, events.turn_id).ok


def test_a_comment_shows_life_in_silence(
    start_service: StartService, new_key: NewKey, chatgpt: Control
) -> None:
    chatgpt.queue(first_token_delay_s=0.5)
    events = listen(start_service(PROXY_HEARTBEAT="0.1").client(new_key()))
    assert kinds(events) == ["start", "comment", "delta", "done"]


def test_its_headers_forbid_caches_and_buffers(api: Client) -> None:
    with stream(api) as events:
        assert events.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert events.headers["Cache-Control"] == "no-cache, no-transform"
        assert events.headers["X-Accel-Buffering"] == "no"
        assert {"X-Request-ID", "x-ratelimit-remaining-tokens"} <= set(events.headers)
        assert list(events)


def test_text_flows_as_it_is_written_for_a_caller_who_wants_text(
    api: Client, chatgpt: Control
) -> None:
    chatgpt.queue(text="Grüße, Welt", chunks_per_s=100)
    answer = api.post("/chat?stream=true", data=b"Hello", headers={"Accept": "text/plain"})
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode() == "Grüße, Welt\n"


def test_a_text_stream_that_fails_says_so_in_a_line_and_breaks_off(
    api: Client, chatgpt: Control
) -> None:
    chatgpt.queue(fault="cut_stream", after=3, text="Well then")
    question = {"data": b"Hello", "headers": {"Accept": "text/plain"}, "stream": True}
    received: list[bytes] = []
    with api.post("/chat?stream=true", **question) as answer:
        pieces = answer.iter_content(None)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            received.extend(pieces)
    said, _, error = b"".join(received).partition(b"\n")
    assert said == b"Well the"
    assert error.startswith(b"error: ")
    assert error.endswith(b"\n")


def test_tool_calls_come_as_fragments_and_whole_in_the_end(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(
        tool_calls=[
            {"name": "add", "arguments": {"x": 1, "y": 2}},
            {"name": "subtract", "arguments": {"x": 3}},
        ]
    )
    events = listen(api, tools=TOOLS)
    joined = ["", ""]
    for event in events[1:-1]:
        for part in event.data["tool_calls"]:
            joined[part["index"]] += part["function"]["arguments"]
    assert joined == ['{"x":1,"y":2}', '{"x":3}']
    whole = events[-1].data["tool_calls"]
    assert [call["function"]["arguments"] for call in whole] == joined
    assert events[-1].data["finish_reason"] == "tool_calls"


def test_a_session_goes_on_from_stream_to_stream(api: Client) -> None:
    session_id = listen(api, "My name is Ada.")[-1].data["session_id"]
    events = listen(api, "What is my name?", session_id=session_id)
    assert words(events) == "Your name is Ada."
    assert events[-1].data["context"] == {"turns_sent": 1, "turns_left_out": 0}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"temperature": 9}, 400),
        ({"session_id": "s_0000000000000000000000"}, 404),
        ({"persona": "nobody"}, 400),
    ],
)
def test_a_refusal_before_the_start_is_a_plain_answer(
    api: Client, fields: dict[str, Any], status: int
) -> None:
    answer = api.chat(stream=True, **fields)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_without_a_key_no_stream_begins(service: Service) -> None:
    answer = service.client().chat(stream=True)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def test_a_second_stream_in_a_session_is_told_that_it_is_busy(
    api: Client, chatgpt: Control
) -> None:
    session_id = listen(api)[-1].data["session_id"]
    chatgpt.queue(fault="silence")
    with stream(api, session_id=session_id) as events:
        answer = api.chat(stream=True, session_id=session_id)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "session_busy")
        assert cancel(api, events.turn_id).ok
        assert code(events.until("error")) == "turn_cancelled"


def test_a_stream_over_the_limit_is_told_when_to_come_back(
    service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    api = service.client(new_key(rpm=1))
    listen(api)
    answer = api.chat(stream=True)
    assert (answer.status_code, answer.json()["error"]["type"]) == (429, "requests")
    assert int(answer.headers["Retry-After"]) > 50
    assert chatgpt.stats()["requests"] == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, "invalid_value"),
        (401, "upstream_auth_failed"),
        (429, "upstream_rate_limited"),
        (500, "upstream_error"),
    ],
)
def test_what_chatgpt_refuses_is_an_event_after_the_start(
    api: Client, chatgpt: Control, status: int, expected: str
) -> None:
    for _ in range(2):
        chatgpt.queue(status=status, headers={"retry-after-ms": "1"})
    events = listen(api)
    assert kinds(events) == ["start", "error"]
    assert code(events[-1]) == expected


def test_a_turn_that_never_had_words_leaves_nothing(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(status=400)
    with stream(api) as events:
        assert code(events.until("error")) == "invalid_value"
        assert api.get(f"/sessions/{events.session_id}").status_code == 404


def test_usage_is_asked_for_and_padding_is_not(api: Client, chatgpt: Control) -> None:
    listen(api)
    (request,) = chatgpt.requests()
    assert request.body["stream"] is True
    assert request.body["stream_options"] == {"include_usage": True, "include_obfuscation": False}


def test_limits_are_settled_to_what_chatgpt_reports(
    api: Client, chatgpt: Control, store: Store
) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 700, "total_tokens": 800}
    chatgpt.queue(usage=usage)
    assert listen(api)[-1].data["usage"] == usage
    assert spent(store, api) == (1, 800)


def test_usage_that_is_not_reported_is_estimated_and_said_to_be(
    api: Client, chatgpt: Control, store: Store
) -> None:
    chatgpt.queue(usage=None, text="word " * 400)
    usage = listen(api)[-1].data["usage"]
    assert usage["estimated"] is True
    assert usage["completion_tokens"] == pytest.approx(500, rel=0.02)
    assert spent(store, api) == (1, usage["total_tokens"])


def test_a_turn_that_chatgpt_refuses_costs_a_request_and_no_tokens(
    api: Client, chatgpt: Control, store: Store
) -> None:
    chatgpt.queue(status=400)
    assert kinds(listen(api)) == ["start", "error"]
    assert spent(store, api) == (1, 0)
