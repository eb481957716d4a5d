"""X-Session-ID gives chat completions a memory: the session's turns before, this one after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.openai.relaying import (
    DONE,
    ask,
    data,
    failed,
    hear,
    listen,
    say,
    words,
)
from tests.support.usage import spent
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.conftest import NewKey
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

WEATHER: dict[str, Any] = {"type": "function", "function": {"name": "weather"}}


@pytest.fixture
def session(api: Client) -> dict[str, str]:
    """The header that names a session in which a name was told."""
    return {"X-Session-ID": api.chat("My name is Ada.").json()["session_id"]}


def turns(api: Client, session: dict[str, str]) -> list[dict[str, Any]]:
    answer = api.get(f"/sessions/{session['X-Session-ID']}")
    assert answer.ok, answer.text
    stored: list[dict[str, Any]] = answer.json()["turns"]
    return stored


@pytest.mark.parametrize("stream", [False, True])
def test_the_history_is_sent_and_the_turn_stored_once(
    api: Client, chatgpt: Control, session: dict[str, str], stream: bool
) -> None:
    answer = say(api, "What is my name?", headers=session, stream=stream)
    assert "Your name is Ada." in (words(answer.content) if stream else answer.text)
    assert [m["role"] for m in chatgpt.requests()[-1].body["messages"]] == [
        "user",
        "assistant",
        "user",
    ]
    _, stored = turns(api, session)
    told = stored["message"], stored["reply"], stored["turn_id"]
    assert told == ("What is my name?", "Your name is Ada.", answer.headers["X-Turn-ID"])
    assert answer.headers["X-Session-ID"] == session["X-Session-ID"]


def test_a_body_is_still_chatgpt_s_byte_for_byte(
    api: Client, chatgpt: Control, session: dict[str, str]
) -> None:
    message = '"message":  {"content": "Hi", "new": 1.50}'
    body = f'{{"model": "m", "choices": [{{"finish_reason": "stop", {message}}}], "x": []}}'
    chatgpt.queue(body=body)
    assert ask(api, headers=session).content == body.encode()


@pytest.mark.parametrize("asked", [False, True])
def test_chunks_are_openai_s_and_usage_comes_if_asked_for(
    api: Client, chatgpt: Control, session: dict[str, str], asked: bool
) -> None:
    options = {"include_usage": asked}
    answer = listen(api, headers=session, stream_options=options).content
    assert answer.endswith(DONE)
    chunks = data(answer)
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert bool(chunks[-1]["usage"]) == asked
    assert turns(api, session)[-1]["usage"]["total_tokens"] > 20


def test_fields_that_are_not_known_are_forwarded(
    api: Client, chatgpt: Control, session: dict[str, str]
) -> None:
    assert failed(ask(api, headers=session, brand_new=1))[0] == 400
    assert chatgpt.requests()[-1].body["brand_new"] == 1
    assert len(turns(api, session)) == 1


def test_instructions_are_the_session_s_from_then_on(
    api: Client, chatgpt: Control, session: dict[str, str]
) -> None:
    system = {"role": "system", "content": "Be brief."}
    assert ask(api, headers=session, messages=[system, {"role": "user", "content": "Hi"}]).ok
    assert api.chat("Again", session_id=session["X-Session-ID"]).ok
    for sent in chatgpt.requests()[1:]:
        assert sent.body["messages"][0] == system


def test_tools_and_their_results_are_remembered(
    api: Client, chatgpt: Control, session: dict[str, str]
) -> None:
    asked = say(api, "What is the weather?", headers=session, tools=[WEATHER]).json()
    (call,) = asked["choices"][0]["message"]["tool_calls"]
    result = {"role": "tool", "tool_call_id": call["id"], "content": "Rain"}
    answer = ask(api, headers=session, messages=[result]).json()
    assert answer["choices"][0]["message"]["content"] == "weather answered: Rain"
    assert len(turns(api, session)) == 3


def test_a_turn_goes_on_when_its_caller_leaves(
    api: Client, chatgpt: Control, session: dict[str, str]
) -> None:
    chatgpt.queue(text="Once upon a time", chunk_size=5, first_token_delay_s=0.3)
    with listen(api, headers=session) as answer:
        assert answer.ok
    wait_until(lambda: len(turns(api, session)) == 2, "the turn to be stored")
    assert turns(api, session)[-1]["reply"] == "Once upon a time"


def test_a_stream_that_breaks_off_is_an_error_and_its_words_are_kept(
    api: Client, chatgpt: Control, session: dict[str, str]
) -> None:
    chatgpt.queue(text="Once upon a time", fault="cut_stream", after=3)
    answer = listen(api, headers=session).content
    assert words(answer) == "Once upo"
    assert data(answer)[-1]["error"]["code"] == "upstream_error"
    assert turns(api, session)[-1]["finish_reason"] == "interrupted"


@pytest.mark.parametrize("stream", [False, True])
def test_a_turn_costs_what_chatgpt_reports(
    thrifty: Client, chatgpt: Control, store: Store, stream: bool
) -> None:
    first = thrifty.chat("Hi").json()
    session = {"X-Session-ID": first["session_id"]}
    used = {"prompt_tokens": 100, "completion_tokens": 700, "total_tokens": 800}
    chatgpt.queue(usage=used)
    assert listen(thrifty, headers=session, stream=stream).content
    assert spent(store, thrifty) == (2, first["usage"]["total_tokens"] + 800)


@pytest.mark.parametrize("stream", [False, True])
def test_a_session_of_somebody_else_does_not_exist(
    service: Service, chatgpt: Control, new_key: NewKey, session: dict[str, str], stream: bool
) -> None:
    asked = chatgpt.stats()["requests"]
    for named in (session["X-Session-ID"], "s_0000000000000000000000", "x", "a\tb"):
        other = service.client(new_key())
        answer = listen(other, headers={"X-Session-ID": named}, stream=stream)
        assert failed(answer) == (404, "session_not_found", "session_id")
    assert chatgpt.stats()["requests"] == asked


@pytest.mark.parametrize("stream", [False, True])
def test_a_session_whose_turn_runs_is_busy(
    api: Client, chatgpt: Control, session: dict[str, str], stream: bool
) -> None:
    chatgpt.queue(text="Hello and no more", chunk_size=5, fault="silence", after=2)
    with listen(api, headers=session) as running:
        pieces = running.iter_content(None)
        assert hear(pieces, 5) == "Hello"
        answer = listen(api, headers=session, stream=stream)
        assert failed(answer) == (409, "session_busy", "session_id")
        assert int(answer.headers["Retry-After"]) > 0
        turn_id = running.headers["X-Turn-ID"]
        assert api.post(f"/chat/turns/{turn_id}/cancel").ok
        assert b"turn_cancelled" in b"".join(pieces)
    assert say(api, "What is my name?", headers=session).ok


def test_without_the_header_nothing_is_remembered_or_stored(api: Client) -> None:
    assert say(api, "My name is Ada.").ok
    assert "You have not told me your name." in say(api, "What is my name?").text
    assert api.get("/sessions").json()["data"] == []


TOOL_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        "Hello",
        [5],
        [{"content": "Hello"}],
        [{"role": 5, "content": "Hello"}],
        [{"role": "system", "content": "Be brief."}],
        [{"role": "user"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": 5}],
        [{"role": "user", "content": {"type": "text"}}],
        [{"role": "user", "content": ["Hello"]}],
        [{"role": "user", "content": [{"type": {}, "text": "Hello"}]}],
        [{"role": "user", "content": [{"type": "text", "text": {}}]}],
        [{"role": "tool", "content": "Rain"}],
        [{"role": "tool", "content": "Rain", "tool_call_id": 5}],
        [{"role": "assistant", "tool_calls": 5}, {"role": "user", "content": "Hi"}],
        [{"role": "assistant", "tool_calls": [5]}, {"role": "user", "content": "Hi"}],
        [{"role": "assistant", "tool_calls": [{}]}, {"role": "user", "content": "Hi"}],
        [{"role": "assistant", "tool_calls": [TOOL_CALL | {"function": {"name": "f"}}]}],
        [{"role": "assistant", "tool_calls": [TOOL_CALL | {"function": None}]}],
        [{"role": "assistant", "tool_calls": [TOOL_CALL | {"custom": {}}]}],
    ],
)
def test_messages_that_are_none_are_refused_and_harm_no_session(
    api: Client, chatgpt: Control, session: dict[str, str], messages: Any
) -> None:
    for stream in (False, True):
        answer = listen(api, headers=session, messages=messages, stream=stream)
        if answer.headers["Content-Type"] == "application/json":
            assert failed(answer)[0] == 400
        else:
            assert data(answer.content)[-1]["error"]["type"] == "invalid_request_error"
    assert len(turns(api, session)) == 1
    assert ask(api, headers=session).ok
    assert api.get(f"/sessions/{session['X-Session-ID']}/export?format=markdown").ok
