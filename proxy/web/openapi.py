"""GET /openapi.json: the interface for machines, made from the schemas the service checks with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response
from pydantic.json_schema import models_json_schema

from proxy import __version__
from proxy.web import responses, schemas
from proxy.web.described import ANSWERS, EVENT, NEED_A_BODY, OPERATIONS, TEXT

if TYPE_CHECKING:
    from pydantic import BaseModel

    from proxy.web.operation import Operation

_STREAM = "text/event-stream"
_STREAMED = (schemas.ChatRequest, schemas.Options, "OpenAIRequest")
"""Bodies that may ask for a stream."""
_REF = "#/components/schemas/{model}"


def blueprint() -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("openapi", __name__)
    rendered = document()

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return responses.json(rendered)

    return routes


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    bodies = {each.body for each in OPERATIONS if each.body and not isinstance(each.body, str)}
    _, definitions = models_json_schema(
        [(body, "validation") for body in sorted(bodies, key=lambda body: body.__name__)],
        ref_template=_REF,
    )
    answers = {
        name: {"type": "object", "properties": properties} for name, properties in ANSWERS.items()
    }
    answers["OpenAIRequest"]["required"] = ["model"]
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "chat-proxy", "version": __version__, "license": {"name": "MIT"}},
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"] | answers,
            "securitySchemes": {
                name: {"type": "http", "scheme": "bearer"} for name in ("client_key", "admin_token")
            },
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    name = operation.path.strip("/").replace("/", "_").replace("{", "").replace("}", "")
    described: dict[str, Any] = {
        "operationId": f"{operation.method}_{name.replace('.', '_')}",
        "summary": operation.summary,
        "parameters": _parameters(operation),
        "responses": {
            str(operation.status): _answer(operation),
            "default": {
                "description": "An error, in OpenAI's shape",
                "content": _content("Error"),
            },
        },
        "security": [] if operation.open else [{operation.opened_by: []}],
    }
    if operation.body:
        named = isinstance(operation.body, str)
        content = _content(_name(operation.body))
        if operation.path == "/chat":
            content["text/plain"] = {"schema": TEXT | {"minLength": 1, "pattern": r"\S"}}
        needed = named or operation.path in NEED_A_BODY
        described["requestBody"] = {"required": needed, "content": content}
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    query = [
        {"name": name, "in": "query", "schema": schema}
        for name, schema in (operation.query or {}).items()
    ]
    path = [
        {"name": name, "in": "path", "required": True, "schema": TEXT}
        for name in ("session_id", "turn_id", "model", "key_id", "team_id")
        if f"{{{name}}}" in operation.path
    ]
    return [*path, *query]


def _answer(operation: Operation) -> dict[str, Any]:
    if operation.answer is None:
        return {"description": "Done"}
    if "/" in operation.answer:
        schema = EVENT if operation.answer == _STREAM else TEXT
        return {"description": operation.summary, "content": {operation.answer: {"schema": schema}}}
    content = _content(operation.answer)
    if operation.answer == "Turn":
        content["text/plain"] = {"schema": TEXT}
    if operation.body in _STREAMED:
        content[_STREAM] = {"schema": EVENT}
    if operation.path.endswith("/export"):
        content["text/markdown"] = {"schema": TEXT}
    return {"description": operation.summary, "content": content}


def _name(body: type[BaseModel] | str) -> str:
    return body if isinstance(body, str) else body.__name__


def _content(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(model=schema)}}}
