"""The Responses API: objects, named events, and conversations that are remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

if TYPE_CHECKING:
    from tests.simulator.caller import Caller
    from tests.support.simulator import Control

TOOL = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def create(caller: Caller, given: Any = "Hello", **fields: Any) -> Any:
    answer = caller.post("/responses", {"model": "gpt-6-luna", "input": given, **fields})
    assert answer.ok, answer.text
    return answer.json()


def words(response: Any) -> Any:
    return response["output"][0]["content"][0]["text"]


def events(caller: Caller, given: Any = "Hello", **fields: Any) -> list[Any]:
    body = {"model": "gpt-6-luna", "input": given, "stream": True, **fields}
    blocks = caller.post("/responses", body).text.removesuffix("\n\n").split("\n\n")
    parsed = []
    for block in blocks:
        name, data = block.split("\n")
        parsed.append(orjson.loads(data.removeprefix("data: ")))
        assert name == f"event: {parsed[-1]['type']}"
    return parsed


def test_a_response_has_its_shape(caller: Caller) -> None:
    response = create(caller, temperature=1, metadata={"a": "b"})
    assert (response["object"], response["status"]) == ("response", "completed")
    assert response["model"] == "simulated-gpt-6-luna"
    assert response["metadata"] == {"a": "b"}
    assert words(response) == 'You said: "Hello"'
    usage = response["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
    assert usage["input_tokens_details"]["cached_tokens"] == 0


def test_a_stream_has_typed_and_numbered_events_and_no_done(caller: Caller) -> None:
    streamed = events(caller)
    kinds = [event["type"] for event in streamed]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert [event["sequence_number"] for event in streamed] == list(range(len(streamed)))
    deltas = [e["delta"] for e in streamed if e["type"] == "response.output_text.delta"]
    assert "".join(deltas) == 'You said: "Hello"' == words(streamed[-1]["response"])
    assert streamed[-1]["response"]["id"] == streamed[0]["response"]["id"]


def test_a_conversation_goes_on_from_a_previous_response(caller: Caller) -> None:
    first = create(caller, "My name is Ada.", instructions="Be brief.")
    named = create(caller, "What is my name?", previous_response_id=first["id"])
    assert words(named) == "Your name is Ada."
    told = create(caller, "your instructions?", previous_response_id=named["id"])
    assert words(told) == "I was given no instructions."


def test_a_conversation_has_a_name_of_its_own(caller: Caller) -> None:
    create(caller, "My name is Ada.", conversation="conv_1")
    assert words(create(caller, "What is my name?", conversation={"id": "conv_1"})).endswith("Ada.")


def test_a_response_that_is_not_stored_cannot_be_gone_on_from(caller: Caller) -> None:
    first = create(caller, store=False)
    body = {"model": "gpt-6-luna", "input": "Hello", "previous_response_id": first["id"]}
    error = caller.post("/responses", body).json()["error"]
    assert error["code"] == "previous_response_not_found"


def test_messages_and_parts_are_read(caller: Caller) -> None:
    parts = [{"type": "input_text", "text": "Good"}, {"type": "input_text", "text": "day"}]
    given = [
        {"role": "developer", "content": "Be brief."},
        {"type": "message", "role": "user", "content": parts},
        {"type": "reasoning", "id": "rs_1", "summary": []},
    ]
    assert words(create(caller, given)) == 'You said: "Good\nday"'


def test_tools_are_called_and_their_results_reported(caller: Caller) -> None:
    asked = create(caller, "get_weather", tools=[TOOL])
    (call,) = asked["output"]
    assert (call["type"], call["name"]) == ("function_call", "get_weather")
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "rain"}
    answer = create(caller, [result], previous_response_id=asked["id"])
    assert words(answer) == "get_weather answered: rain"
    history = [{"role": "user", "content": "get_weather"}, call, result]
    assert words(create(caller, history)) == "get_weather answered: rain"


def test_streamed_arguments_add_up(caller: Caller) -> None:
    streamed = events(caller, "get_weather", tools=[TOOL])
    kind = "response.function_call_arguments"
    deltas = [event["delta"] for event in streamed if event["type"] == f"{kind}.delta"]
    (done,) = [event for event in streamed if event["type"] == f"{kind}.done"]
    assert "".join(deltas) == done["arguments"] == '{"city":"some city"}'


def test_an_answer_cut_at_its_longest_is_incomplete(caller: Caller) -> None:
    said = "word " * 40
    response = create(caller, said, max_output_tokens=16)
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert events(caller, said, max_output_tokens=16)[-1]["type"] == "response.incomplete"


def test_structured_answers_are_json(caller: Caller) -> None:
    schema = {"type": "object", "properties": {"mood": {"enum": ["glad"]}}}
    given = {"type": "json_schema", "name": "mood", "schema": schema}
    assert orjson.loads(words(create(caller, text={"format": given}))) == {"mood": "glad"}
    given = {"type": "json_object"}
    assert orjson.loads(words(create(caller, text={"format": given}))).keys() == {"answer"}


def test_replies_are_scripted_for_responses_too(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(path="/v1/responses", text="scripted", usage=None)
    response = create(caller)
    assert words(response) == "scripted"
    assert "usage" not in response
    chatgpt.queue(path="/v1/responses", fault="error_event", after=2)
    body = {"model": "gpt-6-luna", "input": "Hello", "stream": True}
    last = caller.post("/responses", body).text.split("\n\n")[-2]
    assert last.startswith('event: error\ndata: {"type":"error"')


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"messages": []}, "messages", "unknown_parameter"),
        ({"input": None}, "input", "missing_required_parameter"),
        ({"input": 3}, "input", "invalid_type"),
        ({"input": []}, "input", "empty_array"),
        ({"input": [{"type": "reasoning"}]}, "input", "missing_required_parameter"),
        ({"input": [{"role": "king", "content": ""}]}, "input[0].role", "invalid_value"),
        ({"input": [{"role": "user"}]}, "input[0].content", "missing_required_parameter"),
        (
            {"input": [{"type": "function_call_output", "call_id": "c", "output": ""}]},
            "input",
            None,
        ),
        ({"tools": [{"type": "function"}]}, "tools[0].name", "missing_required_parameter"),
        ({"max_output_tokens": 1}, "max_output_tokens", "integer_below_min_value"),
        ({"temperature": 0.5}, "temperature", "unsupported_parameter"),
        ({"reasoning": {"effort": "fierce"}}, "reasoning.effort", "invalid_value"),
        (
            {"previous_response_id": "r", "conversation": "c"},
            "previous_response_id",
            "mutually_exclusive_parameters",
        ),
        ({"model": "gpt-4o-mini", "input": "word " * 110_000}, "input", "context_length_exceeded"),
    ],
)
def test_wrong_requests_are_refused(
    caller: Caller, fields: dict[str, Any], param: str, code: str | None
) -> None:
    answer = caller.post("/responses", {"model": "gpt-6-luna", "input": "Hello"} | fields)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == (param, code)
