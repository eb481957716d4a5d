"""Teams: made, found, changed and deleted; each change stands in the audit log.

When Redis is gone every verb raises StoreUnavailable.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from proxy.errors import Conflict, InvalidRequest, NotFound, RecordDamaged
from proxy.operators.keys import Keys
from proxy.operators.records import (
    REMOVED,
    beginnings,
    changed,
    differences,
    read_all,
    team_shown,
)
from proxy.store import audit, teams
from proxy.store.teams import Team

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.store.audit import Actor, Changes
    from proxy.store.connection import Store


class Teams:
    """All teams, in the hands of an operator."""

    def __init__(self, store: Store, actor: Actor) -> None:
        self._store = store
        self._actor = actor
        self._keys = Keys(store, actor)

    def all(self) -> list[Team]:
        """All teams, oldest first."""
        return read_all(self._store, self._store.run(teams.ids()), teams.find)

    def find(self, name: str) -> Team:
        """A team.

        Raises:
            NotFound: there is none of this name.
        """
        team = self._store.run(teams.find(name)) if teams.NAME.fullmatch(name) else None
        if team is None:
            raise NotFound(f"There is no team {name[:64]!r}: the list of teams has them all.")
        return team

    def create(self, name: str, wanted: Mapping[str, Any]) -> Team:
        """Make a team.

        Args:
            name: which is its id too.
            wanted: whatever of it is no default, by field.

        Raises:
            InvalidRequest: the name is none.
            Conflict: there is a team of this name.
        """
        if not teams.NAME.fullmatch(name):
            raise InvalidRequest(
                "'name' should be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or digit.",
                param="name",
            )
        if self._store.run(teams.find(name)) is not None:
            raise Conflict(f"There is a team {name!r} already.")
        bare = Team(name, int(time.time()))
        team = changed(bare, wanted)
        made = beginnings(team_shown(bare), team_shown(team))
        note = audit.note(self._actor, "team.created", name, made)
        self._store.run_all(*teams.write(team), note)
        return team

    def change(self, name: str, wanted: Mapping[str, Any]) -> Team:
        """Change fields of a team; None brings one back to its default.

        Raises:
            NotFound: there is no such team.
        """
        before = self.find(name)
        team = changed(before, wanted)
        changes = differences(team_shown(before), team_shown(team))
        if changes:
            note = audit.note(self._actor, "team.changed", name, changes)
            self._store.run_all(teams.change(team, changes), note)
        return team

    def delete(self, name: str) -> None:
        """Remove a team, a damaged one too.

        Raises:
            NotFound: there is no such team.
            Conflict: keys that are not revoked belong to it.
        """
        gone = self._held(name)
        members = [key.id for key in self._keys.all() if key.team == name and not key.revoked_at]
        if members:
            named = ", ".join(members[:3]) + (", ..." if len(members) > 3 else "")
            raise Conflict(f"The team {name!r} has keys: {named}. Move or revoke them first.")
        self._store.run_all(
            *teams.delete(name), audit.note(self._actor, "team.deleted", name, gone)
        )

    def _held(self, name: str) -> Changes:
        """What ends with a team: whatever of it is no default."""
        try:
            team = self.find(name)
        except RecordDamaged:
            return REMOVED
        held = differences(team_shown(team), team_shown(Team(name, team.created_at)))
        return {field: (was, None) for field, (was, _) in held.items()}
