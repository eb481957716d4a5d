"""What OpenAI refuses, the simulated ChatGPT refuses: in the same shape and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxy.simulator.process import SimulatedChatGPT
from tests.simulator.caller import Caller, chat_body
from tests.simulator.test_chat import WEATHER

if TYPE_CHECKING:
    import requests

USER = {"role": "user", "content": "Hello"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}
NAMED = {"type": "function", "function": {"name": "other"}}
OLD = {"model": "gpt-4o-mini"}
SMALL = {"model": "gpt-5.4-mini"}


def refusal(answer: requests.Response, status: int = 400) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return error


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"top_k": 3}, "top_k", "unknown_parameter"),
        ({"model": None}, "model", "missing_required_parameter"),
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": "Hello"}, "messages", "invalid_type"),
        ({"messages": ["Hello"]}, "messages[0]", "invalid_type"),
        ({"messages": [{"content": "Hello"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [{"role": "king", "content": "Hello"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [USER | {"mood": "glad"}]}, "messages[0].mood", "unknown_parameter"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", None),
        ({"messages": [USER | {"content": 3}]}, "messages[0].content", "invalid_type"),
        ({"messages": [USER | {"content": []}]}, "messages[0].content", "empty_array"),
        (
            {"messages": [USER | {"content": [{"type": "song"}]}]},
            "messages[0].content[0].type",
            "invalid_value",
        ),
        (
            {"messages": [USER | {"content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
            "missing_required_parameter",
        ),
        (
            {"messages": [{"role": "tool", "content": "sunny"}]},
            "messages[0].tool_call_id",
            "missing_required_parameter",
        ),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"n": 129}, "n", "integer_above_max_value"),
        ({"n": 1.5}, "n", "invalid_type"),
        ({"n": True}, "n", "invalid_type"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"temperature": "warm", **OLD}, "temperature", "invalid_type"),
        ({"temperature": 2.1, **OLD}, "temperature", "decimal_above_max_value"),
        ({"temperature": -0.1, **OLD}, "temperature", "decimal_below_min_value"),
        ({"top_p": 1.1, **OLD}, "top_p", "decimal_above_max_value"),
        ({"presence_penalty": 3, **OLD}, "presence_penalty", "decimal_above_max_value"),
        ({"frequency_penalty": -3, **OLD}, "frequency_penalty", "decimal_below_min_value"),
        ({"logit_bias": {"50256": 101}, **OLD}, "logit_bias.50256", "decimal_above_max_value"),
        ({"stop": list("abcde"), **OLD}, "stop", "array_above_max_length"),
        ({"stop": 3, **OLD}, "stop", "invalid_type"),
        ({"top_logprobs": 21, "logprobs": True, **OLD}, "top_logprobs", "integer_above_max_value"),
        ({"top_logprobs": 2, **OLD}, "top_logprobs", None),
        ({"reasoning_effort": "fierce"}, "reasoning_effort", "invalid_value"),
        ({"reasoning_effort": 3}, "reasoning_effort", "invalid_type"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata", "object_above_max_properties"),
        ({"metadata": {"a": "b" * 513}}, "metadata.a", "string_above_max_length"),
        ({"metadata": {"a" * 65: "b"}}, "metadata key", "string_above_max_length"),
        ({"metadata": "a"}, "metadata", "invalid_type"),
        ({"prompt_cache_key": "k" * 65}, "prompt_cache_key", "string_above_max_length"),
        ({"stream_options": {"include_usage": True}}, "stream_options", None),
        (
            {"stream": True, "stream_options": {"colour": 1}},
            "stream_options.colour",
            "unknown_parameter",
        ),
        ({"tool_choice": "auto"}, "tool_choice", None),
        ({"tool_choice": "perhaps"}, "tool_choice", "invalid_value"),
        ({"parallel_tool_calls": True}, "parallel_tool_calls", None),
        ({"tools": [WEATHER], "tool_choice": NAMED}, "tool_choice", None),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
        (
            {"tools": [{"type": "function", "function": {"name": "a b"}}]},
            "tools[0].function.name",
            "invalid_value",
        ),
        ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
        (
            {"response_format": {"type": "json_schema"}},
            "response_format.json_schema",
            "missing_required_parameter",
        ),
        ({"response_format": {"type": "json_object"}}, "messages", None),
        ({"max_completion_tokens": 0}, "max_completion_tokens", "integer_below_min_value"),
        ({"max_completion_tokens": 200_000}, "max_completion_tokens", "invalid_value"),
        ({"max_tokens": 20_000, **OLD}, "max_tokens", "invalid_value"),
    ],
)
def test_a_wrong_field_is_named(
    caller: Caller, fields: dict[str, Any], param: str, code: str | None
) -> None:
    error = refusal(caller.post("/chat/completions", chat_body() | fields))
    assert error["type"] == "invalid_request_error"
    assert (error["param"], error["code"]) == (param, code)


def test_refusals_are_in_openais_words(caller: Caller) -> None:
    unknown = refusal(caller.chat(top_k=3))
    assert unknown["message"] == "Unrecognized request argument supplied: top_k"
    two = refusal(caller.chat(top_k=3, min_p=0.1))
    assert two["message"] == "Unrecognized request arguments supplied: min_p, top_k"
    warm = refusal(caller.chat(temperature=3, **OLD))
    assert warm["message"] == (
        "Invalid 'temperature': decimal above maximum value. "
        "Expected a value <= 2, but got 3 instead."
    )


@pytest.mark.parametrize("name", ["stop", "presence_penalty", "frequency_penalty", "logit_bias"])
def test_a_reasoning_model_never_takes(caller: Caller, name: str) -> None:
    value: Any = {"stop": "x", "logit_bias": {"1": 1}}.get(name, 0.5)
    for model in ("gpt-6-luna", "gpt-5.4-mini", "o4-mini"):
        error = refusal(caller.chat(model=model, **{name: value}))
        assert (error["param"], error["code"]) == (name, "unsupported_parameter")
    assert caller.chat(**OLD, **{name: value}).ok


def test_a_reasoning_model_wants_max_completion_tokens(caller: Caller) -> None:
    error = refusal(caller.chat(max_tokens=5))
    assert error["code"] == "unsupported_parameter"
    assert "Use 'max_completion_tokens' instead." in error["message"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"temperature": 0.2}, "unsupported_value"),
        ({"top_p": 0.5}, "unsupported_parameter"),
        ({"logprobs": True}, "unsupported_parameter"),
    ],
)
def test_a_reasoning_model_takes_sampling_only_without_effort(
    caller: Caller, fields: dict[str, Any], code: str
) -> None:
    assert refusal(caller.chat(**fields))["code"] == code
    assert refusal(caller.chat(**SMALL, reasoning_effort="low", **fields))["code"] == code
    assert caller.chat(**SMALL, **fields).ok
    assert caller.chat(reasoning_effort="none", **fields).ok
    assert caller.chat(temperature=1).ok


def test_effort_is_refused_where_it_cannot_be(caller: Caller) -> None:
    error = refusal(caller.chat(model="gpt-6-astra", reasoning_effort="none"))
    assert (error["param"], error["code"]) == ("reasoning_effort", "unsupported_value")
    error = refusal(caller.chat(**OLD, reasoning_effort="low"))
    assert error["message"] == "Unrecognized request argument supplied: reasoning_effort"


def test_one_model_takes_tools_only_without_reasoning(caller: Caller) -> None:
    assert refusal(caller.chat(model="gpt-6-sol", tools=[WEATHER]))["param"] == "tools"
    assert caller.chat(model="gpt-6-sol", tools=[WEATHER], reasoning_effort="none").ok


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([USER, CALLS], "did not have response messages: call_1"),
        ([USER, CALLS, USER], "did not have response messages: call_1"),
        ([USER, RESULT], "must be a response to a preceding message"),
        ([USER, CALLS, RESULT, RESULT], "must be a response to a preceding message"),
    ],
)
def test_tool_calls_and_results_stand_together(
    caller: Caller, messages: list[dict[str, Any]], said: str
) -> None:
    assert said in refusal(caller.chat(messages))["message"]
    assert caller.chat([USER, CALLS, RESULT]).ok


def test_a_prompt_longer_than_the_window_is_refused(caller: Caller) -> None:
    error = refusal(caller.chat("word " * 110_000, **OLD))
    assert (error["param"], error["code"]) == ("messages", "context_length_exceeded")
    assert error["message"].startswith("This model's maximum context length is 128000 tokens.")


@pytest.mark.parametrize("model", ["gpt-0", "gpt-4", "gpt-4-turbo", "gpt-3.5-turbo-0125"])
def test_models_that_are_not_or_no_longer_there_are_not_found(caller: Caller, model: str) -> None:
    assert refusal(caller.chat(model=model), 404)["code"] == "model_not_found"


def test_an_embedding_model_does_not_chat(caller: Caller) -> None:
    assert refusal(caller.chat(model="text-embedding-3-small"), 404)["param"] == "model"


def test_a_body_that_is_not_declared_as_json_is_refused(caller: Caller) -> None:
    answer = caller.post("/chat/completions", b"Hello", headers={"Content-Type": "text/plain"})
    error = refusal(answer)
    assert error["code"] == "unsupported_content_type"
    assert "'text/plain'" in error["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"a"', b'{"model": NaN}', b"\xff"])
def test_a_body_that_is_not_a_json_object_is_refused(caller: Caller, body: bytes) -> None:
    error = refusal(caller.post("/chat/completions", body))
    assert error["message"].startswith("We could not parse the JSON body of your request.")


def test_a_missing_or_wrong_key_is_refused_and_the_wrong_one_masked(caller: Caller) -> None:
    assert refusal(Caller(caller.url, "").chat(), 401)["code"] is None
    error = refusal(Caller(caller.url, "sk-wrong-0123456789").chat(), 401)
    assert error["code"] == "invalid_api_key"
    assert "sk-wrong*******6789." in error["message"]


def test_unknown_addresses_and_methods_are_refused(caller: Caller) -> None:
    assert refusal(caller.get("/completions"), 404)["code"] == "unknown_url"
    assert "Not allowed to GET" in refusal(caller.get("/chat/completions"), 405)["message"]


def test_null_stands_for_an_absent_field(caller: Caller) -> None:
    assert caller.chat(stop=None, max_tokens=None, tools=None, stream_options=None).ok


def test_a_compatible_server_takes_what_openai_refuses() -> None:
    with SimulatedChatGPT(profile="compatible") as simulated:
        caller = Caller(simulated.url, "any key")
        assert caller.chat(top_k=3, min_p=0.1, temperature=0.2, max_tokens=50).ok
        assert refusal(caller.chat(temperature=3))["param"] == "temperature"
