"""Whatever JSON it is sent, the simulated ChatGPT answers or refuses; it never breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.simulator.chat_fields import CHAT_FIELDS
from tests.simulator.caller import chat_body

if TYPE_CHECKING:
    from tests.simulator.caller import Caller

WORDS = [
    *("type", "text", "function", "name", "role", "content", "id", "format", "schema", "user"),
    *("call_id", "output", "message", "function_call_output", "parameters", "object", "array"),
    *("string", "integer", "properties", "items", "required", "minItems", "json_schema"),
]
SCHEMA_WORDS = ["type", "properties", "items", "enum", "anyOf", "allOf", "$ref", "required"]

MANY = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=8,
)


@MANY
@given(st.dictionaries(st.sampled_from(sorted(CHAT_FIELDS)), JSON, max_size=3))
def test_whatever_a_chat_request_has_is_answered_or_refused(
    caller: Caller, fields: dict[str, Any]
) -> None:
    answer = caller.post("/chat/completions", chat_body("call f") | fields)
    assert answer.status_code in (200, 400, 404), answer.text


@MANY
@given(
    st.dictionaries(
        st.sampled_from(["input", "tools", "text", "conversation", "tool_choice", "reasoning"]),
        JSON,
        max_size=3,
    )
)
def test_whatever_a_response_request_has_is_answered_or_refused(
    caller: Caller, fields: dict[str, Any]
) -> None:
    answer = caller.post("/responses", {"model": "gpt-6-luna", "input": "call f"} | fields)
    assert answer.status_code in (200, 400, 404), answer.text


@MANY
@given(st.dictionaries(st.sampled_from(SCHEMA_WORDS), JSON, max_size=5))
def test_whatever_a_schema_has_is_answered_or_refused(
    caller: Caller, schema: dict[str, Any]
) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "f", "schema": schema}}
    answer = caller.chat(response_format=wanted)
    assert answer.status_code in (200, 400), answer.text
