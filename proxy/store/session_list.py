"""Each owner's list of sessions: newest change first, with cursor and search by title."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from proxy.domain.conversation import Session
from proxy.store import keyspace, record
from proxy.store.connection import Command, script

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_LOOKED_THROUGH = 2_000
"""Entries that one search looks through; its cursor goes on from there."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some sessions, and where the next page begins; None at the end."""

    sessions: list[Session]
    next_cursor: str | None


def enlist(session: Session, *, turn_count: int, title: str, replace: bool) -> Command[None]:
    """Enter a session, or move it up.

    Args:
        session: which one.
        turn_count: how many turns it holds now.
        title: what is shown of it.
        replace: show this title also if another is shown already.
    """
    shown = orjson.dumps({"title": title, "created_at": session.created_at, "ttl": session.ttl})
    entry = title.casefold().replace("\0", " ").encode() + b"\0" + shown
    return script(
        "list_session",
        keyspace.session_list(session.owner),
        (session.id, session.ttl * 1000, turn_count, entry, int(replace)),
        lambda _: None,
    )


def delist(owner: str, session_id: str) -> Sequence[Command[None]]:
    """Take a session out."""
    by_change, by_expiry, shown, counts = keyspace.session_list(owner)
    removals = (("ZREM", by_change), ("ZREM", by_expiry), ("HDEL", shown), ("HDEL", counts))
    return [Command((verb, key, session_id), lambda _: None) for verb, key in removals]


def lists(owner: str, session_id: str) -> Command[bool]:
    """Whether a session stands in its owner's list."""
    by_change = keyspace.session_list(owner)[0]
    return Command(("ZSCORE", by_change, session_id), lambda reply: reply is not None)


def page(owner: str, *, limit: int, cursor: tuple[str, str] | None, query: str) -> Command[Page]:
    """A page of an owner's sessions.

    Args:
        owner: whose.
        limit: how many at most.
        cursor: where the page before ended: time of change and id.
        query: what the title must hold, upper and lower case alike; nothing for all.
    """
    after, after_id = cursor or ("", "")
    arguments = (limit, after, after_id, query.casefold(), MOST_LOOKED_THROUGH)

    def parse(reply: list[Any]) -> Page:
        more, changed, last_id = reply[0]
        found = [_listed(owner, entry) for entry in reply[1:]]
        return Page(
            list(filter(None, found)), f"{changed.decode()}.{last_id.decode()}" if more else None
        )

    return script("list", keyspace.session_list(owner), arguments, parse)


def _listed(owner: str, entry: list[bytes]) -> Session | None:
    named = record.Name("listed session", entry[0].decode(), in_list=True)
    return record.understood(named, lambda reply: _session(owner, *reply), entry)


def _session(owner: str, session_id: bytes, changed: bytes, turns: bytes, entry: bytes) -> Session:
    shown = orjson.loads(entry.split(b"\0", 1)[1])
    return Session(
        id=session_id.decode(),
        owner=owner,
        title=shown["title"],
        ttl=shown["ttl"],
        created_at=shown["created_at"],
        updated_at=int(float(changed)),
        turn_count=int(turns),
    )
