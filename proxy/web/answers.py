"""What the routes answer, as GET /openapi.json describes it."""

from __future__ import annotations

from typing import Any

from proxy.web.admin import described
from proxy.web.operation import NUMBER, TEXT, TRUTH, WHOLE, items, listed, maybe, named, thing, told

_SECONDS = "seconds since 1970"
_SESSION = {
    "id": told(TEXT, "cannot be guessed"),
    "session_id": told(TEXT, "the same"),
    "object": {"const": "session"},
    "title": told(TEXT, "as it was set, or the beginning of the first message"),
    "ttl": told(WHOLE, "seconds that it is kept after its last change"),
    "created_at": told(WHOLE, _SECONDS),
    "updated_at": told(WHOLE, _SECONDS),
    "expires_at": told(WHOLE, _SECONDS),
    "turn_count": told(WHOLE, "how many turns it holds"),
}
_TURN = {
    "session_id": told(TEXT, "the session, to go on with"),
    "turn_id": told(TEXT, "the turn"),
    "reply": told(TEXT, "ChatGPT's text; empty if it only asks for tools"),
    "tool_calls": told(items({"type": "object"}), "only if there are any, as OpenAI has them"),
    "model": told(TEXT, "the model as ChatGPT names it"),
    "finish_reason": told(TEXT, "stop, length, tool_calls or content_filter"),
    "usage": told(
        thing(
            {
                "prompt_tokens": WHOLE,
                "completion_tokens": WHOLE,
                "total_tokens": WHOLE,
                "estimated": told(TRUTH, "there where ChatGPT reported nothing"),
            }
        ),
        "tokens as ChatGPT reported them",
    ),
    "cost_usd": told(maybe(NUMBER), "null for a model whose price is not known"),
    "context": thing(
        {
            "turns_sent": told(WHOLE, "earlier turns that ChatGPT was sent"),
            "turns_left_out": told(WHOLE, "older ones that did not fit"),
        }
    ),
}
_ERROR = {
    "error": {
        "type": "object",
        "required": ["message", "type", "param", "code"],
        "properties": {
            "message": told(TEXT, "one sentence for a person"),
            "type": told(TEXT, "OpenAI's coarse kind of error"),
            "param": told(maybe(TEXT), "the field that is at fault"),
            "code": told(TEXT, "the error's name"),
        },
    }
}


EVENT = thing(dict.fromkeys(("id", "event", "data"), TEXT))
"""Each of a stream's."""
ANSWERS: dict[str, dict[str, Any]] = {
    "Turn": _TURN,
    "Ending": {
        "turn_id": TEXT,
        "status": told(TEXT, "cancelling, or how the turn ended: done, error or cancelled"),
    },
    "Session": _SESSION
    | {
        "system": told(TEXT, "its instructions"),
        "persona": told(TEXT, "the name of further ones"),
        "model": told(maybe(TEXT), "which model answers; null for the service's default"),
        "parameters": told({"type": "object"}, "what steers its answers"),
        "turns": told(items(named("Turn")), "oldest first, each with its message"),
    },
    "SessionList": listed(thing(_SESSION))
    | {"next_cursor": told(maybe(TEXT), "for the next page; null at the end")},
    "Token": {
        "object": {"const": "token"},
        "token": told(TEXT, "works wherever a client key does"),
        "user": TEXT,
        "expires_at": told(WHOLE, _SECONDS),
        "ttl": told(WHOLE, "seconds"),
        "origin": told(maybe(TEXT), "the pages that may use it; null for all"),
    },
    "Html": {"html": told(items(TEXT), "of each text, in their order")},
    **described.ANSWERS,
    "Status": {
        "status": told(TEXT, "ok"),
        "redis": told(TEXT, "of readyz: ok, or what it lacks"),
    },
    "Document": {},
    "OpenAI": {},
    "Error": _ERROR,
}
