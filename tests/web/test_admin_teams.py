"""/admin/api/teams: made, listed, read, changed, deleted; shared by their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxy.store import client_keys
from tests.support.waiting import wait_until
from tests.web.admin import KEYS, TEAMS, WRONG_LIMITS, formed, made, sent
from tests.web.refusals import refused

if TYPE_CHECKING:
    import requests

    from tests.support.service import Client, Service
    from tests.support.simulator import Control

EVERYTHING: dict[str, Any] = {
    "weight": 7,
    "rpm": 5,
    "tpm": 0,
    "burst": 2,
    "max_parallel": 3,
    "budget_usd": 0.25,
    "budget_period": "day",
    "shadow": True,
}
DEFAULTS: dict[str, Any] = {
    "weight": 1,
    **dict.fromkeys(("rpm", "tpm", "burst", "max_parallel", "budget_usd")),
    "budget_period": "month",
    "shadow": False,
}


@pytest.fixture
def name() -> str:
    """A name that no team has."""
    return f"team-{client_keys.new_id()}"


def remaining(answer: requests.Response) -> int:
    return int(answer.headers["x-ratelimit-remaining-requests"])


def test_a_new_team_has_the_defaults_and_says_where_it_is(admin: Client, name: str) -> None:
    answer = sent(admin, f"POST {TEAMS}", name=name)
    team = answer.json()
    assert answer.headers["Location"] == f"{TEAMS}/{name}"
    created = {"created_at": team["created_at"]}
    assert team == {"id": name, "object": "team"} | created | DEFAULTS
    assert admin.get(f"{TEAMS}/{name}").json() == team


def test_all_that_is_asked_for_is_kept_and_listed(admin: Client, name: str) -> None:
    team = formed(admin, name, **EVERYTHING)
    assert {field: team[field] for field in EVERYTHING} == EVERYTHING
    assert team in admin.get(TEAMS).json()["data"]


@pytest.mark.parametrize("field", [*EVERYTHING])
def test_a_field_is_changed_and_cleared_without_the_others(
    admin: Client, name: str, field: str
) -> None:
    before = formed(admin, name)
    one = f"{TEAMS}/{name}"
    changed = sent(admin, f"PATCH {one}", **{field: EVERYTHING[field]})
    assert changed.json() == before | {field: EVERYTHING[field]}
    assert admin.get(one).json() == changed.json()
    assert sent(admin, f"PATCH {one}", **{field: None}).json() == before


def test_a_team_is_not_made_twice(admin: Client, name: str) -> None:
    formed(admin, name, rpm=5)
    refused(sent(admin, f"POST {TEAMS}", name=name), 409, "conflict")
    assert admin.get(f"{TEAMS}/{name}").json()["rpm"] == 5


def test_a_team_is_deleted_once_its_last_key_is_gone(admin: Client, name: str) -> None:
    formed(admin, name)
    moved, revoked = (f"{KEYS}/{made(admin, team=name)['id']}" for _ in range(2))
    refused(admin.request("DELETE", f"{TEAMS}/{name}"), 409, "conflict")
    sent(admin, f"PATCH {moved}", team=None)
    refused(admin.request("DELETE", f"{TEAMS}/{name}"), 409, "conflict")
    admin.request("DELETE", revoked)
    assert admin.request("DELETE", f"{TEAMS}/{name}").status_code == 204
    refused(admin.get(f"{TEAMS}/{name}"), 404, "not_found")


@pytest.mark.parametrize(
    "line",
    [
        "GET /admin/api/teams/nobody",
        "PATCH /admin/api/teams/nobody",
        "DELETE /admin/api/teams/nobody",
        "GET /admin/api/teams/no:body",
        "GET /admin/api/teams/" + "a" * 65,
    ],
    ids=["get", "patch", "delete", "colon", "long"],
)
def test_a_team_that_is_not_there_is_a_404(admin: Client, line: str) -> None:
    refused(sent(admin, line), 404, "not_found")


WRONG = [
    *WRONG_LIMITS,
    ("weight", 0),
    ("weight", 1001),
    ("weight", 1.5),
    ("created_at", 5),
    ("id", "x"),
    ("colour", "red"),
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=map(repr, WRONG))
def test_a_wrong_field_is_named_and_changes_nothing(
    admin: Client, name: str, field: str, value: object
) -> None:
    answer = sent(admin, f"POST {TEAMS}", name=name, **{field: value})
    refused(answer, 400, "invalid_request", field)
    refused(admin.get(f"{TEAMS}/{name}"), 404, "not_found")
    team = formed(admin, name)
    refused(sent(admin, f"PATCH {TEAMS}/{name}", **{field: value}), 400, "invalid_request", field)
    assert admin.get(f"{TEAMS}/{name}").json() == team


@pytest.mark.parametrize("wrong", ["", "-x", "a b", "ä", "a/b", "a" * 65, 5, None], ids=repr)
def test_a_name_is_letters_digits_and_a_few_signs(admin: Client, wrong: object) -> None:
    refused(sent(admin, f"POST {TEAMS}", name=wrong), 400, "invalid_request", "name")


def test_a_team_s_name_stays(admin: Client, name: str) -> None:
    formed(admin, name)
    refused(sent(admin, f"PATCH {TEAMS}/{name}", name="x"), 400, "invalid_request", "name")


def test_two_keys_share_their_team_s_limit(
    admin: Client, service: Service, chatgpt: Control, name: str
) -> None:
    formed(admin, name, rpm=1, burst=3)
    one, other = (service.client(made(admin, team=name)["key"]) for _ in range(2))
    answers = [caller.chat() for caller in (one, other, one, other, one)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert f"the team {name}" in answers[3].json()["error"]["message"]


def test_a_changed_limit_acts_within_five_seconds_and_keeps_the_balance(
    admin: Client, service: Service, chatgpt: Control, name: str
) -> None:
    formed(admin, name, rpm=1, burst=10)
    caller = service.client(made(admin, team=name, rpm=0)["key"])
    assert [remaining(caller.chat()) for _ in range(3)] == [9, 8, 7]
    sent(admin, f"PATCH {TEAMS}/{name}", burst=8)

    def limit() -> str:
        # A request that is refused for its own sake is free, and still told the limits.
        return caller.chat(top_k=5).headers["x-ratelimit-limit-requests"]

    wait_until(lambda: {limit() for _ in range(8)} == {"8"}, "the new limit", seconds=5)
    assert remaining(caller.chat()) in {6, 7}
