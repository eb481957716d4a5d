"""Client keys: made, found, changed, rotated and revoked; each change stands in the audit log.

When Redis is gone every verb raises StoreUnavailable.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from proxy.errors import Conflict, InvalidRequest, NotFound, RecordDamaged
from proxy.operators.records import (
    REMOVED,
    beginnings,
    changed,
    differences,
    key_shown,
    read_all,
)
from proxy.store import audit, client_keys, teams
from proxy.store.client_keys import ClientKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.store.audit import Actor, Changes
    from proxy.store.connection import Store


class Keys:
    """All client keys, in the hands of an operator."""

    def __init__(self, store: Store, actor: Actor) -> None:
        self._store = store
        self._actor = actor

    def all(self) -> list[ClientKey]:
        """All keys, oldest first."""
        return read_all(self._store, self._store.run(client_keys.ids()), client_keys.find)

    def find(self, key_id: str) -> ClientKey:
        """A key.

        Raises:
            NotFound: there is none of this id.
        """
        key = None
        if key_id.isascii() and key_id.isalnum():
            key = self._store.run(client_keys.find(key_id))
        if key is None:
            raise NotFound(f"There is no key {key_id[:64]!r}: the list of keys has them all.")
        return key

    def create(self, wanted: Mapping[str, Any]) -> tuple[ClientKey, str]:
        """Make a key.

        Args:
            wanted: its name, and whatever else of it is no default, by field.

        Answers the record, and what a client sends: it is known now and never again.

        Raises:
            InvalidRequest: the name is none, or there is no such team.
        """
        secret = client_keys.new_secret()
        bare = ClientKey(client_keys.new_id(), "", client_keys.hashed(secret), int(time.time()))
        key = changed(bare, self._checked(wanted))
        made = beginnings(key_shown(bare), key_shown(key))
        note = audit.note(self._actor, "key.created", key.id, made)
        self._store.run_all(*client_keys.create(key), note)
        return key, client_keys.token(key.id, secret)

    def change(self, key_id: str, wanted: Mapping[str, Any]) -> ClientKey:
        """Change fields of a key; None brings one back to its default.

        Raises:
            NotFound: there is no such key.
            InvalidRequest: as in `create`.
        """
        before = self.find(key_id)
        key = changed(before, self._checked(wanted))
        changes = differences(key_shown(before), key_shown(key))
        if changes:
            note = audit.note(self._actor, "key.changed", key_id, changes)
            self._store.run_all(client_keys.change(key, changes), note)
        return key

    def rotate(self, key_id: str, overlap_s: int) -> tuple[ClientKey, str]:
        """Give a key a new secret; the one before it stays good for `overlap_s`.

        Answers as `create` does.

        Raises:
            NotFound: there is no such key.
            Conflict: it is revoked, or has expired.
        """
        now, secret, key = int(time.time()), client_keys.new_secret(), self.find(key_id)
        if key.state(now) != "active":
            raise Conflict(f"The key {key_id} is {key.state(now)}.")
        changes: Changes = {"overlap_until": (key.overlap_until or None, now + overlap_s)}
        note = audit.note(self._actor, "key.rotated", key_id, changes)
        self._store.run_all(client_keys.rotate(key, secret, now + overlap_s), note)
        return key, client_keys.token(key_id, secret)

    def revoke(self, key_id: str) -> ClientKey | None:
        """End a key: within five seconds every worker refuses it; its record stays.

        A damaged record cannot say that it is revoked: it is removed, and None is answered.

        Raises:
            NotFound: there is no such key.
        """
        try:
            now, key = int(time.time()), self.find(key_id)
        except RecordDamaged:
            note = audit.note(self._actor, "key.revoked", key_id, REMOVED)
            self._store.run_all(*client_keys.remove(key_id), note)
            return None
        if not key.revoked_at:
            note = audit.note(self._actor, "key.revoked", key_id, {"revoked_at": (None, now)})
            self._store.run_all(client_keys.revoke(key_id, now), note)
        return key

    def _checked(self, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
        if "name" in wanted:
            _check_name(wanted["name"])
        team = wanted.get("team") or ""
        if team and not self._has_team(team):
            raise InvalidRequest(
                f"'team': there is no team {team[:64]!r}; the list of teams has them all.",
                param="team",
            )
        return wanted

    def _has_team(self, name: str) -> bool:
        named = teams.NAME.fullmatch(name)
        return named is not None and self._store.run(teams.find(name)) is not None


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise InvalidRequest("'name' should be one line of 1 to 100 characters.", param="name")
