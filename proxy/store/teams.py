"""Teams in Redis: limits, a budget and a weight that several client keys share.

When Redis is gone every verb raises StoreUnavailable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.domain.limits import Limits
from proxy.store import keyspace, limit_fields, record
from proxy.store.connection import Command, decoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A team's id is its name."""


@dataclass(frozen=True, slots=True)
class Team:
    """A team's record.

    Attributes:
        id: its name.
        created_at: seconds since 1970.
        weight: its due, compared to other teams and to keys without a team, when all wait.
    """

    id: str
    created_at: int
    weight: int = 1
    limits: Limits = field(default_factory=Limits)


def find(team_id: str) -> Command[Team | None]:
    """A team's record, None where there is none."""
    return Command(
        ("HGETALL", keyspace.team(team_id)),
        lambda reply: _team(team_id, reply),
        record.Name("team", team_id),
    )


def write(team: Team) -> list[Command[None]]:
    """Write a new team's record, and enter it into the list of teams."""
    enter = Command(("ZADD", keyspace.teams(), "NX", team.created_at, team.id), lambda _: None)
    fields = _record(team) | record.marks(team.id)
    return [_set(team.id, fields), enter]


def change(team: Team, fields: Iterable[str]) -> Command[None]:
    """Write these fields of a team's record as they are in `team`, and no others."""
    written = _record(team)
    return _set(team.id, {name: written[name] for name in fields})


def delete(team_id: str) -> list[Command[None]]:
    """Remove a team; the keys that name it have no team then."""
    return [
        Command(("DEL", keyspace.team(team_id)), lambda _: None),
        Command(("ZREM", keyspace.teams(), team_id), lambda _: None),
    ]


def ids() -> Command[list[str]]:
    """All teams' ids, oldest first."""
    return Command(
        ("ZRANGE", keyspace.teams(), 0, -1), lambda reply: [raw.decode() for raw in reply]
    )


def _set(team_id: str, fields: Mapping[str, str | int]) -> Command[None]:
    pairs = [part for pair in fields.items() for part in pair]
    return Command(("HSET", keyspace.team(team_id), *pairs), lambda _: None)


def _record(team: Team) -> dict[str, str | int]:
    return {
        "created_at": team.created_at,
        "weight": team.weight,
        **limit_fields.written(team.limits),
    }


def _team(team_id: str, reply: list[bytes]) -> Team | None:
    kept = record.verified(decoded(reply), team_id)
    if not kept.keys() & {"created_at", "v"}:  # none, or a change that came after its deletion
        return None
    return Team(team_id, int(kept["created_at"]), int(kept["weight"]), limit_fields.read(kept))
