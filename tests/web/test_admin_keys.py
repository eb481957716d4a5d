"""/admin/api/keys: made, listed, read, changed, rotated, revoked."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from proxy.store import client_keys, keyspace
from tests.store.samples import hash_of
from tests.support.keys import form_team
from tests.support.waiting import wait_until
from tests.web.admin import KEYS, WRONG_LIMITS, made, sent
from tests.web.refusals import refused

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

EVERYTHING: dict[str, Any] = {
    "name": "Ada & Grüße",
    "models": ["gpt-6-luna", "o4-mini"],
    "expires_at": 4_000_000_000,
    "rpm": 5,
    "tpm": 0,
    "burst": 2,
    "max_parallel": 3,
    "budget_usd": 0.25,
    "budget_period": "day",
    "shadow": True,
}
DEFAULTS: dict[str, Any] = {
    "team": None,
    "models": [],
    "expires_at": None,
    "revoked_at": None,
    **dict.fromkeys(("rpm", "tpm", "burst", "max_parallel", "budget_usd")),
    "budget_period": "month",
    "shadow": False,
}


def test_a_new_key_opens_the_service(admin: Client, service: Service, chatgpt: Control) -> None:
    assert service.client(made(admin)["key"]).chat().ok


def test_a_new_key_has_the_defaults_and_says_where_it_is(admin: Client) -> None:
    answer = sent(admin, f"POST {KEYS}", name="Ada")
    key = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{KEYS}/{key['id']}"
    fixed = {"id": key["id"], "object": "client_key", "state": "active", "name": "Ada"}
    assert key == {**fixed, **DEFAULTS, "created_at": key["created_at"], "key": key["key"]}
    assert abs(key["created_at"] - time.time()) < 60


def test_all_that_is_asked_for_is_kept(admin: Client, store: Store) -> None:
    wanted = EVERYTHING | {"team": form_team(store)}
    key = made(admin, **wanted)
    assert {name: key[name] for name in wanted} == wanted
    del key["key"]
    assert admin.get(f"{KEYS}/{key['id']}").json() == key


def test_the_secret_is_told_once_and_kept_nowhere(admin: Client, store: Store) -> None:
    key = made(admin)
    _, secret = client_keys.split(key["key"]) or ("", "")
    assert secret
    told = admin.get(f"{KEYS}/{key['id']}").text + admin.get(KEYS).text
    told += sent(admin, f"PATCH {KEYS}/{key['id']}", rpm=3).text
    kept = hash_of(store, keyspace.client_key(key["id"]))
    assert secret not in told + str(kept)
    assert kept["hash"] not in told


def test_the_list_has_every_key_oldest_first(admin: Client) -> None:
    ids = [made(admin)["id"] for _ in range(3)]
    listed = admin.get(KEYS).json()
    assert listed["object"] == "list"
    assert {key["id"] for key in listed["data"]} >= set(ids)
    times = [key["created_at"] for key in listed["data"]]
    assert times == sorted(times)


@pytest.mark.parametrize("name", [*EVERYTHING])
def test_a_field_is_changed_and_cleared_without_the_others(admin: Client, name: str) -> None:
    key = made(admin)
    one = f"{KEYS}/{key['id']}"
    before = admin.get(one).json()
    changed = sent(admin, f"PATCH {one}", **{name: EVERYTHING[name]})
    assert changed.json() == before | {name: EVERYTHING[name]}
    assert admin.get(one).json() == changed.json()
    if name != "name":
        assert sent(admin, f"PATCH {one}", **{name: None}).json() == before


def test_a_key_is_put_into_a_team_and_taken_out_again(admin: Client, store: Store) -> None:
    team, one = form_team(store), f"{KEYS}/{made(admin)['id']}"
    assert sent(admin, f"PATCH {one}", team=team).json()["team"] == team
    assert sent(admin, f"PATCH {one}", team=None).json()["team"] is None


def test_a_rotated_key_has_a_new_secret_and_the_overlap_that_was_asked_for(
    admin: Client, service: Service
) -> None:
    key = made(admin)
    kept = sent(admin, f"POST {KEYS}/{key['id']}/rotate", overlap=3600).json()
    assert {**kept, "key": key["key"]} == key
    assert all(service.client(good).get("/sessions").ok for good in (key["key"], kept["key"]))
    last = admin.post(f"{KEYS}/{key['id']}/rotate").json()
    assert service.client(last["key"]).get("/sessions").ok


def test_a_rotation_without_an_overlap_ends_the_former_secret(
    admin: Client, service: Service
) -> None:
    key = made(admin)
    sent(admin, f"POST {KEYS}/{key['id']}/rotate")
    refused(service.client(key["key"]).get("/sessions"), 401, "invalid_api_key")


def test_a_revocation_is_seen_by_every_worker_within_five_seconds(
    admin: Client, service: Service
) -> None:
    key = made(admin)
    caller = service.client(key["key"])
    with ThreadPoolExecutor(8) as many:

        def opens() -> list[bool]:
            return [*many.map(lambda _: caller.get("/sessions").ok, range(40))]

        assert all(opens())
        answer = admin.request("DELETE", f"{KEYS}/{key['id']}")
        assert (answer.status_code, answer.content) == (204, b"")
        wait_until(lambda: not any(opens()), "the revoked key to be refused", seconds=5)


def test_a_revoked_key_s_record_stays_and_no_change_undoes_it(admin: Client) -> None:
    one = f"{KEYS}/{made(admin)['id']}"
    admin.request("DELETE", one)
    revoked = admin.get(one).json()
    assert (revoked["state"], revoked["revoked_at"] > 0) == ("revoked", True)
    assert admin.request("DELETE", one).status_code == 204
    assert sent(admin, f"PATCH {one}", rpm=1).json() == revoked | {"rpm": 1}
    refused(sent(admin, f"POST {one}/rotate"), 409, "conflict")


@pytest.mark.parametrize(
    "line",
    [
        "GET /admin/api/keys/nobody",
        "PATCH /admin/api/keys/nobody",
        "DELETE /admin/api/keys/nobody",
        "POST /admin/api/keys/nobody/rotate",
        "GET /admin/api/keys/no:body",
        "GET /admin/api/keys/%C3%A4",
        "GET /admin/api/keys/" + "a" * 1000,
    ],
    ids=["get", "patch", "delete", "rotate", "colon", "umlaut", "long"],
)
def test_a_key_that_is_not_there_is_a_404(admin: Client, line: str) -> None:
    refused(sent(admin, line), 404, "not_found")


WRONG = [
    *WRONG_LIMITS,
    ("name", ""),
    ("name", " "),
    ("name", "a\nb"),
    ("name", "a" * 101),
    ("name", 5),
    ("name", None),
    ("team", "nobody"),
    ("team", "../x"),
    ("team", 5),
    ("models", "gpt-6-luna"),
    ("models", ["a,b"]),
    ("models", [""]),
    ("models", ["a b"]),
    ("expires_at", 0),
    ("expires_at", "tomorrow"),
    ("expires_at", 253_402_300_800),
    ("revoked_at", None),
    ("hash", "x"),
    ("id", "x"),
    ("colour", "red"),
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=map(repr, WRONG))
def test_a_wrong_field_is_named_and_changes_nothing(
    admin: Client, field: str, value: object
) -> None:
    key = made(admin)
    one = f"{KEYS}/{key.pop('id')}"
    for line in (f"POST {KEYS}", f"PATCH {one}"):
        fields = {"name": "Ada", field: value}
        answer = sent(admin, line, **fields)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "invalid_request")
        assert error["param"].split(".")[0] == field
    kept = admin.get(one).json()
    assert {name: kept[name] for name in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_budget_is_a_finite_number(admin: Client, value: float) -> None:
    body = f'{{"name": "Ada", "budget_usd": {value}}}'
    answer = admin.request("POST", KEYS, data=body)
    refused(answer, 400, "invalid_request")


def test_a_key_needs_a_name(admin: Client) -> None:
    refused(sent(admin, f"POST {KEYS}"), 400, "invalid_request", "name")


@pytest.mark.parametrize("overlap", [-1, "1h", 1.5, 366 * 86_400 + 1], ids=repr)
def test_a_wrong_overlap_is_named_and_rotates_nothing(
    admin: Client, service: Service, overlap: object
) -> None:
    key = made(admin)
    answer = sent(admin, f"POST {KEYS}/{key['id']}/rotate", overlap=overlap)
    refused(answer, 400, "invalid_request", "overlap")
    assert service.client(key["key"]).get("/sessions").ok
