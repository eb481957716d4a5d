"""Chat completions: OpenAI's shapes, whole and streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tests.simulator.caller import text_of

if TYPE_CHECKING:
    from tests.simulator.caller import Caller
    from tests.support.simulator import Control

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city"],
        },
    },
}


def test_an_answer_has_the_shape_of_a_chat_completion(caller: Caller) -> None:
    answer = caller.chat().json()
    assert answer["object"] == "chat.completion"
    assert answer["id"].startswith("chatcmpl-")
    assert answer["choices"] == [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": 'You said: "Hello"',
                "refusal": None,
                "annotations": [],
            },
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]


def test_the_model_of_every_answer_says_that_it_is_simulated(caller: Caller) -> None:
    assert caller.chat().json()["model"] == "simulated-gpt-6-luna"
    assert {chunk["model"] for chunk in caller.chunks()} == {"simulated-gpt-6-luna"}


def test_usage_adds_up_and_has_its_details(caller: Caller) -> None:
    usage = caller.chat().json()["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    assert usage["prompt_tokens_details"]["cached_tokens"] == 0
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 0


def test_the_same_question_costs_the_same_and_a_longer_one_more(caller: Caller) -> None:
    first, again, longer = (
        caller.chat(said).json()["usage"]
        for said in ("Hello", "Hello", "Hello, my good old friend")
    )
    assert first == again
    assert longer["prompt_tokens"] > first["prompt_tokens"]


def test_every_answer_has_openais_headers(caller: Caller) -> None:
    headers = caller.chat().headers
    assert headers["x-request-id"].startswith("req_")
    assert headers["openai-processing-ms"].isdigit()
    assert headers["x-ratelimit-limit-requests"] == "30000"
    assert headers["x-ratelimit-remaining-requests"] == "29999"
    assert headers["x-ratelimit-reset-requests"].endswith("ms")


def test_a_stream_opens_with_the_role_and_closes_with_the_reason(caller: Caller) -> None:
    chunks = caller.chunks()
    first, last = chunks[0]["choices"][0], chunks[-1]["choices"][0]
    assert first["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert last["delta"] == {}
    assert last["finish_reason"] == "stop"
    assert text_of(chunks) == 'You said: "Hello"'


def test_a_stream_reports_usage_only_when_asked(caller: Caller) -> None:
    assert all("usage" not in chunk for chunk in caller.chunks())
    *chunks, last = caller.chunks(stream_options={"include_usage": True})
    assert all(chunk["usage"] is None for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"] == caller.chat().json()["usage"]


def test_words_are_padded_unless_the_request_forbids_it(caller: Caller) -> None:
    padded = caller.chunks()[1]
    assert len(padded["obfuscation"]) + len(padded["choices"][0]["delta"]["content"]) == 16
    plain = caller.chunks(stream_options={"include_obfuscation": False})
    assert all("obfuscation" not in chunk for chunk in plain)


def test_as_many_choices_come_as_were_asked_for(caller: Caller) -> None:
    assert [choice["index"] for choice in caller.chat(n=3).json()["choices"]] == [0, 1, 2]
    streamed = {c["index"] for chunk in caller.chunks(n=3) for c in chunk["choices"]}
    assert streamed == {0, 1, 2}


def test_an_answer_ends_before_a_stop(caller: Caller) -> None:
    reply = caller.reply("one two three", model="gpt-4o-mini", stop=["three", " two"])
    assert reply["message"]["content"] == 'You said: "one'
    assert reply["finish_reason"] == "stop"


def test_an_answer_is_cut_at_its_longest(caller: Caller) -> None:
    answer = caller.chat(max_completion_tokens=2).json()
    assert answer["choices"][0]["message"]["content"] == "You said"
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 2
    assert caller.reply(model="gpt-4o-mini", max_tokens=2)["finish_reason"] == "length"


def test_a_tool_that_is_mentioned_is_called(caller: Caller) -> None:
    choice = caller.reply("Please get weather for Paris", tools=[WEATHER])
    (call,) = choice["message"]["tool_calls"]
    assert choice["message"]["content"] is None
    assert choice["finish_reason"] == "tool_calls"
    assert call["function"]["name"] == "get_weather"
    assert orjson.loads(call["function"]["arguments"]) == {"city": "some city", "days": 1}


def test_a_streamed_call_is_named_in_its_first_fragment_only(caller: Caller) -> None:
    chunks = caller.chunks("get_weather", tools=[WEATHER])
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    first, *others = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert first["id"].startswith("call_")
    assert first["function"] == {"name": "get_weather", "arguments": ""}
    assert all(other.keys() == {"index", "function"} for other in others)
    arguments = "".join(other["function"]["arguments"] for other in others)
    assert orjson.loads(arguments) == {"city": "some city", "days": 1}


def test_tool_choice_forces_a_call_and_forbids_one(caller: Caller) -> None:
    named = {"type": "function", "function": {"name": "get_weather"}}
    for choice in ("required", named):
        reply = caller.reply(tools=[WEATHER], tool_choice=choice)
        assert reply["finish_reason"] == "tool_calls"
    reply = caller.reply("get_weather", tools=[WEATHER], tool_choice="none")
    assert reply["finish_reason"] == "stop"


def test_two_tools_are_called_at_once_unless_that_is_forbidden(caller: Caller) -> None:
    time: dict[str, Any] = {"type": "function", "function": {"name": "get_time"}}
    said, tools = "get_weather and get_time", [WEATHER, time]
    assert len(caller.reply(said, tools=tools)["message"]["tool_calls"]) == 2
    alone = caller.reply(said, tools=tools, parallel_tool_calls=False)
    assert len(alone["message"]["tool_calls"]) == 1


def test_tool_results_come_back_in_the_answer(caller: Caller) -> None:
    asked = caller.reply("get_weather", tools=[WEATHER])["message"]
    result = {
        "role": "tool",
        "tool_call_id": asked["tool_calls"][0]["id"],
        "content": "sunny",
    }
    history = [{"role": "user", "content": "get_weather"}, asked, result]
    assert caller.words(history, tools=[WEATHER]) == "get_weather answered: sunny"


def test_json_is_answered_when_json_is_asked_for(caller: Caller) -> None:
    words = caller.words("Answer in JSON", response_format={"type": "json_object"})
    assert orjson.loads(words) == {"answer": 'You said: "Answer in JSON"'}


def test_a_schema_is_kept_to(caller: Caller) -> None:
    schema = {"type": "object", "properties": {"mood": {"enum": ["glad", "sad"]}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "mood", "schema": schema}}
    assert orjson.loads(caller.words(response_format=wanted)) == {"mood": "glad"}


def test_the_seed_and_the_other_parameters_change_nothing(caller: Caller, chatgpt: Control) -> None:
    words = caller.words(
        seed=7, user="ada", metadata={"a": "b"}, verbosity="low", service_tier="auto", store=False
    )
    assert words == 'You said: "Hello"'
    assert chatgpt.requests()[-1].body["seed"] == 7
