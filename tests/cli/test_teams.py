"""`teams`: made, listed, shown, changed, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxy.store import client_keys, keyspace
from tests.cli.operating import Operator, operator, parsed
from tests.store.records import put
from tests.support.keys import issue
from tests.support.service import free_port

if TYPE_CHECKING:
    from proxy.embedded import EmbeddedRedis
    from proxy.store.connection import Store


@pytest.fixture
def teams(redis_server: EmbeddedRedis) -> Operator:
    return operator(redis_server.url, "teams")


@pytest.fixture
def name() -> str:
    """A name that no team has."""
    return f"team-{client_keys.new_id()}"


def shown(teams: Operator, name: str) -> dict[str, Any]:
    told: dict[str, Any] = parsed(teams("show", name, "--json"))
    return told


def test_a_new_team_has_what_it_was_given_and_is_shown_so(teams: Operator, name: str) -> None:
    limits = ("--rpm", "5", "--tpm", "0", "--burst", "2", "--max-parallel", "3")
    rest = ("--budget-usd", "0.5", "--budget-period", "day", "--weight", "4", "--shadow")
    made = parsed(teams("create", name, *limits, *rest, "--json"))
    assert made == shown(teams, name)
    assert made == {
        "id": name,
        "created_at": made["created_at"],
        "weight": 4,
        "rpm": 5,
        "tpm": 0,
        "burst": 2,
        "max_parallel": 3,
        "budget_usd": 0.5,
        "budget_period": "day",
        "shadow": True,
    }


def test_a_team_is_shown_a_field_a_line(teams: Operator, name: str) -> None:
    told = teams("create", name, "--rpm", "5").stdout
    assert told == teams("show", name).stdout
    fields = dict(line.split(maxsplit=1) for line in told.splitlines())
    assert (fields["id"], fields["rpm"], fields["tpm"], fields["weight"]) == (name, "5", "-", "1")


def test_a_list_has_every_team_with_cells_between_tabs(teams: Operator, name: str) -> None:
    teams("create", name, "--tpm", "9", "--budget-usd", "2")
    rows = [line.split("\t") for line in teams("list").stdout.splitlines()]
    [row] = [row for row in rows if row[0] == name]
    assert row[1:-1] == ["1", "none", "9", "none", "$2/month"]
    assert shown(teams, name) in parsed(teams("list", "--json"))


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (["--weight", "9"], {"weight": 9}),
        (["--rpm", "0", "--burst", "default"], {"rpm": 0, "burst": None}),
        (["--budget-usd", "0", "--no-shadow"], {"budget_usd": None, "shadow": False}),
    ],
    ids=["weight", "rates", "budget"],
)
def test_what_is_set_changes_and_the_rest_stays(
    teams: Operator, name: str, options: list[str], changed: dict[str, Any]
) -> None:
    teams("create", name, "--rpm", "5", "--burst", "2", "--budget-usd", "1", "--shadow")
    before = shown(teams, name)
    told = parsed(teams("set", name, *options, "--json"))
    assert told == shown(teams, name) == before | changed


def test_a_team_that_has_keys_is_not_deleted(teams: Operator, store: Store, name: str) -> None:
    teams("create", name)
    key, _ = issue(store, team=name)
    told = teams("delete", name, status=1).stderr
    assert told == f"Error: The team {name!r} has keys: {key.id}. Move or revoke them first.\n"
    store.run(client_keys.revoke(key.id, 1))
    assert teams("delete", name).stderr == f"The team {name} is deleted.\n"
    assert "There is no team" in teams("show", name, status=1).stderr


def test_a_damaged_team_is_deleted(teams: Operator, store: Store, name: str) -> None:
    teams("create", name)
    put(store, keyspace.team(name), weight="x")
    assert teams("delete", name).stderr == f"The team {name} is deleted.\n"
    assert "There is no team" in teams("show", name, status=1).stderr


def test_a_team_is_not_made_twice(teams: Operator, name: str) -> None:
    teams("create", name)
    told = teams("create", name, status=1).stderr
    assert told == f"Error: There is a team {name!r} already.\n"


@pytest.mark.parametrize("verb", ["show", "set", "delete"])
@pytest.mark.parametrize("wrong", ["nobody", "../x"])
def test_a_team_that_is_not_there_is_told(teams: Operator, verb: str, wrong: str) -> None:
    options = ("--rpm", "5") if verb == "set" else ()
    told = teams(verb, wrong, *options, status=1).stderr
    assert told == f"Error: There is no team {wrong!r}: the list of teams has them all.\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["create", "a b"], "'name' should be 1 to 64 of"),
        (["create", "a", "--weight", "0"], "0 is not in the range"),
        (["create", "a", "--rpm", "-1"], "-1 is not in the range"),
        (["set", "a"], "Nothing to change"),
    ],
    ids=["name", "weight", "rate", "nothing"],
)
def test_wrong_usage_is_told(teams: Operator, arguments: list[str], told: str) -> None:
    assert told in teams(*arguments, status=2).stderr


def test_where_redis_is_gone_it_says_so(teams: Operator) -> None:
    told = teams("list", status=1, REDIS_URL=f"redis://127.0.0.1:{free_port()}").stderr
    assert told == "Error: Redis cannot be reached: is it up, and REDIS_URL right?\n"
