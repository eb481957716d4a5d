"""JSON that should be something else: each field of each body refuses it, and nothing breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from proxy.domain.identifiers import new_session_id
from proxy.web import schemas
from proxy.web.admin import schemas as admin_schemas
from tests.openai.relaying import ASKS
from tests.support.keys import issue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from proxy.store.connection import Store
    from tests.support.service import Client, Service

JSON = {"Content-Type": "application/json"}
MEGABYTE = "x" * 1_000_000
WRONG: tuple[bytes, ...] = (
    b"[[[[[[]]]]]]",
    b'{"a": {"b": [1, {"c": null}]}}',
    b'{"__proto__": {"admin": true}, "constructor": 1, "__class__": "x", "$ne": null}',
    b"-0.0000001",
    b"1e308",
    b"123456789012345678901234567890",
    b"[" * 80 + b"]" * 80,
    b'"\\u0000\\u0001\\u2028\\ufeff"',
    b'"%s"' % MEGABYTE.encode(),
    b'["a", 1, null, {}, true]',
    b"NaN",
    b"-Infinity",
    b'"\\ud800"',
    b'{"a": 1, "a": 2}',
    b"0x10",
    b"01",
)
TAKE_ANYTHING = {
    "title",
    "system",
    "message",
    "model",
    "response_format",
    "tool_choice",
    "metadata",
}
"""Fields for which one of these is well."""
BODIES: list[tuple[str, type[BaseModel], dict[str, Any]]] = [
    ("POST /chat", schemas.ChatRequest, {"message": "Hello"}),
    ("POST /sessions", schemas.SessionSettings, {}),
    ("POST /sessions/{id}/fork", schemas.ForkRequest, {}),
    ("POST /tokens", schemas.TokenRequest, {"user": "ada"}),
    ("POST /admin/api/keys", admin_schemas.NewKey, {"name": "Ada"}),
    ("POST /admin/api/teams", admin_schemas.NewTeam, {"name": "team-of-json"}),
    ("POST /admin/api/keys/none/rotate", admin_schemas.Rotation, {}),
]


@pytest.fixture(scope="module")
def caller(service: Service, store: Store) -> Client:
    return service.client(issue(store, rpm=0, tpm=0)[1])


def fields() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for line, schema, good in BODIES:
        for name in schema.model_fields:
            yield line, name, good


@pytest.mark.parametrize(("line", "name", "good"), [*fields()])
def test_a_field_takes_nothing_for_what_it_is_not(
    caller: Client, admin: Client, line: str, name: str, good: dict[str, Any]
) -> None:
    method, path = line.format(id=new_session_id()).split(" ")
    asking = admin if path.startswith("/admin") else caller
    others = orjson.dumps({key: value for key, value in good.items() if key != name})[1:-1]
    statuses = set()
    for wrong in WRONG:
        body = b'{"%b": %b%b}' % (name.encode(), wrong, b", " + others if others else b"")
        answer = asking.request(method, path, JSON, data=body)
        statuses.add(answer.status_code)
        assert answer.ok or set(answer.json()["error"]) == {"message", "type", "param", "code"}
    refusals = {400, 404, 409, 413}
    assert statuses <= (refusals | {200, 201} if name in TAKE_ANYTHING else refusals)
    assert 400 in statuses


RELAYED = ("model", "messages", "input", "n", "stream", "stop", "max_tokens", "tools", "metadata")


@pytest.mark.parametrize("name", RELAYED)
@pytest.mark.parametrize("path", ASKS)
def test_a_relayed_field_that_is_wrong_is_refused_by_us_or_by_chatgpt(
    caller: Client, path: str, name: str
) -> None:
    good = orjson.dumps({key: value for key, value in ASKS[path].items() if key != name})[1:-1]
    for wrong in WRONG:
        body = b'{"%b": %b, %b}' % (name.encode(), wrong, good)
        answer = caller.post(path, data=body, headers=JSON)
        assert answer.status_code in {200, 400, 404}, answer.text
        assert answer.ok or answer.json()["error"]["message"]


SESSIONS_MESSAGES: list[Any] = [
    None,
    [],
    {},
    "Hello",
    [None],
    [[]],
    [{}],
    [{"role": "user"}],
    [{"role": "root", "content": "Hello"}],
    [{"role": "SYSTEM", "content": "Hello"}],
    [{"role": ["user"], "content": "Hello"}],
    [{"role": "user", "content": None}],
    [{"role": "user", "content": {"text": "Hello"}}],
    [{"role": "user", "content": [["Hello"]]}],
    [{"role": "user", "content": [{"text": "Hello"}]}],
    [{"role": "tool", "content": "Hello"}],
    [{"role": "assistant", "tool_calls": [{}]}],
    [{"role": "assistant", "tool_calls": [{"id": 1, "function": {"name": "f"}}]}],
]


@pytest.mark.parametrize("messages", SESSIONS_MESSAGES, ids=str)
def test_messages_for_a_session_are_what_a_session_can_hold(caller: Client, messages: Any) -> None:
    session = caller.post("/sessions").json()["id"]
    body = {"model": "gpt-6-luna", "messages": messages}
    answer = caller.post("/v1/chat/completions", json=body, headers={"X-Session-ID": session})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("messages")
    assert caller.get(f"/sessions/{session}").json()["turn_count"] == 0


def test_after_all_this_nothing_was_our_fault(service: Service) -> None:
    assert '"defect"' not in service.log
