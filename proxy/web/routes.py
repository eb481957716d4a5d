"""Every route for callers as GET /openapi.json describes it; those of operators are admin's."""

from __future__ import annotations

from typing import Any

from proxy.errors import (
    Draining,
    InvalidMetricsToken,
    SessionBusy,
    StoreUnavailable,
    TurnInterrupted,
    TurnNotFound,
)
from proxy.web import schemas
from proxy.web.admin import described
from proxy.web.operation import TEXT, WHOLE, Operation, Parameter, thing

_HELLO = {"message": "Hello! My name is Ada."}
_OPENAI: tuple[tuple[str, str, str, dict[str, Any] | None], ...] = (
    (
        "post",
        "/chat/completions",
        "OpenAI's chat completions",
        {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hello!"}]},
    ),
    (
        "post",
        "/embeddings",
        "OpenAI's embeddings",
        {"model": "text-embedding-3-small", "input": "Hello!"},
    ),
    ("post", "/responses", "OpenAI's responses", {"model": "gpt-6-luna", "input": "Hello!"}),
    ("get", "/models", "The models the caller may use", None),
    ("get", "/models/{model}", "One of them", None),
)
OPENAI_REQUEST = thing({"model": {**TEXT, "minLength": 1}}) | {"required": ["model"]}
"""What OpenAI's own routes are asked with, as far as it is ours to check."""
_EVENT_ID = {**TEXT, "pattern": "^[0-9]{0,15}$"}
_CURSOR = {**TEXT, "pattern": r"^([0-9]{1,16}\.s_[A-Za-z0-9_-]{22})?$"}
_FORMAT = Parameter(
    "format", "json or markdown", "markdown", {"enum": ["json", "markdown"], "default": "json"}
)


def _most(default: int, most: int) -> dict[str, Any]:
    return {**WHOLE, "minimum": 1, "maximum": most, "default": default}


OPERATIONS = (
    Operation(
        "post",
        "/chat",
        "Answer a message",
        schemas.ChatRequest,
        answer="Turn",
        example=_HELLO,
        errors=(SessionBusy,),
    ),
    Operation(
        "get",
        "/chat/turns/{turn_id}/events",
        "A streamed turn's events, again or from where they were left",
        answer="text/event-stream",
        query=(Parameter("after", "the number of the last event that was seen", "0", _EVENT_ID),),
        errors=(TurnInterrupted,),
    ),
    Operation(
        "post", "/chat/turns/{turn_id}/cancel", "Stop a streamed turn", status=202, answer="Ending"
    ),
    *(
        Operation(
            method,
            prefix + path,
            summary,
            "OpenAIRequest" if example else None,
            answer="OpenAI",
            example=example,
        )
        for prefix in ("/v1", "")
        for method, path, summary, example in _OPENAI
    ),
    Operation(
        "post",
        "/sessions",
        "Begin a session",
        schemas.SessionSettings,
        201,
        "Session",
        example={"title": "Rivers", "system": "Answer in one sentence."},
    ),
    Operation(
        "get",
        "/sessions",
        "List sessions, the one that changed last first",
        answer="SessionList",
        query=(
            Parameter("limit", "how many at most", "20", _most(20, 100)),
            Parameter("cursor", "the next_cursor of the page before", None, _CURSOR),
            Parameter("q", "what the title must hold"),
        ),
    ),
    Operation(
        "get",
        "/sessions/{session_id}",
        "Read a session and its turns",
        answer="Session",
        query=(Parameter("limit", "how many of the newest turns", None, _most(100, 1000)),),
    ),
    Operation(
        "patch",
        "/sessions/{session_id}",
        "Change a session",
        schemas.SessionSettings,
        answer="Session",
        example={"title": "Rivers and lakes"},
        errors=(SessionBusy,),
    ),
    Operation(
        "delete", "/sessions/{session_id}", "Delete a session", status=204, errors=(SessionBusy,)
    ),
    Operation(
        "post",
        "/sessions/{session_id}/fork",
        "Copy a session up to a turn",
        schemas.ForkRequest,
        201,
        "Session",
        example={"turn": 1},
        errors=(TurnNotFound,),
    ),
    Operation(
        "post",
        "/sessions/{session_id}/undo",
        "Take the newest turn back",
        answer="Session",
        errors=(SessionBusy, TurnNotFound),
    ),
    Operation(
        "post",
        "/sessions/{session_id}/regenerate",
        "Answer the newest turn anew",
        schemas.Options,
        answer="Turn",
        example={"model": "gpt-5.4-mini", "temperature": 1.2},
        errors=(SessionBusy, TurnNotFound),
    ),
    Operation(
        "get",
        "/sessions/{session_id}/export",
        "A session as a document",
        answer="Session",
        query=(_FORMAT,),
    ),
    Operation(
        "post",
        "/tokens",
        "Mint a browser token",
        schemas.TokenRequest,
        201,
        "Token",
        example={"user": "ada", "ttl": 900},
    ),
    Operation(
        "post",
        "/markdown",
        "Markdown as HTML that is safe to show",
        schemas.MarkdownRequest,
        answer="Html",
        example={"texts": ["**Bold** and `code`"]},
    ),
    *described.OPERATIONS,
    Operation("get", "/livez", "Whether the process lives", answer="Status", open=True),
    Operation(
        "get",
        "/readyz",
        "Whether it can serve",
        answer="Status",
        open=True,
        errors=(StoreUnavailable, Draining),
    ),
    Operation(
        "get",
        "/metrics",
        "Its figures, for Prometheus",
        answer="text/plain",
        open=True,
        errors=(InvalidMetricsToken,),
    ),
    Operation("get", "/openapi.json", "This document", answer="Document", open=True),
    Operation("get", "/", "The chat page", answer="text/html", open=True),
    Operation("get", "/docs", "The same as a page", answer="text/html", open=True),
    Operation("get", "/admin", "The dashboard, a page", answer="text/html", open=True),
)
NEED_A_BODY = frozenset({"/chat", "/tokens", "/markdown", *described.NEED_A_BODY})
