"""Records of each kind as the service makes them, and ways to damage them in Redis."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxy.domain.identifiers import new_turn_id
from proxy.domain.request import Claim
from proxy.store import client_keys, idempotency, keyspace, record, sessions, teams, turn_log
from proxy.store.connection import Command
from tests.store.samples import LEASE_MS, OWNER, new_session, new_turn
from tests.support.keys import form_team, issue

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.store.connection import Store

NEWER = str(record.SCHEMA + 1)
STRANGER = "key:eve"


@dataclass(frozen=True, slots=True)
class Kept:
    """A record.

    Attributes:
        kind: as it is named in the log.
        key: where it is.
        owner: whose it is.
        read: reads it.
        vital: a field without which it makes no sense.
    """

    kind: str
    key: str
    owner: str
    read: Command[Any]
    vital: str


def session(store: Store) -> Kept:
    session_id = new_session(store, new_turn("kept"))
    key, _, _ = keyspace.session(session_id)
    return Kept("session", key, OWNER, sessions.read(session_id, OWNER), "ttl")


def client_key(store: Store) -> Kept:
    made, _ = issue(store)
    find = client_keys.find(made.id)
    return Kept("client key", keyspace.client_key(made.id), made.id, find, "created_at")


def team(store: Store) -> Kept:
    name = form_team(store)
    return Kept("team", keyspace.team(name), name, teams.find(name), "weight")


def claim(store: Store) -> Kept:
    made = Claim(OWNER, new_turn_id(), "fingerprint")
    store.run(idempotency.claim(made, new_turn_id(), LEASE_MS))
    key = keyspace.claim(OWNER, hashlib.sha256(made.key.encode()).hexdigest())
    return Kept("idempotency key", key, OWNER, idempotency.look(made), "alive")


def turn(store: Store) -> Kept:
    turn_id = new_turn_id()
    store.run(turn_log.begin(turn_id, OWNER, "session", LEASE_MS))
    read = turn_log.read(turn_id, OWNER, 0, LEASE_MS)
    return Kept("turn", keyspace.turn(turn_id)[0], OWNER, read, "alive")


KINDS: dict[str, Callable[[Store], Kept]] = {
    "session": session,
    "client key": client_key,
    "team": team,
    "idempotency key": claim,
    "turn": turn,
}


def put(store: Store, key: str, **fields: str) -> None:
    """Write into a hash behind the service's back."""
    pairs = [part for pair in fields.items() for part in pair]
    store.run(Command(("HSET", key, *pairs), int))


def remove(store: Store, key: str, *fields: str) -> None:
    """Take fields out of a hash, or the key as a whole."""
    store.run(Command(("HDEL", key, *fields) if fields else ("DEL", key), int))
