"""OpenAI's own interface, with and without /v1: an SDK needs only base_url and a client key."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
from flask import Blueprint, Response, g, request

from proxy.allowance import Allowance
from proxy.cancellation import Cancellation
from proxy.domain.conversation import text_of
from proxy.domain.plan import INSTRUCTING
from proxy.domain.request import RelayRequest, TurnRequest
from proxy.errors import InvalidRequest, UpstreamBroken, UpstreamRefused
from proxy.producer import CompletionChunks
from proxy.store.idempotency import AlreadyAsked
from proxy.upstream.client import CHAT
from proxy.upstream.tally import ChatTally, ResponsesTally, choices
from proxy.web import body, openai_events, responses, schemas, streams, waiting
from proxy.web.messages import Conversation
from proxy.web.repeats import REPLAYED, Repeats, claim_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.chat import Chat
    from proxy.domain.request import Caller, Claim
    from proxy.limiter import Limiter
    from proxy.relay import Relay
    from proxy.settings import Settings
    from proxy.store.connection import Store
    from proxy.store.live import LiveTurn
    from proxy.store.reader import Reader
    from proxy.upstream.sse import Event
    from proxy.upstream.tally import Tally
    from proxy.web.auth import Authenticator


class OpenAIViews:
    """The views of OpenAI's interface."""

    def __init__(
        self,
        settings: Settings,
        authenticator: Authenticator,
        limiter: Limiter,
        chat: Chat,
        relay: Relay,
        reader: Reader,
        store: Store,
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._limiter = limiter
        self._chat = chat
        self._relay = relay
        self._reader = reader
        self._repeats = Repeats(store, reader, settings)

    def blueprint(self) -> Blueprint:
        """The routes of this module."""
        routes = Blueprint("openai", __name__)
        for prefix in ("/v1", ""):
            routes.post(f"{prefix}/chat/completions")(self.completions)
            routes.post(f"{prefix}/embeddings")(self.embeddings)
            routes.post(f"{prefix}/responses")(self.responses)
            routes.get(f"{prefix}/models")(self.models)
            routes.get(f"{prefix}/models/<path:model>")(self.model)
        return routes

    def completions(self) -> Response:
        """POST /v1/chat/completions; with X-Session-ID a turn of that session."""
        caller, raw, fields = self._asked()
        claim = claim_of(caller, raw)
        session_id = request.headers.get("X-Session-ID")
        stream = fields.get("stream") is True
        if session_id:
            turn = replace(_turn_request(session_id, fields, claim), wait_s=self._wait_s())
            return self._once(claim, lambda: self._turn(caller, turn, stream=stream), stream=stream)
        asked = RelayRequest(CHAT, fields, claim=claim, wait_s=self._wait_s())
        if stream:
            return self._once(claim, lambda: self._chunks(caller, asked), stream=stream)
        return self._once(claim, lambda: self._whole(caller, asked), stream=stream)

    def embeddings(self) -> Response:
        """POST /v1/embeddings."""
        caller, _, fields = self._asked()
        asked = RelayRequest("/embeddings", fields, answers=False, wait_s=self._wait_s())
        return self._whole(caller, asked)

    def responses(self) -> Response:
        """POST /v1/responses."""
        caller, _, fields = self._asked()
        asked = RelayRequest("/responses", fields, wait_s=self._wait_s())
        if fields.get("stream") is not True:
            return self._whole(caller, asked)
        return self._relayed(caller, asked, ResponsesTally(), openai_events.named)

    def models(self) -> Response:
        """GET /v1/models: those that the caller may use."""
        return _json(orjson.dumps({"object": "list", "data": self._models()}))

    def model(self, model: str) -> Response:
        """GET /v1/models/{model}."""
        for known in self._models():
            if known.get("id") == model:
                return responses.json(known)
        message = f"The model {model[:100]!r} does not exist, or you may not use it."
        raise UpstreamRefused(404, message, code="model_not_found", param="model")

    def _models(self) -> list[dict[str, Any]]:
        caller = self._caller()
        try:
            listed = orjson.loads(self._relay.models())["data"]
            return [m for m in listed if m["id"] in caller.models or not caller.models]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise UpstreamBroken("ChatGPT's list of models cannot be understood.") from None

    def _caller(self) -> Caller:
        caller = self._authenticator.caller(request.headers, stateless=True)
        g.key_id = caller.key_id
        return caller

    def _asked(self) -> tuple[Caller, bytes, dict[str, Any]]:
        caller = self._caller()
        g.allowance = Allowance(self._limiter, caller)
        raw = body.read(self._settings, self._settings.v1_body_max_bytes)
        fields = body.as_json(raw, self._settings)
        model = fields.get("model")
        if not isinstance(model, str) or not model:
            raise InvalidRequest("'model' should name a model.", param="model")
        return caller, raw, fields

    def _wait_s(self) -> float:
        return waiting.asked(self._settings)

    def _whole(self, caller: Caller, asked: RelayRequest) -> Response:
        """ChatGPT's answer; who goes away ends it, unless a repeat may still ask for it."""
        cancellation = Cancellation()
        if asked.claim:
            caller_waits = waiting.watched(cancellation, asked.wait_s)
        else:
            caller_waits = streams.watched(cancellation.ask)
        with caller_waits:
            return _json(self._relay.whole(caller, asked, g.allowance, cancellation))

    def _turn(self, caller: Caller, turn: TurnRequest, *, stream: bool) -> Response:
        cancellation = Cancellation()
        if not stream:
            with waiting.watched(cancellation, turn.wait_s):
                answered = self._chat.turn(caller, turn, g.allowance, cancellation)
            headers = {"X-Session-ID": answered.session_id, "X-Turn-ID": answered.turn.id}
            return _json(answered.body, headers)
        form = CompletionChunks(usage=_wants_usage(turn.completion or {}))
        live = self._chat.stream(caller, turn, g.allowance, form, cancellation)
        return self._followed(live)

    def _chunks(self, caller: Caller, asked: RelayRequest) -> Response:
        tally = ChatTally(usage=_wants_usage(asked.body), choices=choices(asked.body))
        if asked.claim:
            return self._followed(self._relay.follow(caller, asked, g.allowance, tally))
        return self._relayed(caller, asked, tally, openai_events.unnamed)

    def _relayed(
        self, caller: Caller, asked: RelayRequest, tally: Tally, write: Callable[[Event], bytes]
    ) -> Response:
        """Events straight from ChatGPT; it stops when the caller goes away."""
        cancellation = Cancellation()
        with ExitStack() as held:
            watcher = streams.when_gone(cancellation.ask)
            held.callback(watcher.kill, block=False)
            events = self._relay.stream(caller, asked, g.allowance, tally, cancellation)
            held.pop_all()
        written = openai_events.written(events, write, watcher, done=asked.path == CHAT)
        return streams.of_events(written)

    def _followed(self, live: LiveTurn) -> Response:
        """Events of a turn that goes on without its caller."""
        headers = {"X-Turn-ID": live.turn_id}
        if live.session_id:
            headers["X-Session-ID"] = live.session_id
        chunks = openai_events.chunks_of(self._reader.follow_live(live))
        return streams.of_events(chunks, headers)

    def _once(
        self, claim: Claim | None, fresh: Callable[[], Response], *, stream: bool
    ) -> Response:
        """The answer of a request, or that of the earlier one with the same idempotency key."""
        while True:
            try:
                return fresh()
            except AlreadyAsked as already:
                earlier = already
            if claim is None:
                raise earlier
            headers = {"X-Turn-ID": earlier.turn_id} | REPLAYED
            if stream:
                events = self._repeats.events(claim, earlier, openai_events.made_up)
                if events is not None:
                    chunks = openai_events.chunks_of(events)
                    return streams.of_events(chunks, headers)
                continue
            answer = self._repeats.answer(claim, earlier)
            if answer is not None:
                return _json(answer, headers)


def _turn_request(session_id: str, fields: dict[str, Any], claim: Claim | None) -> TurnRequest:
    schemas.validate(Conversation, {"messages": fields.get("messages")})
    messages = fields["messages"]
    if all(message["role"] in INSTRUCTING for message in messages):
        raise InvalidRequest("'messages' should hold a message to answer.", param="messages")
    instructions = [text_of(m) for m in messages if m["role"] in INSTRUCTING]
    return TurnRequest(
        session_id=session_id,
        system="\n\n".join(instructions) or None,
        model=fields["model"],
        claim=claim,
        completion=fields,
    )


def _wants_usage(fields: dict[str, Any]) -> bool:
    options = fields.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _json(raw: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(raw, headers=headers, mimetype="application/json")
