"""GET /admin/api/limits: every balance, and what the next request of a key would meet."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from proxy.settings import load
from proxy.store import client_keys
from proxy.store.connection import Store
from tests.support.keys import form_team, issue
from tests.support.redis_server import RedisServer
from tests.support.service import ADMIN_TOKEN, CANARY
from tests.support.waiting import wait_until
from tests.web.refusals import refused
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

LIMITS = "/admin/api/limits"


@pytest.fixture
def fresh() -> Iterator[tuple[Store, str]]:
    """A Redis that nobody has used, and its URL."""
    with RedisServer() as server:
        store = Store(load({"REDIS_URL": server.url, "OPENAI_API_KEY": CANARY}))
        yield store, server.url
        store.close()


def explained(admin: Client, key_id: str, **query: Any) -> dict[str, Any]:
    answer = admin.get(LIMITS, params={"explain": key_id, **query})
    assert answer.ok, answer.text
    told: dict[str, Any] = answer.json()
    return told


def listed(admin: Client) -> list[dict[str, Any]]:
    """All limits."""
    answer = admin.get(LIMITS)
    assert answer.ok, answer.text
    told: list[dict[str, Any]] = answer.json()["data"]
    return told


def of(told: list[dict[str, Any]], scope: str, owner: str) -> dict[str, dict[str, Any]]:
    """The limits of an owner, by resource."""
    return {
        limit["resource"]: limit
        for limit in told
        if (limit["scope"], limit["id"]) == (scope, owner)
    }


# All


def test_where_there_is_nothing_the_list_is_empty(
    start_service: StartService, fresh: tuple[Store, str]
) -> None:
    service = start_service(REDIS_URL=fresh[1], PROXY_ADMIN_TOKEN=ADMIN_TOKEN, **QUICK_STOP)
    admin = service.client(ADMIN_TOKEN)
    assert admin.get(LIMITS).json() == {"object": "list", "data": []}


def test_the_limits_of_500_keys_are_all_told(
    start_service: StartService, fresh: tuple[Store, str]
) -> None:
    store, url = fresh
    team = form_team(store, rpm=5, budget_usd=2)
    ids = {issue(store, rpm=7, tpm=8, max_parallel=2, team=team)[0].id for _ in range(500)}
    service = start_service(
        REDIS_URL=url, PROXY_ADMIN_TOKEN=ADMIN_TOKEN, PROXY_UPSTREAM_RPM="90", **QUICK_STOP
    )
    told = listed(service.client(ADMIN_TOKEN))
    assert {limit["id"] for limit in told if limit["scope"] == "key"} == ids
    assert len(told) == 500 * 3 + 2 + 1
    assert {(limit["resource"], limit["remaining"]) for limit in told} == {
        ("requests", 90),
        ("requests", 7),
        ("requests", 5),
        ("tokens", 8),
        ("concurrency", 2),
        ("usd", 2.0),
    }


def test_a_key_that_is_not_active_has_no_limits_to_tell(admin: Client, store: Store) -> None:
    now = int(time.time())
    gone = issue(store, revoked_at=now)[0].id, issue(store, expires_at=now - 1)[0].id
    told = listed(admin)
    assert not {limit["id"] for limit in told} & set(gone)


def test_what_chatgpt_told_of_its_limits_is_told(
    admin: Client, api: Client, chatgpt: Control
) -> None:
    chatgpt.limits(requests=1000, tokens=100_000)
    assert api.chat().ok

    def learned() -> dict[str, dict[str, Any]]:
        return of(listed(admin), "model", "gpt-6-luna")

    wait_until(learned, "the limits to be learned")
    told = learned()
    assert told["requests"]["mode"] == "learned"
    assert 0 < told["requests"]["burst"] <= 1000
    assert 0 < told["tokens"]["remaining"] <= 100_000


# Explained


def test_every_limit_of_a_key_is_explained_with_its_balance(
    admin: Client, service: Service, store: Store, chatgpt: Control
) -> None:
    team = form_team(store, tpm=90_000, budget_usd=2, budget_period="day", shadow=True)
    key, token = issue(store, rpm=1, burst=5, tpm=0, max_parallel=4, team=team)
    for _ in range(2):
        assert service.client(token).chat().ok
    told = explained(admin, key.id)
    assert (told["object"], told["key"], told["team"]) == ("explanation", key.id, team)
    own, shared = of(told["limits"], "key", key.id), of(told["limits"], "team", team)
    assert own.keys() == {"requests", "concurrency"}
    assert (own["requests"]["rate"], own["requests"]["burst"]) == (1, 5)
    assert (own["requests"]["remaining"], own["requests"]["mode"]) == (3, "enforced")
    assert 0 < own["requests"]["full_in_s"] <= 120
    assert (own["concurrency"]["remaining"], own["concurrency"]["period"]) == (4, None)
    assert shared.keys() == {"tokens", "usd"}
    assert {limit["mode"] for limit in shared.values()} == {"shadow"}
    assert (shared["usd"]["burst"], shared["usd"]["period"]) == (2.0, "day")
    assert 1.9 < shared["usd"]["remaining"] < 2
    assert told["next"]["passes"]


def test_an_explanation_takes_nothing(admin: Client, store: Store) -> None:
    key, _ = issue(store, rpm=1, burst=5)
    told = [explained(admin, key.id)["limits"] for _ in range(3)]
    assert told[0] == told[1] == told[2]


def test_a_refusal_is_foretold_with_its_limit_and_its_wait(
    admin: Client, service: Service, store: Store, chatgpt: Control
) -> None:
    key, token = issue(store, rpm=1)
    api = service.client(token)
    assert api.chat().ok
    foretold = explained(admin, key.id)["next"]
    met = api.chat()
    assert (foretold["passes"], foretold["code"]) == (False, met.json()["error"]["code"])
    assert (foretold["limit"]["scope"], foretold["limit"]["resource"]) == ("key", "requests")
    assert int(met.headers["retry-after-ms"]) / 1000 <= foretold["wait_s"] + 0.001 <= 60.001


def test_a_spent_budget_is_foretold_until_it_renews_itself(
    admin: Client, service: Service, store: Store, chatgpt: Control
) -> None:
    key, token = issue(store, budget_usd=0.001, budget_period="day")
    chatgpt.queue(
        usage={"prompt_tokens": 9000, "completion_tokens": 90_000, "total_tokens": 99_000}
    )
    assert service.client(token).chat().ok
    told = explained(admin, key.id)
    foretold, budget = told["next"], of(told["limits"], "key", key.id)["usd"]
    assert 0.001 < budget["short"] < 1
    assert (foretold["code"], foretold["limit"]["resource"]) == ("insufficient_quota", "usd")
    assert 0 < foretold["wait_s"] <= 86_400


@pytest.mark.parametrize(
    ("fields", "query", "code", "resource"),
    [
        ({"revoked_at": 1}, {}, "invalid_api_key", None),
        ({"expires_at": 1}, {}, "invalid_api_key", None),
        ({"models": ("o4-mini",)}, {}, "model_not_allowed", None),
        ({"budget_usd": 5.0}, {"model": "nobody-knows-it"}, "model_not_allowed", "usd"),
        ({"tpm": 500}, {"tokens": 501}, "invalid_request", "tokens"),
    ],
    ids=["revoked", "expired", "model", "price", "too much"],
)
def test_what_no_wait_mends_is_told_without_one(
    admin: Client,
    store: Store,
    fields: dict[str, Any],
    query: dict[str, Any],
    code: str,
    resource: str | None,
) -> None:
    foretold = explained(admin, issue(store, **fields)[0].id, **query)["next"]
    limit = foretold["limit"] or {"resource": None}
    assert (foretold["passes"], foretold["code"], foretold["wait_s"]) == (False, code, None)
    assert limit["resource"] == resource


@pytest.mark.parametrize(
    ("fields", "query"),
    [
        ({"models": ("o4-mini",)}, {"model": "o4-mini"}),
        ({"tpm": 500}, {"tokens": 500}),
        ({"tpm": 500, "shadow": True}, {"tokens": 501}),
        ({"rpm": 0, "tpm": 0}, {}),
    ],
    ids=["model", "just", "shadow", "no limits"],
)
def test_what_passes_is_said_to_pass(
    admin: Client, store: Store, chatgpt: Control, fields: dict[str, Any], query: dict[str, Any]
) -> None:
    foretold = explained(admin, issue(store, **fields)[0].id, **query)["next"]
    assert foretold["passes"], foretold


def test_a_key_that_is_not_there_is_a_404(admin: Client) -> None:
    for key_id in ("nobody", "", "no:body", client_keys.new_id()):
        refused(admin.get(LIMITS, params={"explain": key_id}), 404, "not_found")


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"explain": "x", "tokens": "0"}, "tokens"),
        ({"explain": "x", "tokens": "many"}, "tokens"),
        ({"explain": "x", "model": ""}, "model"),
        ({"model": "gpt-6-luna"}, "model"),
        ({"tokens": "5"}, "tokens"),
        ({"colour": "red"}, "colour"),
    ],
    ids=repr,
)
def test_a_wrong_option_is_named(admin: Client, query: dict[str, str], param: str) -> None:
    refused(admin.get(LIMITS, params=query), 400, "invalid_request", param)
