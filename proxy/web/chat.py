"""POST /chat, and the same for the newest turn of a session: JSON or plain text in and out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
from flask import Blueprint, Response, g, request

from proxy.allowance import Allowance
from proxy.cancellation import Cancellation
from proxy.domain.request import TurnRequest
from proxy.errors import InvalidRequest
from proxy.producer import ChatEvents
from proxy.store.idempotency import AlreadyAsked
from proxy.store.turn_log import frame
from proxy.web import body, responses, schemas, streams, waiting
from proxy.web.repeats import REPLAYED, Repeats, claim_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import gevent

    from proxy.chat import Chat
    from proxy.domain.request import Caller, Claim
    from proxy.limiter import Limiter
    from proxy.settings import Settings
    from proxy.store.connection import Store
    from proxy.store.reader import Reader
    from proxy.web.auth import Authenticator


class ChatViews:
    """The views of turns."""

    def __init__(
        self,
        settings: Settings,
        authenticator: Authenticator,
        limiter: Limiter,
        chat: Chat,
        reader: Reader,
        store: Store,
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._limiter = limiter
        self._chat = chat
        self._reader = reader
        self._repeats = Repeats(store, reader, settings)

    def blueprint(self) -> Blueprint:
        """The routes of this module."""
        routes = Blueprint("chat", __name__)
        routes.post("/chat")(self.chat)
        routes.post("/sessions/<session_id>/regenerate")(self.regenerate)
        return routes

    def chat(self) -> Response:
        """POST /chat."""
        caller = self._admit()
        text = _is_text()
        raw = body.read(self._settings)
        fields = _from_text(raw) if text else _from_json(raw, self._settings)
        asked = _turn_request(fields, self._settings)
        wait_s = waiting.asked(self._settings, fields.wait)
        asked = replace(asked, claim=claim_of(caller, raw), wait_s=wait_s)
        return self._answer(caller, fields, asked)

    def regenerate(self, session_id: str) -> Response:
        """POST /sessions/{id}/regenerate."""
        caller = self._admit()
        raw = body.read(self._settings)
        fields = body.as_json(raw, self._settings, optional=True)
        options = schemas.validate(schemas.Options, fields)
        claim = claim_of(caller, raw)
        wait_s = waiting.asked(self._settings, options.wait)
        asked = _request(options, session_id=session_id, anew=True, claim=claim, wait_s=wait_s)
        return self._answer(caller, options, asked)

    def _admit(self) -> Caller:
        caller = self._authenticator.caller(request.headers)
        g.key_id = caller.key_id
        g.allowance = Allowance(self._limiter, caller)
        return caller

    def _answer(self, caller: Caller, options: schemas.Options, asked: TurnRequest) -> Response:
        while True:
            try:
                return self._fresh(caller, options, asked)
            except AlreadyAsked as already:
                earlier = already
            if asked.claim is None:
                raise earlier
            repeated = self._repeat(asked.claim, earlier, stream=options.stream)
            if repeated is not None:
                return repeated

    def _repeat(self, claim: Claim, earlier: AlreadyAsked, *, stream: bool) -> Response | None:
        if stream:
            headers = {"X-Turn-ID": earlier.turn_id} | REPLAYED
            events = self._repeats.events(claim, earlier, _made_up)
            return streams.of_events(events, headers) if events else None
        answer = self._repeats.answer(claim, earlier)
        return responses.replayed(answer, REPLAYED) if answer else None

    def _fresh(self, caller: Caller, options: schemas.Options, asked: TurnRequest) -> Response:
        cancellation = Cancellation()
        if not options.stream and options.on_disconnect == "finish":
            with waiting.watched(cancellation, asked.wait_s):
                answered = self._chat.turn(caller, asked, g.allowance, cancellation)
            return responses.answered(answered)
        with waiting.watched(cancellation, asked.wait_s):
            live = self._chat.stream(caller, asked, g.allowance, ChatEvents(), cancellation)
        watcher = None
        if options.on_disconnect == "cancel":
            watcher = streams.when_gone(cancellation.ask)
        elif asked.wait_s:
            watcher = streams.when_gone(cancellation.leave)
        events = _watched(self._reader.follow_live(live), watcher)
        if options.stream:
            return streams.of_turn(live, events)
        for _ in events:
            pass
        if live.failure:
            raise live.failure
        return responses.finished(live)


def _watched(events: Iterator[bytes], watcher: gevent.Greenlet | None) -> Iterator[bytes]:
    try:
        yield from events
    finally:
        if watcher is not None:
            watcher.kill(block=False)


def _made_up(answer: bytes) -> Iterator[bytes]:
    """The events of a turn whose log is gone, from its reply."""
    reply = orjson.loads(answer)
    start = {name: reply[name] for name in ("session_id", "turn_id", "model")}
    yield frame(1, "start", orjson.dumps(start))
    yield frame(2, "delta", orjson.dumps({"text": reply["reply"]}))
    yield frame(3, "done", answer)


def _turn_request(asked: schemas.ChatRequest, settings: Settings) -> TurnRequest:
    if not asked.tool_results and not (asked.message and asked.message.strip()):
        raise InvalidRequest("'message' is missing: send the user's text.", param="message")
    if asked.message and len(asked.message) > settings.message_max_chars:
        raise InvalidRequest(
            f"'message' has {len(asked.message)} characters, more than the "
            f"{settings.message_max_chars} that are taken.",
            param="message",
        )
    results = [{"role": "tool", **result.model_dump()} for result in asked.tool_results]
    return _request(
        asked, session_id=_session_id(asked), message=asked.message, tool_results=results
    )


def _request(options: schemas.Options, **more: Any) -> TurnRequest:
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


def _from_json(raw: bytes, settings: Settings) -> schemas.ChatRequest:
    for name in request.args:
        if name != "session":
            raise InvalidRequest(
                f"'{name}' in the query goes with a text/plain body: put it into the JSON body.",
                param=name,
            )
    return schemas.validate(schemas.ChatRequest, body.as_json(raw, settings))


def _from_text(raw: bytes) -> schemas.ChatRequest:
    try:
        message = raw.decode().rstrip("\r\n")
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
