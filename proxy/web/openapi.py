"""GET /openapi.json: the interface for machines, made from the schemas the service checks with."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response
from pydantic.json_schema import models_json_schema

from proxy import __version__
from proxy.web import responses, schemas
from proxy.web.admin import described
from proxy.web.operation import Operation

_REF = "#/components/schemas/{model}"


OPERATIONS = (
    Operation("post", "/chat", "Answer a message", schemas.ChatRequest, answer="Turn"),
    *(
        Operation(method, prefix + path, summary, answer="OpenAI")
        for prefix in ("/v1", "")
        for method, path, summary in (
            ("post", "/chat/completions", "OpenAI's chat completions"),
            ("post", "/embeddings", "OpenAI's embeddings"),
            ("post", "/responses", "OpenAI's responses"),
            ("get", "/models", "The models the caller may use"),
            ("get", "/models/{model}", "One of them"),
        )
    ),
    Operation(
        "get",
        "/chat/turns/{turn_id}/events",
        "A streamed turn's events, again or from where they were left",
        answer="text/event-stream",
        query=("after",),
    ),
    Operation("post", "/chat/turns/{turn_id}/cancel", "Stop a streamed turn", answer="Status"),
    Operation(
        "post", "/sessions", "Begin a session", schemas.SessionSettings, 201, answer="Session"
    ),
    Operation(
        "get", "/sessions", "List sessions", answer="SessionList", query=("limit", "cursor", "q")
    ),
    Operation(
        "get", "/sessions/{session_id}", "Read a session", answer="Session", query=("limit",)
    ),
    Operation(
        "patch",
        "/sessions/{session_id}",
        "Change a session",
        schemas.SessionSettings,
        answer="Session",
    ),
    Operation("delete", "/sessions/{session_id}", "Delete a session", status=204),
    Operation(
        "post",
        "/sessions/{session_id}/fork",
        "Copy a session up to a turn",
        schemas.ForkRequest,
        201,
        answer="Session",
    ),
    Operation("post", "/sessions/{session_id}/undo", "Take the newest turn back", answer="Session"),
    Operation(
        "post",
        "/sessions/{session_id}/regenerate",
        "Answer the newest turn anew",
        schemas.Options,
        answer="Turn",
    ),
    Operation(
        "get",
        "/sessions/{session_id}/export",
        "A session as a document",
        answer="Session",
        query=("format",),
    ),
    Operation("post", "/tokens", "Mint a browser token", schemas.TokenRequest, 201, answer="Token"),
    *described.OPERATIONS,
    Operation("get", "/livez", "Whether the process lives", answer="Status", open=True),
    Operation("get", "/readyz", "Whether it can serve", answer="Status", open=True),
    Operation("get", "/metrics", "Its figures, for Prometheus", answer="text/plain", open=True),
    Operation("get", "/openapi.json", "This document", answer="Document", open=True),
)

_NEED_A_BODY = {"/chat", "/tokens", *described.NEED_A_BODY}
_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_SESSION = {
    "id": _TEXT,
    "session_id": _TEXT,
    "object": {"const": "session"},
    "title": _TEXT,
    "ttl": _WHOLE,
    "created_at": _WHOLE,
    "updated_at": _WHOLE,
    "expires_at": _WHOLE,
    "turn_count": _WHOLE,
}
_TURN = {
    "session_id": _TEXT,
    "turn_id": _TEXT,
    "reply": _TEXT,
    "tool_calls": {"type": "array", "items": {"type": "object"}},
    "model": _TEXT,
    "finish_reason": _TEXT,
    "usage": {
        "type": "object",
        "properties": dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), _WHOLE),
    },
    "cost_usd": {"type": ["number", "null"]},
    "context": {
        "type": "object",
        "properties": {"turns_sent": _WHOLE, "turns_left_out": _WHOLE},
    },
}
_ANSWERS: dict[str, dict[str, Any]] = {
    "Turn": _TURN,
    "Session": _SESSION
    | {
        "system": _TEXT,
        "persona": _TEXT,
        "model": {"type": ["string", "null"]},
        "parameters": {"type": "object"},
        "turns": {"type": "array", "items": {"$ref": _REF.format(model="Turn")}},
    },
    "SessionList": {
        "object": {"const": "list"},
        "data": {"type": "array", "items": {"type": "object", "properties": _SESSION}},
        "next_cursor": {"type": ["string", "null"]},
    },
    "Token": {
        "object": {"const": "token"},
        "token": _TEXT,
        "user": _TEXT,
        "expires_at": _WHOLE,
        "ttl": _WHOLE,
        "origin": {"type": ["string", "null"]},
    },
    **described.ANSWERS,
    "Status": {"status": _TEXT, "redis": _TEXT},
    "Document": {},
    "OpenAI": {},
    "Error": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": _TEXT,
                "type": _TEXT,
                "param": {"type": ["string", "null"]},
                "code": _TEXT,
            },
        }
    },
}


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
    bodies = {operation.body for operation in OPERATIONS if operation.body}
    _, definitions = models_json_schema(
        [(body, "validation") for body in sorted(bodies, key=lambda body: body.__name__)],
        ref_template=_REF,
    )
    answers = {
        name: {"type": "object", "properties": properties} for name, properties in _ANSWERS.items()
    }
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
        content = _content(operation.body.__name__)
        if operation.path == "/chat":
            content["text/plain"] = {"schema": _TEXT}
        described["requestBody"] = {"required": operation.path in _NEED_A_BODY, "content": content}
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    query = [{"name": name, "in": "query", "schema": _TEXT} for name in operation.query]
    path = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT}
        for name in ("session_id", "turn_id", "model", "key_id", "team_id")
        if f"{{{name}}}" in operation.path
    ]
    return [*path, *query]


def _answer(operation: Operation) -> dict[str, Any]:
    if operation.answer is None:
        return {"description": "Done"}
    if "/" in operation.answer:
        return {"description": operation.summary, "content": {operation.answer: {"schema": _TEXT}}}
    content = _content(operation.answer)
    if operation.answer == "Turn":
        content |= {"text/plain": {"schema": _TEXT}, "text/event-stream": {"schema": _TEXT}}
    if operation.path.endswith("/export"):
        content["text/markdown"] = {"schema": _TEXT}
    return {"description": operation.summary, "content": content}


def _content(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(model=schema)}}}
