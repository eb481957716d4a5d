"""The records of keys and teams: changed by field names, and shown without their secrets."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from proxy.domain.limits import Limits
from proxy.store.client_keys import ClientKey
from proxy.store.teams import Team

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxy.store.audit import Changes
    from proxy.store.connection import Command, Store

Record = TypeVar("Record", ClientKey, Team)

AT_ONCE = 200
"""What is read in one round trip."""

_DEFAULTS: dict[str, Any] = {
    field.name: field.default for kind in (Limits, ClientKey, Team) for field in fields(kind)
}
REMOVED: Changes = {"record": ("damaged", None)}
"""What the audit log says of a record that could not be read and was removed as a whole."""
_LIMITS = frozenset(field.name for field in fields(Limits))


def read_all(
    store: Store, ids: list[str], find: Callable[[str], Command[Record | None]]
) -> list[Record]:
    """The records of these ids that are there and whole, some hundred in a round trip."""
    found: list[Record | None] = []
    for first in range(0, len(ids), AT_ONCE):
        found += store.run_all(*(find(each).in_list() for each in ids[first : first + AT_ONCE]))
    return [record for record in found if record is not None]


def changed(record: Record, wanted: Mapping[str, Any]) -> Record:
    """The record with these fields as wanted; None is a field's default."""
    values = {name: _DEFAULTS[name] if value is None else value for name, value in wanted.items()}
    limits = {name: value for name, value in values.items() if name in _LIMITS}
    own = {name: value for name, value in values.items() if name not in _LIMITS}
    return replace(record, limits=replace(record.limits, **limits), **own)


def key_shown(key: ClientKey) -> dict[str, Any]:
    """What may be told of a key; times are seconds since 1970, None is never, default or none."""
    return {
        "name": key.name,
        "team": key.team or None,
        "models": list(key.models),
        "created_at": key.created_at,
        "expires_at": key.expires_at or None,
        "revoked_at": key.revoked_at or None,
        **asdict(key.limits),
    }


def team_shown(team: Team) -> dict[str, Any]:
    """What may be told of a team; likewise."""
    return {"created_at": team.created_at, "weight": team.weight, **asdict(team.limits)}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """What differs between a record as shown before and after a change."""
    return {name: (before[name], value) for name, value in after.items() if value != before[name]}


def beginnings(default: Mapping[str, Any], made: Mapping[str, Any]) -> Changes:
    """What a new record holds that is no default."""
    return {name: (None, after) for name, (_, after) in differences(default, made).items()}
