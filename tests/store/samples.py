"""Turns, sessions and buckets to keep in Redis, and looks at what is kept there."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from proxy.domain.conversation import Turn, Usage
from proxy.domain.identifiers import new_session_id, new_turn_id
from proxy.domain.limits import Bucket
from proxy.store import client_keys, keyspace, sessions
from proxy.store.connection import Command

if TYPE_CHECKING:
    from proxy.domain.conversation import Opened
    from proxy.domain.limits import Resource
    from proxy.store.connection import Store

OWNER = "key:ada"
LEASE_MS = 60_000
FIELDS = sessions.changes({"title": "", "ttl": 3600})


def new_bucket(rate: int, burst: int, resource: Resource = "requests") -> Bucket:
    """A bucket that nobody has used: it is full."""
    return Bucket("key", client_keys.new_id(), resource, rate, burst)


def new_turn(message: str = "Hello", *, tokens: int = 10, turn_id: str = "") -> Turn:
    """A turn that asks `message` and takes `tokens` of a prompt."""
    return Turn(
        id=turn_id or new_turn_id(),
        question=[{"role": "user", "content": message}],
        answer={"role": "assistant", "content": f"You said {message}"},
        model="gpt-6-luna",
        finish_reason="stop",
        usage=Usage(tokens, 0),
        cost_usd=0.5,
        tokens=tokens,
        turns_sent=0,
        turns_left_out=0,
        created_at=1_750_000_000_000,
    )


def new_session(store: Store, *turns: Turn, owner: str = OWNER, **fields: Any) -> str:
    """A session with these turns; answers its id."""
    session_id = new_session_id()
    changed = FIELDS | sessions.changes(fields)
    store.run(sessions.create(session_id, owner, changed, turns))
    return session_id


def begin(store: Store, session_id: str, turn: Turn, lease_ms: int = LEASE_MS) -> Opened:
    """Begin a session with a turn that holds it."""
    return store.run(sessions.begin(session_id, OWNER, FIELDS, turn.id, lease_ms))


def open_for(
    store: Store,
    session_id: str,
    turn: Turn,
    *,
    owner: str = OWNER,
    lease_ms: int = LEASE_MS,
    window: int = 1_000_000,
    named_window: int | None = None,
    anew: bool = False,
) -> Opened:
    """Open a session for a turn."""
    return store.run(
        sessions.open_turn(
            session_id,
            owner,
            turn.id,
            lease_ms,
            window=window,
            named_window=named_window,
            anew=anew,
        )
    )


def commit(
    store: Store,
    opened: Opened,
    turn: Turn,
    *,
    title: str = "",
    fields: sessions.Changes | None = None,
) -> str:
    """Commit a turn; answers the outcome."""
    replaced = opened.replaced.id if opened.replaced else ""
    return store.run(sessions.commit(opened, turn, title, replaced, fields or {}))


def messages(store: Store, session_id: str) -> list[str]:
    """What a session's turns ask, oldest first."""
    _, turns = store.run(sessions.read(session_id, OWNER))
    return [turn.question[0]["content"] for turn in turns]


def exists(store: Store, *keys: str) -> int:
    """How many of these keys there are."""
    return store.run(Command(("EXISTS", *keys), int))


def ttl_ms(store: Store, key: str) -> int:
    """Milliseconds that a key is still kept; -1 for ever, -2 when it is not there."""
    return store.run(Command(("PTTL", key), int))


def locked(store: Store, session_id: str) -> bool:
    """Whether a turn holds the session."""
    return bool(exists(store, keyspace.session(session_id)[2]))


def hash_of(store: Store, key: str) -> dict[str, str]:
    """A hash as it is kept."""

    def parse(reply: list[bytes]) -> dict[str, str]:
        texts = [raw.decode() for raw in reply]
        return dict(zip(texts[::2], texts[1::2], strict=True))

    return store.run(Command(("HGETALL", key), parse))


def kept_of(store: Store, bucket: Bucket) -> dict[str, int]:
    """What Redis keeps of a token bucket: balance (micro-units), time (us) and remainder."""
    first = {"requests": 1, "tokens": 4}[bucket.resource]
    state = store.run(Command(("GET", keyspace.limits(bucket)), bytes))
    return dict(zip("btr", map(int, struct.unpack_from("=3d", state, 8 * first)), strict=True))
