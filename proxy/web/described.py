"""The interface of callers as GET /openapi.json describes it."""

from __future__ import annotations

from typing import Any

from proxy.web import schemas
from proxy.web.admin import described as admin
from proxy.web.operation import Operation

NEED_A_BODY = frozenset({"/chat", "/tokens", *admin.NEED_A_BODY})
TEXT = {"type": "string"}
_CURSOR = {"type": "string", "pattern": r"^([0-9]{1,16}\.s_[A-Za-z0-9_-]{22})?$"}


def _up_to(most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": most}


OPERATIONS = (
    Operation("post", "/chat", "Answer a message", schemas.ChatRequest, answer="Turn"),
    *(
        Operation(method, prefix + path, summary, body, answer="OpenAI")
        for prefix in ("/v1", "")
        for method, path, summary, body in (
            ("post", "/chat/completions", "OpenAI's chat completions", "OpenAIRequest"),
            ("post", "/embeddings", "OpenAI's embeddings", "OpenAIRequest"),
            ("post", "/responses", "OpenAI's responses", "OpenAIRequest"),
            ("get", "/models", "The models the caller may use", None),
            ("get", "/models/{model}", "One of them", None),
        )
    ),
    Operation(
        "get",
        "/chat/turns/{turn_id}/events",
        "A streamed turn's events, again or from where they were left",
        answer="text/event-stream",
        query={"after": {"type": "string", "pattern": "^[0-9]{0,15}$"}},
    ),
    Operation("post", "/chat/turns/{turn_id}/cancel", "Stop a streamed turn", answer="Status"),
    Operation(
        "post", "/sessions", "Begin a session", schemas.SessionSettings, 201, answer="Session"
    ),
    Operation(
        "get",
        "/sessions",
        "List sessions",
        answer="SessionList",
        query={"limit": _up_to(100), "cursor": _CURSOR, "q": {"type": "string"}},
    ),
    Operation(
        "get",
        "/sessions/{session_id}",
        "Read a session",
        answer="Session",
        query={"limit": _up_to(1000)},
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
        query={"format": {"enum": ["json", "markdown"]}},
    ),
    Operation("post", "/tokens", "Mint a browser token", schemas.TokenRequest, 201, answer="Token"),
    *admin.OPERATIONS,
    Operation("get", "/livez", "Whether the process lives", answer="Status", open=True),
    Operation("get", "/readyz", "Whether it can serve", answer="Status", open=True),
    Operation("get", "/metrics", "Its figures, for Prometheus", answer="text/plain", open=True),
    Operation("get", "/openapi.json", "This document", answer="Document", open=True),
)

_WHOLE = {"type": "integer"}
_SESSION = {
    "id": TEXT,
    "session_id": TEXT,
    "object": {"const": "session"},
    "title": TEXT,
    "ttl": _WHOLE,
    "created_at": _WHOLE,
    "updated_at": _WHOLE,
    "expires_at": _WHOLE,
    "turn_count": _WHOLE,
}
_TURN = {
    "session_id": TEXT,
    "turn_id": TEXT,
    "reply": TEXT,
    "tool_calls": {"type": "array", "items": {"type": "object"}},
    "model": TEXT,
    "finish_reason": TEXT,
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
EVENT = {"type": "object", "properties": dict.fromkeys(("id", "event", "data"), TEXT)}
"""Each of a stream's."""
ANSWERS: dict[str, dict[str, Any]] = {
    "Turn": _TURN,
    "Session": _SESSION
    | {
        "system": TEXT,
        "persona": TEXT,
        "model": {"type": ["string", "null"]},
        "parameters": {"type": "object"},
        "turns": {"type": "array", "items": {"$ref": "#/components/schemas/Turn"}},
    },
    "SessionList": {
        "object": {"const": "list"},
        "data": {"type": "array", "items": {"type": "object", "properties": _SESSION}},
        "next_cursor": {"type": ["string", "null"]},
    },
    "Token": {
        "object": {"const": "token"},
        "token": TEXT,
        "user": TEXT,
        "expires_at": _WHOLE,
        "ttl": _WHOLE,
        "origin": {"type": ["string", "null"]},
    },
    **admin.ANSWERS,
    "Status": {"status": TEXT, "redis": TEXT},
    "Document": {},
    "OpenAI": {},
    "OpenAIRequest": {"model": {"type": "string", "minLength": 1}},
    "Error": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": TEXT,
                "type": TEXT,
                "param": {"type": ["string", "null"]},
                "code": TEXT,
            },
        }
    },
}
