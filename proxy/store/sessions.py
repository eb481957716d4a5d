"""Sessions in Redis: made, opened for a turn, committed, read, changed.

Each verb is a command for `Store.run`; when Redis is gone every one raises StoreUnavailable.
A session of another owner is answered as one that does not exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from proxy.domain.conversation import Opened, Session
from proxy.errors import InvalidRequest, RecordDamaged, SessionBusy, SessionNotFound, TurnsMissing
from proxy.store import keyspace, record, turns
from proxy.store.connection import Command, script

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxy.domain.conversation import Turn
    from proxy.store.server import Argument

BUSY_RETRY_S = 1.0
"""When to look again at a session that another turn holds: nobody knows when that turn ends."""
DELETED_MS = 60_000
"""How long it is known which delete ended a session: nobody repeats one later."""
T = TypeVar("T")
Changes = dict[str, str | int]
"""Fields of a session's meta hash, by their names there."""


def changes(values: Mapping[str, Any], window: int | None = None) -> Changes:
    """A session's settings as its meta hash has them.

    Args:
        values: settings by name; only those that are there are changed, None clears one.
        window: tokens a prompt for its model may take, where a model is among the values.
    """
    fields: Changes = {}
    for name in ("title", "system", "persona", "model", "ttl"):
        if name in values:
            fields[name] = values[name] or ""
    if "model" in values:
        fields["window"] = "" if window is None else window
    if "parameters" in values:
        fields["parameters"] = orjson.dumps(values["parameters"] or {}).decode()
    return fields


def create(
    session_id: str, owner: str, fields: Changes, records: Sequence[Turn] = ()
) -> Command[Session]:
    """Make a session, with turns when it is a fork; `fields` must hold its ttl."""
    encoded = [turns.encode(turn, session_id, owner) for turn in records]
    arguments = (owner, "", "", len(fields) * 2, *_pairs(fields), *encoded)
    return _script("create", session_id, arguments, lambda told: _session(session_id, owner, told))


def begin(
    session_id: str, owner: str, fields: Changes, turn_id: str, lease_ms: int
) -> Command[Opened]:
    """Make a session for its first turn and lock it; it is gone soon if that turn never ends."""
    arguments = (owner, turn_id, lease_ms, len(fields) * 2, *_pairs(fields))

    def parse(reply: Any) -> Opened:
        return Opened(_session(session_id, owner, reply), [], fence=1)

    return _script("create", session_id, arguments, parse)


def open_turn(
    session_id: str,
    owner: str,
    turn_id: str,
    lease_ms: int,
    *,
    window: int,
    named_window: int | None,
    anew: bool = False,
) -> Command[Opened]:
    """Lock a session for a turn and read what a prompt may take of its history.

    Args:
        session_id: which session.
        owner: who asks.
        turn_id: the turn that will hold it.
        lease_ms: for how long, unless it is renewed.
        window: tokens of history to read when the session has no model of its own.
        named_window: the same for the model that the turn itself names.
        anew: answer the newest turn anew: it is left out of the history.

    The command raises SessionNotFound, SessionBusy with the wait, or InvalidRequest when there is
    no turn to answer anew.
    """
    named = "" if named_window is None else named_window
    arguments = (owner, turn_id, lease_ms, window, named, int(anew))

    def parse(reply: list[Any]) -> Opened:
        _refuse(reply, session_id, "answer anew")
        _, fence, fields, newest_first, kept = reply
        replaced = turns.decode(kept, session_id, owner) if kept else None
        if kept and replaced is None:
            raise RecordDamaged("turn")
        return Opened(
            _session(session_id, owner, fields),
            turns.decode_all(newest_first[::-1], session_id, owner),
            fence,
            replaced,
        )

    return _script("open", session_id, arguments, parse)


def commit(opened: Opened, turn: Turn, title: str, replaced: str, fields: Changes) -> Command[str]:
    """Append a turn, change the session's `fields`, unlock it.

    Answers ``ok``; ``missing`` when the session was deleted meanwhile; ``turns_missing`` when its
    turns were dropped; ``damaged``; ``lost`` when the lease ran out and somebody else came between.
    """
    session = opened.session
    written = turns.encode(turn, session.id, session.owner)
    arguments = (turn.id, opened.fence, written, title, replaced, *_pairs(fields))
    return script("commit", keyspace.session(session.id), arguments, bytes.decode)


def release(session_id: str, turn_id: str) -> Command[None]:
    """End a turn that came to nothing."""
    return script("release", keyspace.session(session_id), (turn_id,), lambda _: None)


def renew(session_id: str, turn_id: str, lease_ms: int) -> Command[bool]:
    """Hold a session for another lease; False when the turn does not hold it any more."""
    keys = keyspace.session(session_id)
    return script("renew", keys, (turn_id, lease_ms), lambda reply: reply == 1)


def read(
    session_id: str, owner: str, first: int = 0, last: int = -1
) -> Command[tuple[Session, list[Turn]]]:
    """A session and the turns from `first` to `last`; negative ones count from the newest.

    The command raises SessionNotFound.
    """

    def parse(reply: list[Any]) -> tuple[Session, list[Turn]]:
        _refuse(reply, session_id, "read")
        return (
            _session(session_id, owner, reply[1]),
            turns.decode_all(reply[2], session_id, owner),
        )

    return _script("read", session_id, (owner, first, last), parse)


def patch(session_id: str, owner: str, fields: Changes) -> Command[Session]:
    """Change a session's fields. The command raises SessionNotFound."""

    def parse(reply: list[Any]) -> Session:
        _refuse(reply, session_id, "change")
        return _session(session_id, owner, reply[1])

    return _script("patch", session_id, (owner, *_pairs(fields)), parse)


def undo(session_id: str, owner: str, undo_id: str) -> Command[Session]:
    """Take the newest turn back.

    The command raises SessionNotFound, SessionBusy, or InvalidRequest when there is no turn.
    """

    def parse(reply: list[Any]) -> Session:
        _refuse(reply, session_id, "take back")
        return _session(session_id, owner, reply[1])

    return _script("undo", session_id, (owner, undo_id), parse)


def delete(session_id: str, owner: str, delete_id: str) -> Command[bool]:
    """Delete a session with its turns, a damaged one too. The command raises SessionNotFound.

    Answers False if it is so damaged that it does not say whose it is: it is there still.
    """

    def parse(reply: int) -> bool:
        if not reply:
            raise SessionNotFound(session_id)
        return reply > 0

    keys = (*keyspace.session(session_id), keyspace.deleted_session(session_id))
    return script("delete", keys, (owner, delete_id, DELETED_MS), parse)


def remove(session_id: str) -> Command[None]:
    """Remove all that is kept of a session, whosever it is."""
    return Command(("DEL", *keyspace.session(session_id)), lambda _: None)


def _script(
    name: str, session_id: str, arguments: tuple[Argument, ...], parse: Callable[[Any], T]
) -> Command[T]:
    """A script that answers what the session's record holds."""
    named = record.Name("session", session_id)
    return script(name, keyspace.session(session_id), arguments, parse, named)


def _pairs(fields: Changes) -> list[Argument]:
    return [part for pair in fields.items() for part in pair]


def _refuse(reply: list[Any], session_id: str, verb: str) -> None:
    status = reply[0]
    if status == b"missing":
        raise SessionNotFound(session_id)
    if status == b"damaged":
        raise RecordDamaged("session")
    if status == b"turns_missing":
        raise TurnsMissing
    if status == b"busy":
        raise SessionBusy(
            "Another turn of this session is running: wait for its answer.",
            param="session_id",
            retry_after=min(BUSY_RETRY_S, reply[1] / 1000),
        )
    if status == b"empty":
        raise InvalidRequest(f"The session has no turn to {verb}.", param="session_id")


def _session(session_id: str, owner: str, reply: list[Any]) -> Session:
    title, system, persona, model, parameters, ttl, created, updated, count = reply
    return Session(
        id=session_id,
        owner=owner,
        title=_text(title),
        system=_text(system),
        persona=_text(persona),
        model=_text(model) or None,
        parameters=orjson.loads(parameters) if parameters else {},
        ttl=int(ttl),
        created_at=int(created),
        updated_at=int(updated),
        turn_count=count,
    )


def _text(value: bytes | None) -> str:
    return value.decode() if value else ""
