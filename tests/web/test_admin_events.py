"""GET /admin/api/events: who changed what, and never a secret."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from proxy.store import client_keys, keyspace
from proxy.store.connection import Command
from tests.store.samples import hash_of
from tests.support.service import ADMIN_TOKEN, CANARY
from tests.web.admin import KEYS, TEAMS, formed, made, sent
from tests.web.refusals import refused

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.support.service import Client

EVENTS = "/admin/api/events"


def events_of(admin: Client, target: str) -> list[dict[str, Any]]:
    """What was done to a key or a team, oldest first."""
    told = admin.get(EVENTS, params={"limit": 1000}).json()["data"]
    return [event for event in reversed(told) if event["target"] == target]


def test_all_that_happens_to_a_key_is_told(admin: Client) -> None:
    team = formed(admin, f"team-{client_keys.new_id()}")["id"]
    key = made(admin, name="Ada", team=team, rpm=5)["id"]
    sent(admin, f"PATCH {KEYS}/{key}", rpm=None, team=None, budget_usd=2, name="Bob")
    sent(admin, f"POST {KEYS}/{key}/rotate", overlap=60)
    admin.request("DELETE", f"{KEYS}/{key}")
    created, changed, rotated, revoked = events_of(admin, key)
    assert created["changes"] == {"name": [None, "Ada"], "team": [None, team], "rpm": [None, 5]}
    assert changed["changes"] == {
        "name": ["Ada", "Bob"],
        "team": [team, None],
        "rpm": [5, None],
        "budget_usd": [None, 2.0],
    }
    assert rotated["changes"].keys() == {"overlap_until"}
    assert revoked["changes"].keys() == {"revoked_at"}
    told = [event["action"] for event in (created, changed, rotated, revoked)]
    assert told == ["key.created", "key.changed", "key.rotated", "key.revoked"]
    assert {event["actor"] for event in (created, changed, rotated, revoked)} == {"admin"}
    assert all(abs(event["at"] - time.time()) < 60 for event in (created, revoked))


def test_all_that_happens_to_a_team_is_told(admin: Client) -> None:
    name = f"team-{client_keys.new_id()}"
    formed(admin, name, rpm=5, weight=2)
    sent(admin, f"PATCH {TEAMS}/{name}", weight=3)
    admin.request("DELETE", f"{TEAMS}/{name}")
    told = [(event["action"], event["changes"]) for event in events_of(admin, name)]
    assert told == [
        ("team.created", {"weight": [None, 2], "rpm": [None, 5]}),
        ("team.changed", {"weight": [2, 3]}),
        ("team.deleted", {"weight": [3, None], "rpm": [5, None]}),
    ]


def test_what_changes_nothing_is_not_told(admin: Client) -> None:
    key = made(admin, rpm=5)["id"]
    sent(admin, f"PATCH {KEYS}/{key}", rpm=5, team=None)
    sent(admin, f"PATCH {KEYS}/{key}", rpm="wrong")
    admin.request("DELETE", f"{KEYS}/{key}")
    admin.request("DELETE", f"{KEYS}/{key}")
    told = [event["action"] for event in events_of(admin, key)]
    assert told == ["key.created", "key.revoked"]


def test_no_secret_is_in_the_log(admin: Client, store: Store) -> None:
    key = made(admin)
    renewed = sent(admin, f"POST {KEYS}/{key['id']}/rotate", overlap=60).json()["key"]
    kept = hash_of(store, keyspace.client_key(key["id"]))
    raw = store.run(Command(("XRANGE", keyspace.audit(), "-", "+"), repr))
    told = raw + json.dumps(admin.get(EVENTS, params={"limit": 1000}).json())
    assert key["id"] in told
    secrets = [parts[1] for parts in map(client_keys.split, (key["key"], renewed)) if parts]
    assert len(secrets) == 2
    for secret in (*secrets, kept["hash"], kept["former_hash"], ADMIN_TOKEN, CANARY):
        assert secret not in told


def test_pages_go_on_where_the_one_before_ended(admin: Client) -> None:
    ids = [made(admin)["id"] for _ in range(3)]
    read: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while not {event["target"] for event in read} >= set(ids):
        page = admin.get(EVENTS, params={"limit": 2} | cursor).json()
        assert page["object"] == "list"
        assert len(page["data"]) == 2
        read += page["data"]
        cursor = {"cursor": page["next_cursor"]}
    assert len({event["id"] for event in read}) == len(read)
    assert [event["target"] for event in read if event["target"] in ids] == ids[::-1]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "0-0"}, "cursor"),
        ({"cursor": "-"}, "cursor"),
        ({"colour": "red"}, "colour"),
    ],
    ids=repr,
)
def test_a_wrong_option_is_named(admin: Client, query: dict[str, str], param: str) -> None:
    refused(admin.get(EVENTS, params=query), 400, "invalid_request", param)
