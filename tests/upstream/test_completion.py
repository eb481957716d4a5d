"""ChatGPT's answer, checked and understood."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.conversation import Usage, text_of
from proxy.domain.tokens import estimate_message
from proxy.errors import UpstreamBroken
from proxy.upstream.completion import parse

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CUSTOM = {"id": "call_2", "type": "custom", "custom": {"name": "grep", "input": "x"}}
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def answer(usage: Any = None, finish_reason: Any = "stop", **message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return {"id": "c", "model": "gpt-x", "choices": [choice], "usage": usage}


def broken(body: bytes) -> bool:
    """Whether the answer is refused; one that is not can be stored and counted."""
    try:
        parsed = parse(body)
    except UpstreamBroken:
        return True
    orjson.dumps([parsed.message, parsed.usage and parsed.usage.as_json()])
    estimate_message(parsed.message)
    return False


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    assert broken(body)


@given(JSON)
def test_no_json_raises_anything_else(value: Any) -> None:
    assert broken(orjson.dumps(value))


@given(JSON, st.sampled_from(["choices", "model", "usage"]))
def test_no_part_of_an_answer_raises_anything_else(value: Any, part: str) -> None:
    broken(orjson.dumps(answer(content="x") | {part: value}))


@given(JSON, st.sampled_from(["message", "finish_reason", "index"]))
def test_no_part_of_a_choice_raises_anything_else(value: Any, part: str) -> None:
    whole = answer(content="x")
    whole["choices"][0][part] = value
    broken(orjson.dumps(whole))


@given(JSON, st.sampled_from(["content", "refusal", "tool_calls", "role"]))
def test_no_part_of_a_message_raises_anything_else(value: Any, part: str) -> None:
    broken(orjson.dumps(answer(**{"content": "x", part: value})))


@given(JSON, st.sampled_from(["id", "type", "function", "custom"]))
def test_no_part_of_a_tool_call_raises_anything_else(value: Any, part: str) -> None:
    broken(orjson.dumps(answer(content=None, tool_calls=[CALL | {part: value}])))


DETAILS = ["prompt_tokens", "completion_tokens", "prompt_tokens_details"]


@given(JSON, st.sampled_from(DETAILS), st.booleans())
def test_no_part_of_a_usage_raises_anything_else(value: Any, part: str, inner: bool) -> None:
    told = {"cached_tokens": value} if inner else value
    broken(orjson.dumps(answer(USAGE | {part: told}, content="x")))


@pytest.mark.parametrize("depth", [500, 1_010, 5_000])
def test_no_depth_raises_anything_else(depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    for part in (b'"model"', b'"finish_reason"', b'"content"', b'"usage"'):
        body = orjson.dumps(answer(content="x"))
        assert broken(body.replace(part + b":", part + b":" + nested + b',"old":'))


def test_an_answer_is_its_message_its_end_its_model_and_its_usage() -> None:
    parsed = parse(orjson.dumps(answer(USAGE, content="Hi", annotations=[], audio={})))
    assert parsed.message == {"role": "assistant", "content": "Hi"}
    assert (parsed.finish_reason, parsed.model) == ("stop", "gpt-x")
    assert parsed.usage == Usage(10, 5)


def test_the_details_of_a_usage_are_kept_within_it() -> None:
    details = {
        "prompt_tokens_details": {"cached_tokens": 900},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    parsed = parse(orjson.dumps(answer(USAGE | details, content="Hi")))
    assert parsed.usage == Usage(10, 5, cached_tokens=10, reasoning_tokens=3)


@pytest.mark.parametrize("tokens", [-1, 10**12, 1e300, "many", [], None])
def test_a_usage_that_cannot_be_is_not_believed(tokens: Any) -> None:
    assert broken(orjson.dumps(answer(USAGE | {"completion_tokens": tokens}, content="Hi")))


def test_an_answer_without_usage_has_none() -> None:
    assert parse(orjson.dumps(answer(content="Hi"))).usage is None


@pytest.mark.parametrize("call", [CALL, CUSTOM])
def test_tool_calls_are_kept_as_they_came(call: dict[str, Any]) -> None:
    parsed = parse(orjson.dumps(answer(content="", tool_calls=[call])))
    assert parsed.message == {"role": "assistant", "content": None, "tool_calls": [call]}


@pytest.mark.parametrize(
    "call",
    [
        {},
        "f",
        CALL | {"id": 5},
        {"id": "c", "type": "function"},
        CALL | {"function": {"name": "f"}},
        CALL | {"function": {"name": "f", "arguments": {}}},
    ],
)
def test_a_tool_call_that_nobody_could_answer_is_refused(call: Any) -> None:
    assert broken(orjson.dumps(answer(content=None, tool_calls=[call])))


@pytest.mark.parametrize("content", ["", None])
def test_an_empty_answer_is_an_empty_text_which_a_history_may_hold(content: str | None) -> None:
    assert parse(orjson.dumps(answer(content=content))).message["content"] == ""


def test_a_refusal_is_the_answer_s_text() -> None:
    message = parse(orjson.dumps(answer(content=None, refusal="I will not."))).message
    assert message == {"role": "assistant", "content": "", "refusal": "I will not."}
    assert text_of(message) == "I will not."


def test_an_answer_whose_end_is_not_told_has_stopped() -> None:
    assert parse(orjson.dumps(answer(content="x", finish_reason=None))).finish_reason == "stop"
