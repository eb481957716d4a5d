"""Objects of any shape, of words that the service knows: an answer each, never a defect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.web import schemas
from tests.openai.relaying import ASKS
from tests.support.keys import issue

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.support.service import Client, Service

JSON = {"Content-Type": "application/json"}
WORDS = st.sampled_from(
    [
        *("user", "system", "assistant", "tool", "function", "text", "image_url", "none", "auto"),
        *(
            "role",
            "content",
            "type",
            "name",
            "arguments",
            "id",
            "tool_calls",
            "tool_call_id",
            "url",
        ),
        *("messages", "input", "model", "n", "stream", "stream_options", "include_usage", "tools"),
        *("metadata", "stop", "max_tokens", "instructions", "previous_response_id", "modalities"),
        *schemas.ChatRequest.model_fields,
        *schemas.TokenRequest.model_fields,
        *schemas.TokenLimits.model_fields,
    ]
)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats() | st.sampled_from([0, 1, -1, 2**53])
TEXTS = WORDS | st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(WORDS, VALUES, max_size=6)
FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
MANY = settings(max_examples=5_000, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def caller(service: Service, store: Store) -> Client:
    return service.client(issue(store, rpm=0, tpm=0)[1])


def relayed(caller: Client, path: str, fields: dict[str, Any], *, kept: bool) -> None:
    """Ask with a good body and these fields on top; in a session if it is `kept`."""
    headers = dict(JSON)
    if kept:
        headers["X-Session-ID"] = caller.post("/sessions").json()["id"]
    answer = caller.post(path, data=orjson.dumps(ASKS[path] | fields), headers=headers)
    assert answer.status_code in {200, 400, 404}, answer.text


@FEW
@given(st.sampled_from([*ASKS]), OBJECTS, st.booleans())
def test_openai_s_routes_take_any_object(
    caller: Client, path: str, fields: dict[str, Any], kept: bool
) -> None:
    relayed(caller, path, fields, kept=kept)


@FEW
@given(OBJECTS)
def test_tokens_are_minted_for_good_wishes_alone(caller: Client, fields: dict[str, Any]) -> None:
    answer = caller.post("/tokens", data=orjson.dumps({"user": "ada"} | fields), headers=JSON)
    assert answer.status_code in {201, 400}, answer.text


@pytest.mark.soak
@MANY
@given(st.sampled_from([*ASKS]), OBJECTS, st.booleans())
def test_openai_s_routes_take_thousands_of_objects(
    caller: Client, path: str, fields: dict[str, Any], kept: bool
) -> None:
    relayed(caller, path, fields, kept=kept)


def test_after_all_this_nothing_was_our_fault(service: Service) -> None:
    assert '"defect"' not in service.log
