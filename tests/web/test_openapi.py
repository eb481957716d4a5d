"""GET /openapi.json: valid, complete, true and without secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from proxy.app import create_app
from proxy.settings import load
from tests.support.service import CANARY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis
    from tests.support.service import Client, Service

CONVERTER = re.compile(r"<(?:[^:>]+:)?([^>]+)>")
IMPLIED = {"HEAD", "OPTIONS"}
"""What Flask adds to every route."""


@pytest.fixture
def document(service: Service) -> dict[str, Any]:
    told: dict[str, Any] = service.client().get("/openapi.json").json()
    return told


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation by its method and path."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_in_the_document_and_the_reverse(document: dict[str, Any]) -> None:
    app = create_app(load({"REDIS_URL": "redis://localhost", "OPENAI_API_KEY": "sk-x"}))
    routes = {
        method + " " + CONVERTER.sub(r"{\1}", rule.rule)
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith("/static/")  # parts of pages
        for method in (rule.methods or set()) - IMPLIED
    }
    assert {name for name, _ in operations(document)} == routes


def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_every_operation_says_whether_it_needs_a_key(
    document: dict[str, Any], service: Service
) -> None:
    for name, operation in operations(document):
        method, path = name.split(" ")
        status = (
            service.client().request(method, path.replace("{", "x").replace("}", "")).status_code
        )
        assert (status == 401) == bool(operation["security"]), name


def valid(document: dict[str, Any], schema: str, value: Any) -> None:
    root = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    OAS31Validator(root).validate(value)


def test_answers_are_as_described(document: dict[str, Any], api: Client) -> None:
    turn = api.chat("Hello").json()
    path = f"/sessions/{turn['session_id']}"
    valid(document, "Turn", turn)
    valid(document, "Session", api.get(path).json())
    valid(document, "SessionList", api.get("/sessions").json())
    valid(document, "Error", api.get("/sessions/s_x").json())


def test_an_answer_holds_nothing_that_is_not_described(
    document: dict[str, Any], api: Client
) -> None:
    schemas = document["components"]["schemas"]
    turn = api.chat("Hello").json()
    session = api.get(f"/sessions/{turn['session_id']}").json()
    assert turn.keys() <= schemas["Turn"]["properties"].keys()
    assert session.keys() <= schemas["Session"]["properties"].keys()


@pytest.mark.parametrize(
    ("body", "good"),
    [
        ({"message": "Hello", "model": "gpt-4o-mini", "stop": ["a"], "tools": None}, True),
        ({"message": "Hello", "temperature": 3}, False),
        ({"message": "Hello", "top_q": 1}, False),
        ({"message": ""}, False),
        ({"message": "Hello", "metadata": {"a": 1}}, False),
    ],
)
def test_the_document_and_the_service_agree_on_bodies(
    document: dict[str, Any], api: Client, body: dict[str, Any], good: bool
) -> None:
    root = {"$ref": "#/components/schemas/ChatRequest", "components": document["components"]}
    assert OAS31Validator(root).is_valid(body) == good
    assert api.post("/chat", json=body).ok == good


def test_the_document_holds_no_secret(
    document: dict[str, Any], redis_server: EmbeddedRedis
) -> None:
    text = str(document)
    assert CANARY not in text
    assert redis_server.url not in text
