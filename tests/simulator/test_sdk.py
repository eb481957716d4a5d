"""OpenAI's own client, where it is installed, is content with the simulated ChatGPT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from tests.simulator.test_chat import WEATHER
from tests.support.service import CANARY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.process import SimulatedChatGPT
    from tests.support.simulator import Control

openai: Any = pytest.importorskip("openai")

ASK: dict[str, Any] = {
    "model": "gpt-6-luna",
    "messages": [{"role": "user", "content": "Hello"}],
}


class Weather(BaseModel):
    city: str
    days: list[int]


@pytest.fixture
def client(simulator: SimulatedChatGPT, chatgpt: Control) -> Iterator[Any]:
    with openai.OpenAI(base_url=simulator.url, api_key=CANARY, max_retries=0) as opened:
        yield opened


def test_it_chats(client: Any) -> None:
    answer = client.chat.completions.create(**ASK)
    assert answer.choices[0].message.content == 'You said: "Hello"'
    assert answer._request_id.startswith("req_")


def test_it_streams(client: Any) -> None:
    options = {"include_usage": True}
    *chunks, last = client.chat.completions.create(**ASK, stream=True, stream_options=options)
    words = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert words == 'You said: "Hello"'
    assert last.usage.total_tokens > 0


def test_it_calls_tools(client: Any) -> None:
    messages: list[Any] = [{"role": "user", "content": "get_weather"}]
    more = {"model": "gpt-6-luna", "tools": [WEATHER]}
    with client.chat.completions.stream(messages=messages, **more) as stream:
        called = stream.get_final_completion().choices[0].message.tool_calls[0].function
    assert called.arguments == '{"city":"some city","days":1}'
    message = client.chat.completions.create(messages=messages, **more).choices[0].message
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
    answer = client.chat.completions.create(messages=[*messages, message, result], **more)
    assert answer.choices[0].message.content == "get_weather answered: sunny"


def test_it_reads_structured_answers(client: Any) -> None:
    answer = client.chat.completions.parse(**ASK, response_format=Weather)
    assert isinstance(answer.choices[0].message.parsed, Weather)


def test_it_lists_models_and_embeds(client: Any) -> None:
    assert "gpt-6-luna" in [model.id for model in client.models.list()]
    vectors = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    assert [len(item.embedding) for item in vectors.data] == [1_536, 1_536]


def test_it_uses_the_responses_api(client: Any) -> None:
    first = client.responses.create(model="gpt-6-luna", input="My name is Ada.")
    ask = {"model": "gpt-6-luna", "input": "What is my name?", "previous_response_id": first.id}
    with client.responses.stream(**ask) as stream:
        assert stream.get_final_response().output_text == "Your name is Ada."


def test_it_raises_errors_of_its_own(client: Any, chatgpt: Control) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**ASK, extra_body={"top_k": 3})
    assert refused.value.code == "unknown_parameter"
    chatgpt.queue(status=429)
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(**ASK)
    chatgpt.queue(fault="error_event")
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(**ASK, stream=True))
