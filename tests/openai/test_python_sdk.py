"""OpenAI's own client for Python needs nothing but the base URL and a client key."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from openai import (
    APIError,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    OpenAI,
    PermissionDeniedError,
    RateLimitError,
)
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import NewKey
    from tests.support.service import Service
    from tests.support.simulator import Control

ASK: dict[str, Any] = {
    "model": "gpt-6-luna",
    "messages": [{"role": "user", "content": "Hello"}],
}
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
SAID = 'You said: "Hello"'


class Weather(BaseModel):
    city: str
    days: list[int]


@pytest.fixture
def client(service: Service, chatgpt: Control, new_key: NewKey) -> Iterator[Any]:
    with OpenAI(base_url=f"{service.url}/v1", api_key=new_key(), max_retries=0) as opened:
        yield opened


def words(chunks: Any) -> str:
    """The text of a stream."""
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def test_it_chats(client: Any) -> None:
    answer = client.chat.completions.create(**ASK)
    assert answer.choices[0].message.content == SAID
    assert answer.usage.total_tokens == 13


def test_it_chats_without_v1(service: Service, chatgpt: Control, new_key: NewKey) -> None:
    with OpenAI(base_url=service.url, api_key=new_key()) as client:
        assert client.chat.completions.create(**ASK).choices[0].message.content == SAID
        assert "gpt-6-luna" in [model.id for model in client.models.list()]


def test_it_streams(client: Any) -> None:
    chunks = list(client.chat.completions.create(**ASK, stream=True))
    assert words(chunks) == SAID
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)


def test_it_streams_with_usage(client: Any) -> None:
    options = {"include_usage": True}
    *chunks, last = client.chat.completions.create(**ASK, stream=True, stream_options=options)
    assert words(chunks) == SAID
    assert (last.choices, last.usage.total_tokens) == ([], 13)


def test_it_calls_tools_and_hands_over_their_results(client: Any) -> None:
    messages: list[Any] = [{"role": "user", "content": "get_weather"}]
    more: dict[str, Any] = {"model": "gpt-6-luna", "tools": [WEATHER]}
    asked = client.chat.completions.create(messages=messages, **more).choices[0]
    assert (asked.finish_reason, asked.message.content) == ("tool_calls", None)
    (call,) = asked.message.tool_calls
    assert orjson.loads(call.function.arguments) == {"city": "some city"}
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    answer = client.chat.completions.create(messages=[*messages, asked.message, result], **more)
    assert answer.choices[0].message.content == "get_weather answered: sunny"


def test_it_puts_streamed_tool_calls_together(client: Any) -> None:
    messages: list[Any] = [{"role": "user", "content": "get_weather"}]
    with client.chat.completions.stream(
        model="gpt-6-luna", messages=messages, tools=[WEATHER]
    ) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.tool_calls[0].function.arguments == '{"city":"some city"}'


def test_it_reads_structured_answers(client: Any, chatgpt: Control) -> None:
    chatgpt.queue(text='{"city": "Oslo", "days": [1, 2]}')
    answer = client.chat.completions.parse(**ASK, response_format=Weather)
    assert answer.choices[0].message.parsed == Weather(city="Oslo", days=[1, 2])
    wanted = chatgpt.requests()[0].body["response_format"]
    assert (wanted["type"], wanted["json_schema"]["name"]) == ("json_schema", "Weather")


def test_its_images_arrive_as_they_were_sent(client: Any, chatgpt: Control) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    content = [{"type": "text", "text": "What is this?"}, image]
    messages: Any = [{"role": "user", "content": content}]
    answer = client.chat.completions.create(model="gpt-6-luna", messages=messages)
    assert answer.choices[0].message.content == 'You said: "What is this?"'
    assert chatgpt.requests()[0].body["messages"] == messages


def test_it_gets_as_many_choices_as_it_asks_for(client: Any) -> None:
    choices = client.chat.completions.create(**ASK, n=3).choices
    assert [(c.index, c.message.content) for c in choices] == [(n, SAID) for n in range(3)]
    texts = ["", "", ""]
    for chunk in client.chat.completions.create(**ASK, n=3, stream=True):
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == [SAID] * 3


def test_logprobs_pass_through(client: Any, chatgpt: Control) -> None:
    token = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": "Hi"},
        "logprobs": {"content": [token], "refusal": None},
    }
    chatgpt.queue(body=orjson.dumps({"choices": [choice]}).decode())
    ask = ASK | {"model": "gpt-5.4-mini", "logprobs": True, "top_logprobs": 2}
    (got,) = client.chat.completions.create(**ask).choices
    assert got.logprobs.model_dump() == choice["logprobs"]
    assert chatgpt.requests()[0].body["top_logprobs"] == 2


def test_it_embeds(client: Any) -> None:
    answer = client.embeddings.create(model="text-embedding-3-small", input=["a", "b", "a"])
    first, second, third = (item.embedding for item in answer.data)
    assert (len(first), first) == (1_536, third)
    assert first != second
    assert answer.usage.total_tokens == 3


def test_it_lists_and_retrieves_models(client: Any) -> None:
    assert {"gpt-6-luna", "text-embedding-3-small"} <= {model.id for model in client.models.list()}
    assert client.models.retrieve("gpt-6-luna").owned_by == "openai"
    with pytest.raises(NotFoundError) as refused:
        client.models.retrieve("gpt-0")
    assert refused.value.code == "model_not_found"


def test_it_uses_the_responses_api(client: Any) -> None:
    first = client.responses.create(model="gpt-6-luna", input="My name is Ada.")
    assert first.output_text == 'You said: "My name is Ada."'
    second = client.responses.create(
        model="gpt-6-luna", input="What is my name?", previous_response_id=first.id
    )
    assert second.output_text == "Your name is Ada."


def test_it_streams_the_responses_api(client: Any) -> None:
    with client.responses.stream(model="gpt-6-luna", input="Hello") as stream:
        text = "".join(e.delta for e in stream if e.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert text == final.output_text == SAID
    assert final.usage.total_tokens == 13


def test_it_sees_the_request_s_id(client: Any) -> None:
    named = client.chat.completions.create(**ASK, extra_headers={"X-Request-ID": "mine-1"})
    assert named._request_id == "mine-1"
    assert client.chat.completions.create(**ASK)._request_id.startswith("req_")


@pytest.mark.parametrize("key", ["sk-proxy-nobody-nothing", "sk-other"])
def test_a_key_that_is_none_is_an_authentication_error(
    service: Service, chatgpt: Control, key: str
) -> None:
    with (
        OpenAI(base_url=f"{service.url}/v1", api_key=key) as client,
        pytest.raises(AuthenticationError) as refused,
    ):
        client.chat.completions.create(**ASK)
    assert refused.value.code == "invalid_api_key"
    assert str(refused.value.request_id).startswith("req_")
    assert chatgpt.stats()["requests"] == 0


def test_a_model_that_is_none_is_not_found(client: Any) -> None:
    with pytest.raises(NotFoundError) as refused:
        client.chat.completions.create(**ASK | {"model": "gpt-0"})
    assert refused.value.code == "model_not_found"


def test_a_model_that_the_key_may_not_use_is_a_permission_error(
    service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    key = new_key(models=("gpt-5.4-mini",))
    with (
        OpenAI(base_url=f"{service.url}/v1", api_key=key) as client,
        pytest.raises(PermissionDeniedError) as refused,
    ):
        client.chat.completions.create(**ASK)
    assert (refused.value.code, refused.value.param) == ("model_not_allowed", "model")
    assert chatgpt.stats()["requests"] == 0


@pytest.mark.parametrize("stream", [False, True])
def test_what_chatgpt_finds_wrong_is_a_bad_request_in_its_words(client: Any, stream: bool) -> None:
    with pytest.raises(BadRequestError) as refused:
        client.chat.completions.create(**ASK, stream=stream, extra_body={"top_k": 3})
    error = refused.value
    assert (error.code, error.param) == ("unknown_parameter", "top_k")
    assert "Unrecognized request argument supplied: top_k" in error.message


def test_it_waits_as_long_as_a_limit_asks(
    service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    key = new_key(rpm=120, burst=1)
    with OpenAI(base_url=f"{service.url}/v1", api_key=key, max_retries=1) as client:
        client.chat.completions.create(**ASK)
        before = time.monotonic()
        client.chat.completions.create(**ASK)
        assert 0.2 < time.monotonic() - before < 5
    assert chatgpt.stats()["requests"] == 2


def test_a_limit_that_was_not_waited_for_is_a_rate_limit_error(
    service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    key = new_key(rpm=1)
    with OpenAI(base_url=f"{service.url}/v1", api_key=key, max_retries=0) as client:
        client.chat.completions.create(**ASK)
        with pytest.raises(RateLimitError) as refused:
            client.chat.completions.create(**ASK)
    error = refused.value
    assert (error.code, error.type) == ("rate_limit_exceeded", "requests")
    assert 50_000 < int(error.response.headers["retry-after-ms"]) <= 60_000


def test_it_does_not_try_again_when_openai_s_account_is_empty(
    client: Any, chatgpt: Control
) -> None:
    chatgpt.queue(status=429, error={"type": "insufficient_quota", "code": "insufficient_quota"})
    with pytest.raises(InternalServerError) as refused:
        client.with_options(max_retries=3).chat.completions.create(**ASK)
    error = refused.value
    assert (error.status_code, error.code) == (503, "upstream_quota_exhausted")
    assert error.response.headers["x-should-retry"] == "false"
    assert chatgpt.stats()["requests"] == 1


def test_a_stream_that_fails_raises_an_error_after_its_words(client: Any, chatgpt: Control) -> None:
    chatgpt.queue(fault="error_event", after=3, text="Well then")
    got = []
    with pytest.raises(APIError) as failed:  # noqa: PT012 - the words come before
        for chunk in client.chat.completions.create(**ASK, stream=True):
            got.append(chunk)  # noqa: PERF402
    assert failed.value.code == "upstream_error"
    assert words(got) == "Well the"


def test_a_responses_stream_that_breaks_off_raises_an_error(client: Any, chatgpt: Control) -> None:
    chatgpt.queue(path="/v1/responses", fault="cut_stream", after=5)
    with pytest.raises(APIError) as failed:
        list(client.responses.create(model="gpt-6-luna", input="Hello", stream=True))
    assert failed.value.code == "upstream_error"
