"""The audit log in Redis: who changed which key or team, when, and what.

It is a stream; an entry goes in the same round trip as the change that it tells of. Secrets, their
hashes and tokens are never part of it. When Redis is gone every verb raises StoreUnavailable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from proxy.store import keyspace, record
from proxy.store.connection import Command, decoded

if TYPE_CHECKING:
    from collections.abc import Mapping

Actor = Literal["admin", "cli"]
Action = Literal[
    "key.created",
    "key.changed",
    "key.rotated",
    "key.revoked",
    "team.created",
    "team.changed",
    "team.deleted",
]
Changes = dict[str, tuple[Any, Any]]
"""What a field held before and after; None where there was or is nothing."""

MOST_KEPT = 10_000
"""Entries that are kept at least; Redis drops older ones by the block."""
CURSOR = re.compile(r"[1-9][0-9]{0,18}-[0-9]{1,19}")
"""An entry's id."""


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the log.

    Attributes:
        id: grows from entry to entry.
        at: milliseconds since 1970 by Redis's clock.
        actor: ``admin`` for the admin interface, ``cli`` for the terminal.
        action: such as ``key.changed``.
        target: the key's or the team's id.
    """

    id: str
    at: int
    actor: str
    action: str
    target: str
    changes: Changes


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, newest first, and where the next page begins; None at the end."""

    events: list[Event]
    next_cursor: str | None


def note(actor: Actor, action: Action, target: str, changes: Mapping[str, Any]) -> Command[None]:
    """Add an entry."""
    fields = ("actor", actor, "action", action, "target", target, "changes", orjson.dumps(changes))
    return Command(("XADD", keyspace.audit(), "MAXLEN", "~", MOST_KEPT, "*", *fields), _nothing)


def page(limit: int, cursor: str | None = None) -> Command[Page]:
    """The newest entries, or those before a cursor.

    Args:
        limit: how many at most.
        cursor: the `next_cursor` of the page before.
    """
    newest = f"({cursor}" if cursor else "+"
    command = ("XREVRANGE", keyspace.audit(), newest, "-", "COUNT", limit + 1)

    def parse(reply: list[Any]) -> Page:
        events = list(filter(None, map(_listed, reply[:limit])))
        return Page(events, reply[limit - 1][0].decode() if len(reply) > limit else None)

    return Command(command, parse)


def _listed(entry: list[Any]) -> Event | None:
    named = record.Name("audit entry", entry[0].decode(), in_list=True)
    return record.understood(named, lambda reply: _event(*reply), entry)


def _event(raw: bytes, fields: list[bytes]) -> Event:
    event_id, kept = raw.decode(), decoded(fields)
    changes = orjson.loads(kept["changes"])
    told = {name: (before, after) for name, (before, after) in changes.items()}
    at = int(event_id.partition("-")[0])
    return Event(event_id, at, kept["actor"], kept["action"], kept["target"], told)


def _nothing(_: Any) -> None:
    return None
