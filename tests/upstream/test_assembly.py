"""A streamed chat completion is put together from its chunks, and only from what can be one."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.conversation import Usage
from proxy.errors import UpstreamBroken, UpstreamError
from proxy.upstream.assembly import Assembly


def assembled(*chunks: dict[str, Any]) -> Assembly:
    assembly = Assembly()
    for chunk in chunks:
        assembly.add(orjson.dumps(chunk))
    return assembly


def choice(delta: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "gpt", "choices": [{"index": 0, "delta": delta, **more}]}


def call(index: int, arguments: str, **more: Any) -> dict[str, Any]:
    fragment = {"index": index, "function": {"arguments": arguments, **more.pop("function", {})}}
    return choice({"tool_calls": [fragment | more]})


def test_words_are_joined_in_their_order() -> None:
    assembly = assembled(choice({"role": "assistant", "content": ""}), *map(_word, ["Hel", "lo"]))
    assert assembly.message() == {"role": "assistant", "content": "Hello"}
    assert assembly.model == "gpt"


def _word(text: str) -> dict[str, Any]:
    return choice({"content": text})


def test_a_refusal_is_kept_as_one() -> None:
    assembly = assembled(choice({"refusal": "I "}), choice({"refusal": "won't."}))
    assert assembly.message() == {"role": "assistant", "content": None, "refusal": "I won't."}


def test_fragments_of_tool_calls_are_joined_by_their_index() -> None:
    assembly = assembled(
        call(0, "", id="call_a", function={"name": "add"}),
        call(1, "", id="call_b", function={"name": "sub"}),
        call(1, '{"x":'),
        call(0, "{}"),
        call(1, "1}"),
        choice({}, finish_reason="tool_calls"),
    )
    functions = [(c["id"], c["function"]) for c in assembly.message()["tool_calls"]]
    assert functions == [
        ("call_a", {"name": "add", "arguments": "{}"}),
        ("call_b", {"name": "sub", "arguments": '{"x":1}'}),
    ]


def test_tool_calls_that_were_cut_off_are_not_kept() -> None:
    assembly = assembled(_word("Well"), call(0, '{"x":', id="call_a", function={"name": "add"}))
    assert assembly.started
    assert assembly.message() == {"role": "assistant", "content": "Well"}


def test_a_finish_reason_makes_it_whole() -> None:
    assembly = assembled(_word("Hi"))
    assert not assembly.whole
    assembly.add(orjson.dumps(choice({}, finish_reason="length")))
    assert (assembly.whole, assembly.finish_reason) == (True, "length")


def test_the_mark_of_the_end_makes_it_whole() -> None:
    assembly = assembled(_word("Hi"))
    assembly.add(b"[DONE]")
    assert (assembly.whole, assembly.finish_reason) == (True, None)


def test_the_usage_comes_in_a_chunk_without_choices() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    assembly = assembled(_word("Hi") | {"usage": None}, {"choices": [], "usage": usage})
    assert assembly.usage == Usage(9, 4)


def test_only_the_first_choice_counts() -> None:
    other = {"choices": [{"index": 1, "delta": {"content": "Ho"}, "finish_reason": "stop"}]}
    assembly = assembled(_word("Hi"), other)
    assert (assembly.message()["content"], assembly.whole) == ("Hi", False)


def test_an_error_ends_it() -> None:
    with pytest.raises(UpstreamError, match="failed while it answered"):
        assembled({"error": {"message": "Sorry", "type": "server_error"}})


def test_an_error_of_null_is_none() -> None:
    assert assembled(_word("Hi") | {"error": None}).message()["content"] == "Hi"


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b'{"choices":7}',
        b'{"choices":[7]}',
        b'{"choices":[{"delta":7}]}',
        b'{"choices":[{"delta":{"content":7}}]}',
        b'{"choices":[{"delta":{"content":["x"]}}]}',
        b'{"choices":[{"delta":{"refusal":{"a":1}}}]}',
        b'{"choices":[{"delta":{"tool_calls":7}}]}',
        b'{"choices":[{"delta":{"tool_calls":[{}]}}]}',
        b'{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":[1]}}]}}]}',
        b'{"choices":[{"delta":{"content":"\xff\xfe"}}]}',
        b'{"choices":[{"delta":{"content":"\\ud800"}}]}',
        b'{"choices":[],"usage":{"prompt_tokens":-1,"completion_tokens":1}}',
        b'{"choices":[],"usage":{"prompt_tokens":1e99,"completion_tokens":1}}',
        b'{"choices":[],"usage":7}',
    ],
)
def test_what_is_no_chunk_is_refused(garbage: bytes) -> None:
    with pytest.raises(UpstreamBroken, match="cannot be understood"):
        Assembly().add(garbage)


anything = st.none() | st.integers(-9, 9) | st.sampled_from([0.5, "", "text", "1", [], [1], {}])


def likely(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object with some of these fields, each as it should be or anything else."""
    optional = {name: field | anything for name, field in fields.items()}
    return st.fixed_dictionaries({}, optional=optional)


calls = likely(index=anything, id=anything, function=likely(name=anything, arguments=anything))
deltas = likely(content=anything, refusal=anything, tool_calls=st.lists(calls, max_size=2))
choices = likely(index=st.just(0), delta=deltas, finish_reason=anything)
usages = likely(prompt_tokens=anything, completion_tokens=anything, prompt_tokens_details=anything)
chunks = likely(model=anything, usage=usages, choices=st.lists(choices, max_size=2))


@given(st.lists(chunks, max_size=3))
def test_whatever_comes_is_understood_or_refused(stream: list[Any]) -> None:
    assembly = Assembly()
    try:
        for chunk in stream:
            assert isinstance(assembly.add(orjson.dumps(chunk)).get("content") or "", str)
    except UpstreamError:
        pass
    assert orjson.dumps([assembly.message(), assembly.model, assembly.finish_reason])
    assert assembly.usage is None or orjson.dumps(assembly.usage.as_json())


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x" * 999},
        {"refusal": "x" * 999},
        {"tool_calls": [{"index": 0, "function": {"arguments": "x" * 999}}]},
    ],
)
def test_an_answer_of_more_than_two_million_characters_is_refused(delta: dict[str, Any]) -> None:
    assembly, chunk = Assembly(), orjson.dumps(choice(delta))
    for _ in range(2_002):
        assembly.add(chunk)
    with pytest.raises(UpstreamBroken, match="larger than the service takes"):
        assembly.add(chunk)


@pytest.mark.parametrize("index", [-1, 128, 10**9])
def test_there_are_no_more_tool_calls_than_tools(index: int) -> None:
    with pytest.raises(UpstreamBroken, match="cannot be understood"):
        assembled(call(index, "{}"))
