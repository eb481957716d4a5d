"""Turns that stream: their events again from any worker, and a way to stop them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, g, request

from proxy.domain.identifiers import is_turn_id
from proxy.errors import InvalidRequest, TurnNotFound
from proxy.store import turn_log
from proxy.web import responses, streams

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from proxy.store.keeper import Keeper
    from proxy.store.reader import Reader
    from proxy.web.auth import Authenticator


class TurnViews:
    """The views of turns that stream."""

    def __init__(
        self,
        authenticator: Authenticator,
        store: Store,
        keeper: Keeper,
        reader: Reader,
    ) -> None:
        self._authenticator = authenticator
        self._store = store
        self._keeper = keeper
        self._reader = reader

    def blueprint(self) -> Blueprint:
        """The routes of this module."""
        routes = Blueprint("turns", __name__)
        routes.get("/chat/turns/<turn_id>/events")(self.events)
        routes.post("/chat/turns/<turn_id>/cancel")(self.cancel)
        return routes

    def events(self, turn_id: str) -> Response:
        """GET /chat/turns/{id}/events."""
        owner = self._owner()
        events = self._reader.follow(_checked(turn_id), owner, _after())
        return streams.of_events(events, {"X-Turn-ID": turn_id})

    def cancel(self, turn_id: str) -> Response:
        """POST /chat/turns/{id}/cancel; the turn's producer may be in another worker."""
        owner = self._owner()
        status, session_id = self._store.run(turn_log.cancel(_checked(turn_id), owner))
        live = self._keeper.live(turn_id)
        if live is not None:
            live.cancel()
        told = "cancelling" if status == "running" else status
        headers = {"X-Session-ID": session_id, "X-Turn-ID": turn_id}
        return responses.json({"turn_id": turn_id, "status": told}, 202, headers)

    def _owner(self) -> str:
        caller = self._authenticator.caller(request.headers)
        g.key_id = caller.key_id
        return caller.owner


def _checked(turn_id: str) -> str:
    if not is_turn_id(turn_id):
        raise TurnNotFound(f"No turn {turn_id[:64]!r} streams here, or not yours.")
    return turn_id


def _after() -> int:
    """The event to go on after: Last-Event-ID, or ?after= for those who cannot set a header."""
    given = request.headers.get("Last-Event-ID") or request.args.get("after") or "0"
    if not given.isascii() or not given.isdigit() or len(given) > 15:
        raise InvalidRequest(
            "Last-Event-ID and 'after' should be the number of an event.", param="after"
        )
    return int(given)
