"""What goes out: JSON by orjson, or plain text where the caller asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from flask import Response, request

from proxy.domain.conversation import called

if TYPE_CHECKING:
    from proxy.commits import Answered
    from proxy.domain.conversation import Session, Turn
    from proxy.store.live import LiveTurn


def json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(value), status, headers, mimetype="application/json")


def nothing() -> Response:
    """An answer without a body: done."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def text(value: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A plain text answer that ends with a newline."""
    ended = value if value.endswith("\n") else value + "\n"
    return Response(ended, status, headers, mimetype="text/plain")


def wants_text() -> bool:
    """Whether the caller would rather have text than JSON."""
    if "text/plain" not in request.headers.get("Accept", ""):
        return False
    offered = ["application/json", "text/plain"]
    return request.accept_mimetypes.best_match(offered) == "text/plain"


def answered(answer: Answered) -> Response:
    """The answer of a turn, in the form the caller asks for."""
    headers = {"X-Session-ID": answer.session_id, "X-Turn-ID": answer.turn.id}
    if answer.dropped:
        headers["X-Dropped-Params"] = ", ".join(answer.dropped)
    if wants_text():
        return text(answer.turn.reply, headers=headers)
    return Response(answer.body, headers=headers, mimetype="application/json")


def replayed(answer: bytes, headers: dict[str, str]) -> Response:
    """A reply of POST /chat again, for a repeat of its request."""
    reply = orjson.loads(answer)
    headers = {"X-Session-ID": reply["session_id"], "X-Turn-ID": reply["turn_id"]} | headers
    if wants_text():
        return text(reply["reply"], headers=headers)
    return Response(answer, headers=headers, mimetype="application/json")


def finished(live: LiveTurn) -> Response:
    """The answer of a turn that streamed and is done, in one piece."""
    headers = {"X-Session-ID": live.session_id, "X-Turn-ID": live.turn_id}
    if live.dropped:
        headers["X-Dropped-Params"] = ", ".join(live.dropped)
    if wants_text():
        return text(orjson.loads(live.result)["reply"], headers=headers)
    return Response(live.result, headers=headers, mimetype="application/json")


def listed_session(session: Session) -> dict[str, Any]:
    """A session as a list shows it; times are seconds since 1970."""
    changed = session.updated_at // 1000
    return {
        "id": session.id,
        "session_id": session.id,
        "object": "session",
        "title": session.title,
        "ttl": session.ttl,
        "created_at": session.created_at // 1000,
        "updated_at": changed,
        "expires_at": changed + session.ttl,
        "turn_count": session.turn_count,
    }


def session_object(session: Session) -> dict[str, Any]:
    """A session with its settings."""
    return listed_session(session) | {
        "system": session.system,
        "persona": session.persona,
        "model": session.model,
        "parameters": session.parameters,
    }


def stored_turn(turn: Turn) -> dict[str, Any]:
    """A turn with its question."""
    message = next((said["content"] for said in turn.question if said["role"] == "user"), None)
    results = [
        {"tool_call_id": said["tool_call_id"], "content": said["content"]}
        for said in turn.question
        if said["role"] == "tool"
    ]
    shown: dict[str, Any] = {"created_at": turn.created_at // 1000, "message": message}
    if results:
        shown["tool_results"] = results
    return shown | turn.as_json()


def markdown(session: Session, turns: list[Turn]) -> str:
    """A conversation as a Markdown document."""
    parts = [f"# {session.title or 'Conversation'}"]
    instructions = [text for text in (session.persona, session.system) if text]
    if instructions:
        parts.append("> " + "\n\n".join(instructions).replace("\n", "\n> "))
    for turn in turns:
        for said in turn.question:
            speaker = "You" if said["role"] == "user" else f"Tool result {said['tool_call_id']}"
            parts.append(f"## {speaker}\n\n{said['content']}")
        parts.append(f"## {turn.model}\n\n{turn.reply}".rstrip())
        for call in turn.tool_calls:
            name, arguments = called(call)
            parts.append(f"```\n{name}({arguments})\n```")
    return "\n\n".join(parts) + "\n"
