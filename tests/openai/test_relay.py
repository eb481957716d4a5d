"""What passes through: bodies and chunks byte for byte, and of the caller's headers nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from proxy.simulator.process import SimulatedChatGPT
from tests.openai.relaying import (
    ASKS,
    CHAT,
    DONE,
    EMBEDDINGS,
    HEAD,
    RESPONSES,
    SAID,
    ask,
    data,
    failed,
    gone_upstream,
    hear,
    listen,
    words,
)
from tests.support.service import CANARY, Service
from tests.support.simulator import Control
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.embedded import EmbeddedRedis
    from tests.conftest import NewKey
    from tests.support.service import Client

CHUNKS = (
    'data: {"id": "c1",  "choices": [{"index":0,"delta":{"content":"Gr\\u00fc\u00dfe, \u4e16"},'
    '"logprobs":{"content":[{"token":"G","logprob":-0.10}]}}], "x-new": [1.50, null]}\n\n'
    'data: {"choices":[{"index":1,"delta":{"content":"two"},"finish_reason":"stop"}]}\n\n'
    'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
).encode()
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7}}\n\n'
EVENTS = (
    b'event: response.created\ndata: {"type": "response.created",  "x-new": 1.50}\n\n'
    b'event: response.output_text.delta\ndata: {"delta": "Hi"}\n\n'
    b'event: response.completed\ndata: {"response": {"usage": {"total_tokens": 3}}}\n\n'
)


def script(chatgpt: Control, *parts: bytes, path: str = CHAT) -> None:
    """Answer with exactly this stream."""
    raw = HEAD.encode() + b"".join(parts)
    chatgpt.queue(path=path, fault="raw", raw=raw.decode("latin-1"))


# Answers


@pytest.mark.parametrize("path", ASKS)
def test_a_body_is_chatgpt_s_byte_for_byte(api: Client, chatgpt: Control, path: str) -> None:
    body = '{"id":  "x",\n "new": [1.50, "\u4e16\\u00e9", 12345678901234567890123], "choices": []}'
    chatgpt.queue(path=path, body=body)
    answer = ask(api, path)
    assert answer.content == body.encode()
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", ASKS)
def test_a_route_is_the_same_without_v1(api: Client, chatgpt: Control, path: str) -> None:
    chatgpt.queue(path=path, body='{"id": "x"}')
    answer = api.post(path.removeprefix("/v1"), json=ASKS[path])
    assert answer.content == b'{"id": "x"}'


@pytest.mark.parametrize("asked", [False, True])
def test_chunks_are_chatgpt_s_byte_for_byte_and_usage_comes_if_asked_for(
    api: Client, chatgpt: Control, asked: bool
) -> None:
    script(chatgpt, CHUNKS, USAGE, DONE)
    answer = listen(api, stream_options={"include_usage": asked})
    assert answer.content == CHUNKS + (USAGE if asked else b"") + DONE


def test_chunks_are_the_same_however_they_are_split(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(fault="drip", text="Gr\u00fc\u00dfe, \u4e16\u754c", chunk_size=1)
    assert words(listen(api).content) == "Gr\u00fc\u00dfe, \u4e16\u754c"


def test_typed_events_are_chatgpt_s_byte_for_byte(api: Client, chatgpt: Control) -> None:
    script(chatgpt, EVENTS, path=RESPONSES)
    assert listen(api, RESPONSES).content == EVENTS


def test_data_of_several_lines_stays_one_event(api: Client, chatgpt: Control) -> None:
    spread = b'data: {"choices":\ndata: [{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    script(chatgpt, spread, DONE)
    assert listen(api).content == spread + DONE


def test_a_stream_says_that_it_is_one(api: Client) -> None:
    headers = listen(api).headers
    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert headers["X-Accel-Buffering"] == "no"
    assert {"X-Request-ID", "x-ratelimit-remaining-tokens"} <= set(headers)


def test_chunks_go_out_as_they_come(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(text="Hello and no more", chunk_size=5, fault="silence", after=2)
    with listen(api) as answer:
        assert hear(answer.iter_content(None), 5) == "Hello"
    wait_until(lambda: gone_upstream(chatgpt), "ChatGPT to be left")


def test_a_stream_that_says_done_is_not_waited_for(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(text="Hi", fault="silence", after=5)
    assert listen(api).content.endswith(DONE)


# Streams that break off


@pytest.mark.parametrize("fault", ["cut_stream", "error_event", "malformed_event", "no_done"])
def test_a_stream_that_breaks_off_ends_with_an_error_and_not_with_done(
    api: Client, chatgpt: Control, fault: str
) -> None:
    chatgpt.queue(text="Once upon a time", fault=fault, after=3)
    answer = listen(api).content
    assert words(answer) == "Once upo"
    assert data(answer)[-1]["error"]["code"] == "upstream_error"
    assert b"[DONE]" not in answer


@pytest.mark.parametrize("broken", [b'data: {"error": {"message": "Oh"}}\n\n', b"data: {\n\n"])
def test_chunks_that_came_in_one_piece_with_an_error_are_passed_on(
    api: Client, chatgpt: Control, broken: bytes
) -> None:
    script(chatgpt, CHUNKS.split(b"\n\n")[0] + b"\n\n" + broken)
    answer = listen(api).content
    assert words(answer) == "Gr\u00fc\u00dfe, \u4e16"
    assert data(answer)[-1]["error"]["code"] == "upstream_error"


def test_a_stream_is_whole_once_it_has_a_finish_reason(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(text="Hi", fault="cut_stream", after=3)
    answer = listen(api).content
    assert words(answer) == "Hi"
    assert answer.endswith(DONE)


def test_a_stream_of_several_choices_is_whole_once_all_have_one(
    api: Client, chatgpt: Control
) -> None:
    chatgpt.queue(text="Hi", fault="no_done", after=5)
    answer = listen(api, n=2).content
    assert words(answer) == "HiHi"
    assert data(answer)[-1]["error"]["code"] == "upstream_error"


@pytest.mark.parametrize(
    "ended",
    [
        {"response": None},
        {"response": {"usage": "much"}},
        {"response": {"usage": {"input_tokens": -1}}},
        {"response": {"usage": {"input_tokens_details": []}}},
        [],
        "done",
    ],
)
def test_typed_events_that_tell_no_usage_pass_all_the_same(
    api: Client, chatgpt: Control, ended: Any
) -> None:
    odd = b'event: response.output_text.delta\ndata: {"delta": {}}\n\n'
    events = odd + b"event: response.completed\ndata: " + orjson.dumps(ended) + b"\n\n"
    script(chatgpt, events, path=RESPONSES)
    assert listen(api, RESPONSES).content == events


@pytest.mark.parametrize(
    "events",
    [
        b'event: error\ndata: {"type": "error", "message": "Oh"}\n\n',
        b'data: {"delta": "Hi"}\n\n',
        b"event: response.created\ndata: {\n\n",
    ],
)
def test_typed_events_without_an_end_pass_and_an_error_follows(
    api: Client, chatgpt: Control, events: bytes
) -> None:
    script(chatgpt, events, path=RESPONSES)
    passed, _, error = listen(api, RESPONSES).content.partition(events)
    assert passed == b""
    assert data(error)[0]["error"]["code"] == "upstream_error"


@pytest.mark.parametrize("name", ["response.completed", "response.output_text.delta"])
def test_typed_events_that_are_counted_must_be_json(
    api: Client, chatgpt: Control, name: str
) -> None:
    script(chatgpt, f"event: {name}\ndata: {{\n\n".encode(), path=RESPONSES)
    (event,) = data(listen(api, RESPONSES).content)
    assert event["error"]["code"] == "upstream_error"


def test_typed_events_without_the_last_end_with_an_error(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(path=RESPONSES, fault="no_done", after=6)
    assert data(listen(api, RESPONSES).content)[-1]["error"]["code"] == "upstream_error"


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, (400, "invalid_value")),
        (401, (502, "upstream_auth_failed")),
        (404, (404, "model_not_found")),
        (429, (429, "upstream_rate_limited")),
        (500, (502, "upstream_error")),
    ],
)
def test_what_chatgpt_refuses_before_its_stream_is_a_plain_answer(
    api: Client, chatgpt: Control, path: str, status: int, expected: tuple[int, str]
) -> None:
    for _ in range(2):
        chatgpt.queue(path=path, status=status, headers={"retry-after-ms": "1"})
    assert failed(listen(api, path))[:2] == expected


# Callers that leave


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
def test_chatgpt_is_left_within_a_second_of_the_caller(
    api: Client, chatgpt: Control, path: str
) -> None:
    chatgpt.queue(path=path, total_chars=100_000, chunks_per_s=20)
    with listen(api, path) as answer:
        next(answer.iter_content(None))
    wait_until(lambda: gone_upstream(chatgpt), "ChatGPT to be left", 1)


@pytest.mark.parametrize("after", [None, 0, 2])
def test_chatgpt_is_left_within_a_second_also_while_it_is_silent(
    api: Client, chatgpt: Control, after: int | None
) -> None:
    chatgpt.queue(fault="silence", after=after)
    with pytest.raises(OSError, match="timed out"):
        list(listen_shortly(api).iter_content(None))
    wait_until(lambda: gone_upstream(chatgpt), "ChatGPT to be left", 1)


def listen_shortly(api: Client) -> Any:
    """A stream whose caller leaves when it hears nothing for a while."""
    return api.post(CHAT, json=ASKS[CHAT] | {"stream": True}, stream=True, timeout=0.5)


# What ChatGPT is sent


def test_fields_that_are_not_known_are_forwarded(api: Client, chatgpt: Control) -> None:
    fields: dict[str, Any] = {
        "n": 2,
        "logit_bias": {"1": -5},
        "user": "u",
        "verbosity": "low",
        "store": False,
    }
    ask(api, model="gpt-4o-mini", brand_new={"a": [1.5, None, "\u4e16"]}, **fields)
    sent = chatgpt.requests()[0].body
    assert sent.pop("safety_identifier")
    assert sent == ASKS[CHAT] | fields | {
        "model": "gpt-4o-mini",
        "brand_new": {"a": [1.5, None, "\u4e16"]},
    }


def test_what_the_caller_says_of_its_user_is_kept(api: Client, chatgpt: Control) -> None:
    assert ask(api, safety_identifier="mine", prompt_cache_key="too").ok
    sent = chatgpt.requests()[0].body
    assert (sent["safety_identifier"], sent["prompt_cache_key"]) == ("mine", "too")


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
def test_callers_are_told_apart_by_a_pseudonym(
    service: Service, chatgpt: Control, new_key: NewKey, path: str
) -> None:
    for key in (one := new_key(), one, new_key()):
        assert ask(service.client(key), path).ok
    first, again, other = (sent.body["safety_identifier"] for sent in chatgpt.requests())
    assert first == again != other
    assert first not in one


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (None, {"include_usage": True, "include_obfuscation": False}),
        ({"include_usage": False}, {"include_usage": True, "include_obfuscation": False}),
        ({"include_obfuscation": True}, {"include_usage": True, "include_obfuscation": True}),
    ],
)
def test_usage_is_always_asked_for(
    api: Client, chatgpt: Control, options: Any, sent: dict[str, bool]
) -> None:
    assert words(listen(api, stream_options=options).content) == SAID
    assert chatgpt.requests()[0].body["stream_options"] == sent


def test_of_the_caller_s_headers_none_reaches_chatgpt_and_of_its_cookies_none_the_caller(
    api: Client, chatgpt: Control
) -> None:
    mine = {
        "Cookie": "session=mine",
        "Host": "evil.example",
        "OpenAI-Organization": "org-mine",
        "Proxy-Authorization": "Basic bWluZQ==",
        "X-Forwarded-For": "203.0.113.7",
        "X-Mine": "mine",
        "Accept-Encoding": "br",
    }
    for path in ASKS:
        answer = ask(api, path, headers=mine)
        assert answer.ok
        assert "set-cookie" not in answer.headers
        assert CANARY not in str(answer.headers) + answer.text
    for sent in chatgpt.requests():
        assert sent.headers.keys() == {
            "accept",
            "accept-encoding",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "user-agent",
        }
        assert sent.headers["authorization"] == f"Bearer {CANARY}"
        assert sent.headers["host"].startswith("127.0.0.1:")
        assert sent.headers["accept-encoding"] == "identity"


def test_a_compatible_server_gets_what_openai_refuses_and_no_pseudonym(
    redis_server: EmbeddedRedis, new_key: NewKey
) -> None:
    with (
        SimulatedChatGPT(api_key=CANARY, profile="compatible") as llama,
        Service(redis_server.url, llama.url, PROXY_UPSTREAM_PROFILE="compatible") as service,
    ):
        api = service.client(new_key())
        assert ask(api, top_k=5, min_p=0.1).ok
        assert words(listen(api, top_k=5).content) == SAID
        plain, streamed = (sent.body for sent in Control(llama.url).requests())
    assert plain == ASKS[CHAT] | {"top_k": 5, "min_p": 0.1}
    assert streamed.keys() == {*ASKS[CHAT], "top_k", "stream", "stream_options"}
    assert streamed["stream_options"]["include_usage"] is True


# Models


def test_a_key_sees_the_models_that_it_may_use(
    service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    api = service.client(new_key(models=("gpt-5.4-mini", "gpt-none")))
    assert [model["id"] for model in api.get("/v1/models").json()["data"]] == ["gpt-5.4-mini"]
    assert api.get("/models/gpt-5.4-mini").json()["id"] == "gpt-5.4-mini"
    assert failed(api.get("/v1/models/gpt-6-luna")) == (404, "model_not_found", "model")


@pytest.mark.parametrize("path", ASKS)
def test_a_key_may_not_use_other_models(
    service: Service, chatgpt: Control, new_key: NewKey, path: str
) -> None:
    api = service.client(new_key(models=("gpt-5.4-mini",)))
    assert failed(ask(api, path)) == (403, "model_not_allowed", "model")
    assert chatgpt.requests() == []


@pytest.mark.parametrize("body", ["[]", "{}", '{"data": 1}', '{"data": ["x"]}', "x"])
def test_a_list_of_models_that_makes_no_sense_is_an_upstream_error(
    api: Client, chatgpt: Control, body: str
) -> None:
    chatgpt.defaults(body=body)
    for path in ("/v1/models", "/v1/models/x"):
        assert failed(api.get(path)) == (502, "upstream_error", None)


# Sizes


def test_a_body_of_twenty_mebibytes_is_taken_and_a_larger_one_refused(
    api: Client, chatgpt: Control
) -> None:
    most = 20 * 1024 * 1024
    body = b'{"model": "text-embedding-3-small", "input": ["a"], "user": "%b"}'
    room = most - len(body) + 2
    json = {"Content-Type": "application/json"}
    assert api.post(EMBEDDINGS, data=body % (b"x" * room), headers=json).ok
    refused = api.post(EMBEDDINGS, data=body % (b"x" * (room + 1)), headers=json)
    assert failed(refused) == (413, "request_too_large", None)
    assert chatgpt.stats()["requests"] == 1
