"""GET /openapi.json: the interface for machines, made from the schemas the service checks with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response
from pydantic.json_schema import models_json_schema

from proxy import __version__
from proxy.web import refusals, responses, samples, schemas
from proxy.web.answers import ANSWERS, EVENT
from proxy.web.operation import TEXT, named
from proxy.web.routes import NEED_A_BODY, OPENAI_REQUEST, OPERATIONS

if TYPE_CHECKING:
    from pydantic import BaseModel

    from proxy.web.operation import Operation, Parameter

_STREAM = "text/event-stream"
_STREAMED = (schemas.ChatRequest, schemas.Options, "OpenAIRequest")
"""Bodies that may ask for a stream."""


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
        ref_template=named("{model}")["$ref"],
    )
    answers = {
        name: {"type": "object", "properties": properties} for name, properties in ANSWERS.items()
    }
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "chat-proxy", "version": __version__, "license": {"name": "MIT"}},
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"] | answers | {"OpenAIRequest": OPENAI_REQUEST},
            "securitySchemes": {
                name: {"type": "http", "scheme": "bearer"} for name in ("client_key", "admin_token")
            },
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _name(operation),
        "tags": [operation.group],
        "summary": operation.summary,
        "parameters": [
            *(_parameter(one, "path") for one in operation.in_path),
            *(_parameter(one, "query") for one in operation.query),
        ],
        "responses": {
            str(operation.status): _answer(operation),
            **_refusals(operation),
            "default": _error("An error, in OpenAI's shape"),
        },
        "security": [] if operation.open else [{operation.opened_by: []}],
        "x-codeSamples": [{"lang": "Shell", "label": "curl", "source": samples.curl(operation)}],
    }
    if operation.body:
        by_name = isinstance(operation.body, str)
        content = _content(_schema(operation.body))
        content["application/json"]["example"] = operation.example
        if operation.path == "/chat":
            content["text/plain"] = {"schema": TEXT | {"minLength": 1, "pattern": r"\S"}}
        needed = by_name or operation.path in NEED_A_BODY
        described["requestBody"] = {"required": needed, "content": content}
    return described


def _name(operation: Operation) -> str:
    words = operation.path.strip("/").replace("/", "_").replace("{", "").replace("}", "")
    return f"{operation.method}_{words.replace('.', '_') or 'page'}"


def _parameter(parameter: Parameter, place: str) -> dict[str, Any]:
    schema = dict(parameter.schema)
    return {
        "name": parameter.name,
        "in": place,
        "required": place == "path",
        "description": parameter.description,
        "schema": {"type": "array", "items": schema} if parameter.many else schema,
    }


def _refusals(operation: Operation) -> dict[str, Any]:
    said: dict[str, list[str]] = {}
    for error in refusals.of(operation):
        said.setdefault(str(int(error.status)), []).append(
            f"`{error.code}`: {refusals.meaning(error)}"
        )
    return {status: _error("\n".join(dict.fromkeys(lines))) for status, lines in said.items()}


def _error(description: str) -> dict[str, Any]:
    return {"description": description, "content": _content("Error")}


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


def _schema(body: type[BaseModel] | str) -> str:
    return body if isinstance(body, str) else body.__name__


def _content(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": named(schema)}}
