"""POST /chat, and the same for the newest turn of a session: JSON or plain text in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, g, request

from proxy.domain.request import TurnRequest
from proxy.errors import InvalidRequest
from proxy.web import body, responses, schemas

if TYPE_CHECKING:
    from proxy.chat import Chat
    from proxy.domain.request import Caller
    from proxy.limiter import Limiter
    from proxy.settings import Settings
    from proxy.web.auth import Authenticator

_LATER = ("Idempotency-Key", "Prefer")


def blueprint(
    settings: Settings, authenticator: Authenticator, limiter: Limiter, chat: Chat
) -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("chat", __name__)

    @routes.post("/chat")
    def chat_turn() -> Response:
        caller = _admit(authenticator, limiter)
        asked = _chat_request(settings)
        return responses.answered(chat.turn(caller, asked, g.allowance))

    @routes.post("/sessions/<session_id>/regenerate")
    def regenerate(session_id: str) -> Response:
        caller = _admit(authenticator, limiter)
        fields = body.read_json(settings, optional=True)
        options = schemas.validate(schemas.Options, fields)
        asked = _turn_request(options, session_id=session_id, anew=True)
        return responses.answered(chat.turn(caller, asked, g.allowance))

    return routes


def _admit(authenticator: Authenticator, limiter: Limiter) -> Caller:
    caller = authenticator.caller(request.headers.get("Authorization", ""))
    g.key_id = caller.key_id
    g.allowance = limiter.allowance(caller)
    for name in _LATER:
        value = request.headers.get(name, "")
        if value and (name != "Prefer" or "wait" in value):
            raise InvalidRequest(f"The header {name} is not supported: leave it out.", param=name)
    return caller


def _chat_request(settings: Settings) -> TurnRequest:
    asked = _from_text(settings) if _is_text() else _from_json(settings)
    if not asked.tool_results and not (asked.message and asked.message.strip()):
        raise InvalidRequest("'message' is missing: send the user's text.", param="message")
    if asked.message and len(asked.message) > settings.message_max_chars:
        raise InvalidRequest(
            f"'message' has {len(asked.message)} characters, more than the "
            f"{settings.message_max_chars} that are taken.",
            param="message",
        )
    results = [{"role": "tool", **result.model_dump()} for result in asked.tool_results]
    return _turn_request(
        asked, session_id=_session_id(asked), message=asked.message, tool_results=results
    )


def _turn_request(options: schemas.Options, **more: Any) -> TurnRequest:
    return TurnRequest(
        system=options.system,
        persona=options.persona,
        model=options.model,
        parameters=options.given(),
        drop_params=options.drop_params,
        **more,
    )


def _is_text() -> bool:
    """A body is text when it says so, or says what curl says of any body and text is wanted."""
    if request.mimetype == "text/plain":
        return True
    undeclared = request.mimetype in {"", "application/x-www-form-urlencoded"}
    return undeclared and responses.wants_text()


def _from_json(settings: Settings) -> schemas.ChatRequest:
    for name in request.args:
        if name != "session":
            raise InvalidRequest(
                f"'{name}' in the query goes with a text/plain body: put it into the JSON body.",
                param=name,
            )
    return schemas.validate(schemas.ChatRequest, body.read_json(settings))


def _from_text(settings: Settings) -> schemas.ChatRequest:
    try:
        message = body.read(settings).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidRequest("The message is not UTF-8.", param="message") from None
    options = {name: _only(name) for name in request.args if name != "session"}
    if "message" in options or "session_id" in options:
        raise InvalidRequest("The body is the message, and the session is ?session=.")
    return schemas.validate_query(schemas.ChatRequest, options | {"message": message})


def _session_id(asked: schemas.ChatRequest) -> str | None:
    """The session from the body, the header or the query; they must agree."""
    given = [request.headers.get("X-Session-ID") or None, _only("session") or None]
    named = {name for name in (asked.session_id, *given) if name is not None}
    if len(named) > 1:
        raise InvalidRequest(
            "session_id, X-Session-ID and ?session= name different sessions: send one of them.",
            param="session_id",
        )
    return named.pop() if named else None


def _only(name: str) -> str:
    values = request.args.getlist(name)
    if len(values) > 1:
        raise InvalidRequest(f"'{name}' is in the query twice.", param=name)
    return values[0] if values else ""
