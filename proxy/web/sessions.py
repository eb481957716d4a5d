"""Sessions: made, listed, read, changed, forked, taken back a turn, exported, deleted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, g, request

from proxy.domain.identifiers import is_session_id, new_session_id, new_turn_id
from proxy.errors import InvalidRequest, SessionNotFound, TurnNotFound
from proxy.store import session_list, sessions
from proxy.web import body, responses, schemas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.domain.conversation import Session, Turn
    from proxy.domain.personas import Personas
    from proxy.domain.plan import Planner
    from proxy.settings import Settings
    from proxy.store.connection import Store
    from proxy.web.auth import Authenticator

_CURSOR = re.compile(r"([0-9]{1,16})\.(s_[A-Za-z0-9_-]{22})")
_NUMBER = re.compile(r"[0-9]{1,9}")
_ENDINGS = {"json": "json", "markdown": "md"}
_COPIED = ("title", "system", "persona", "model", "parameters", "ttl")


class Sessions:
    """The views of sessions."""

    def __init__(
        self,
        settings: Settings,
        authenticator: Authenticator,
        store: Store,
        planner: Planner,
        personas: Personas,
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._store = store
        self._planner = planner
        self._personas = personas

    def blueprint(self) -> Blueprint:
        """The routes of this module."""
        routes = Blueprint("sessions", __name__)
        one = "/sessions/<session_id>"
        routes.post("/sessions")(self.create)
        routes.get("/sessions")(self.list)
        routes.get(one)(self.read)
        routes.patch(one)(self.patch)
        routes.delete(one)(self.delete)
        routes.post(f"{one}/undo")(self.undo)
        routes.post(f"{one}/fork")(self.fork)
        routes.get(f"{one}/export")(self.export)
        return routes

    def create(self) -> Response:
        """POST /sessions."""
        owner = self._owner()
        defaults = sessions.changes({"title": "", "ttl": self._settings.session_ttl})
        return self._created(owner, defaults | self._changes(), [])

    def list(self) -> Response:
        """GET /sessions."""
        owner = self._owner()
        limit, cursor = _number("limit", 20, 100), _cursor()
        query = request.args.get("q", "")[:200]
        page = self._store.run(session_list.page(owner, limit=limit, cursor=cursor, query=query))
        found = [responses.listed_session(session) for session in page.sessions]
        return responses.json({"object": "list", "data": found, "next_cursor": page.next_cursor})

    def read(self, session_id: str) -> Response:
        """GET /sessions/{id}."""
        owner = self._owner()
        newest = _number("limit", 100, 1000)
        session, turns = self._store.run(sessions.read(_checked(session_id), owner, -newest))
        return responses.json(_with_turns(session, turns))

    def patch(self, session_id: str) -> Response:
        """PATCH /sessions/{id}."""
        owner = self._owner()
        changes = sessions.patch(_checked(session_id), owner, self._changes())
        return self._changed(self._store.run(changes))

    def delete(self, session_id: str) -> Response:
        """DELETE /sessions/{id}."""
        owner = self._owner()
        listed = session_list.lists(owner, _checked(session_id))
        delete = sessions.delete(session_id, owner, new_turn_id())
        own, deleted, *_ = self._store.run_all(
            listed, delete, *session_list.delist(owner, session_id)
        )
        if not deleted:  # it does not say whose it is, the list did
            if not own:
                raise SessionNotFound(session_id)
            self._store.run(sessions.remove(session_id))
        return responses.nothing()

    def undo(self, session_id: str) -> Response:
        """POST /sessions/{id}/undo."""
        owner = self._owner()
        undo = sessions.undo(_checked(session_id), owner, new_turn_id())
        return self._changed(self._store.run(undo))

    def fork(self, session_id: str) -> Response:
        """POST /sessions/{id}/fork."""
        owner = self._owner()
        asked = schemas.validate(schemas.ForkRequest, body.read_json(self._settings, optional=True))
        session, turns = self._store.run(sessions.read(_checked(session_id), owner))
        kept = turns[: _position(asked.turn, turns)]
        settings = {name: getattr(session, name) for name in _COPIED}
        window = self._planner.window(session.model) if session.model else None
        return self._created(owner, sessions.changes(settings, window), kept)

    def export(self, session_id: str) -> Response:
        """GET /sessions/{id}/export."""
        owner = self._owner()
        form = request.args.get("format", "json")
        if form not in _ENDINGS:
            raise InvalidRequest("'format' should be json or markdown.", param="format")
        session, turns = self._store.run(sessions.read(_checked(session_id), owner))
        return _export(session, turns, form)

    def _owner(self) -> str:
        caller = self._authenticator.caller(request.headers)
        g.key_id = caller.key_id
        return caller.owner

    def _changes(self) -> sessions.Changes:
        """The settings that the body asks for."""
        fields = body.read_json(self._settings, optional=True)
        asked = schemas.validate(schemas.SessionSettings, fields).changed()
        if asked.get("persona"):
            self._personas.check(asked["persona"])
        if "ttl" in asked:
            asked["ttl"] = asked["ttl"] or self._settings.session_ttl
        model = asked.get("model")
        return sessions.changes(asked, self._planner.window(model) if model else None)

    def _changed(self, session: Session) -> Response:
        self._enlist(session)
        return responses.json(responses.session_object(session))

    def _created(self, owner: str, changes: sessions.Changes, turns: Sequence[Turn]) -> Response:
        session = self._store.run(sessions.create(new_session_id(), owner, changes, turns))
        self._enlist(session)
        headers = {"Location": f"/sessions/{session.id}", "X-Session-ID": session.id}
        return responses.json(responses.session_object(session), 201, headers)

    def _enlist(self, session: Session) -> None:
        entry = session_list.enlist(
            session, turn_count=session.turn_count, title=session.title, replace=True
        )
        self._store.run(entry)


def _checked(session_id: str) -> str:
    if not is_session_id(session_id):
        raise SessionNotFound(session_id)
    return session_id


def _number(name: str, default: int, most: int) -> int:
    given = request.args.get(name)
    if given is None:
        return default
    if not _NUMBER.fullmatch(given) or not 1 <= int(given) <= most:
        raise InvalidRequest(f"'{name}' should be a whole number from 1 to {most}.", param=name)
    return int(given)


def _cursor() -> tuple[str, str] | None:
    given = request.args.get("cursor", "")
    if not given:
        return None
    match = _CURSOR.fullmatch(given)
    if match is None:
        raise InvalidRequest("'cursor' should be the next_cursor of a page.", param="cursor")
    return match[1], match[2]


def _position(turn: str | int | None, turns: list[Turn]) -> int:
    """How many turns to keep."""
    if turn is None:
        return len(turns)
    if isinstance(turn, int) and 0 <= turn <= len(turns):
        return turn
    for position, candidate in enumerate(turns, 1):
        if candidate.id == turn:
            return position
    raise TurnNotFound(f"The session has no turn {str(turn)[:64]!r}.", param="turn")


def _with_turns(session: Session, turns: list[Turn]) -> dict[str, Any]:
    shown = [responses.stored_turn(turn) for turn in turns]
    return responses.session_object(session) | {"turns": shown}


def _export(session: Session, turns: list[Turn], form: str) -> Response:
    if form == "json":
        response = responses.json(_with_turns(session, turns))
    else:
        document = responses.markdown(session, turns)
        response = Response(document, mimetype="text/markdown")
    name = f"{session.id}.{_ENDINGS[form]}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
