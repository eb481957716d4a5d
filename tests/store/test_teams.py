"""Teams: what is kept of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from proxy.domain.limits import Limits
from proxy.store import client_keys, keyspace, teams
from proxy.store.teams import Team
from tests.store.samples import ttl_ms

if TYPE_CHECKING:
    from proxy.store.connection import Store

NOW = 1_750_000_000
LIMITS = Limits(0, 5, 1, 2, 0.1, "day", shadow=True)


def new_team(store: Store, created_at: int = NOW, **fields: Any) -> Team:
    team = replace(Team(client_keys.new_id(), created_at), **fields)
    store.run_all(*teams.write(team))
    return team


@pytest.mark.parametrize("fields", [{}, {"weight": 7, "limits": LIMITS}], ids=["bare", "all"])
def test_a_team_is_found_as_it_was_made(store: Store, fields: dict[str, Any]) -> None:
    team = new_team(store, **fields)
    assert store.run(teams.find(team.id)) == team


def test_where_there_is_no_team_none_is_found(store: Store) -> None:
    assert store.run(teams.find("nobody")) is None


def test_teams_are_permanent_and_listed_oldest_first(store: Store) -> None:
    newer, older = (new_team(store, NOW + seconds).id for seconds in (9, 3))
    assert [name for name in store.run(teams.ids()) if name in {older, newer}] == [older, newer]
    assert ttl_ms(store, keyspace.team(older)) == ttl_ms(store, keyspace.teams()) == -1


def test_a_change_writes_its_fields_and_no_others(store: Store) -> None:
    team = new_team(store, limits=LIMITS)
    store.run(teams.change(replace(team, weight=3), ["weight"]))
    stale = replace(team, weight=9, limits=replace(LIMITS, rpm=8, tpm=8))
    store.run(teams.change(stale, ["rpm"]))
    assert store.run(teams.find(team.id)) == replace(team, weight=3, limits=replace(LIMITS, rpm=8))


def test_a_deleted_team_is_gone_from_the_list_too(store: Store) -> None:
    team = new_team(store)
    store.run_all(*teams.delete(team.id))
    assert store.run(teams.find(team.id)) is None
    assert team.id not in store.run(teams.ids())


def test_a_change_that_comes_after_the_deletion_makes_no_team(store: Store) -> None:
    team = new_team(store)
    store.run_all(*teams.delete(team.id))
    store.run(teams.change(team, ["weight"]))
    assert store.run(teams.find(team.id)) is None
