"""Who may come in: client keys, one wording for all that are not good, and PROXY_AUTH=open."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from proxy.store import client_keys
from tests.support.keys import issue
from tests.support.service import CANARY, Service
from tests.support.waiting import wait_until
from tests.web.refusals import refused
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from proxy.store.connection import Store
    from tests.support.simulator import Control

KEYLESS = {"/livez", "/metrics", "/readyz", "/openapi.json"}
SESSION = "s_q0mN2abcdefghijklmnop-"


def tried(service: Service, token: str) -> requests.Response:
    return service.client(token).get("/sessions")


def let_in(service: Service, token: str) -> bool:
    return tried(service, token).ok


def good_token(store: Store) -> str:
    return issue(store)[1]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer sk-proxy-",
        "Bearer sk-proxy-abc",
        "Bearer sk-proxy--x",
        "Bearer sk-proxy-unknownkey-" + "x" * 43,
        "Bearer sk-proxy-../keys-" + "x" * 43,
        f"Bearer {CANARY}",
        "Bearer " + "x" * 5_000,
        "Basic {token}",
        "{token}",
        "Bearer{token}",
        "Bearer {token}x",
        "Bearer x{token}",
        "Bearer {token}, Bearer {token}",
        "Bearer {token} {token}",
        "Bearer {TOKEN}",
        "Bearer {token}ä",
        "Bearer \xff\xfe",
    ],
)
def test_all_that_is_no_good_key_is_refused_in_the_same_words(
    service: Service, store: Store, header: str
) -> None:
    token = good_token(store)
    given = header.replace("{token}", token).replace("{TOKEN}", token.upper())
    nobody = service.client()
    answer = nobody.get("/sessions", headers={"Authorization": given.encode("latin-1")})
    refused(answer, 401, "invalid_api_key")
    assert answer.json() == nobody.get("/sessions").json()


def test_a_refusal_says_how_to_come_in(service: Service) -> None:
    answer = service.client().chat()
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "python -m proxy keys create" in answer.json()["error"]["message"]


def test_a_good_key_comes_in_however_the_scheme_is_written(service: Service, store: Store) -> None:
    token = good_token(store)
    for header in (f"Bearer {token}", f"bearer {token}", f"BEARER  {token} "):
        assert service.client().get("/sessions", headers={"Authorization": header}).ok


@pytest.mark.parametrize(
    "line",
    [
        "POST /chat",
        "POST /sessions",
        "GET /sessions",
        f"GET /sessions/{SESSION}",
        f"PATCH /sessions/{SESSION}",
        f"DELETE /sessions/{SESSION}",
        f"POST /sessions/{SESSION}/fork",
        f"POST /sessions/{SESSION}/undo",
        f"POST /sessions/{SESSION}/regenerate",
        f"GET /sessions/{SESSION}/export",
    ],
)
def test_without_a_key_nothing_is_read_or_told(service: Service, line: str) -> None:
    method, path = line.split(" ")
    answer = service.client().request(method, path, data=b"{not even JSON")
    refused(answer, 401, "invalid_api_key")


@pytest.mark.parametrize("path", sorted(KEYLESS))
def test_what_machines_ask_for_needs_no_key(service: Service, path: str) -> None:
    assert service.client().get(path).ok


def test_a_key_that_has_expired_is_refused(service: Service, store: Store) -> None:
    now = int(time.time())
    assert let_in(service, issue(store, expires_at=now + 3_600)[1])
    refused(tried(service, issue(store, expires_at=now - 1)[1]), 401, "invalid_api_key")


def test_a_key_that_was_revoked_is_refused(service: Service, store: Store) -> None:
    token = issue(store, revoked_at=int(time.time()))[1]
    refused(tried(service, token), 401, "invalid_api_key")


def test_a_key_that_is_revoked_is_out_on_every_worker_within_five_seconds(
    service: Service, store: Store
) -> None:
    key, token = issue(store)
    with ThreadPoolExecutor(8) as many:
        assert all(many.map(lambda _: let_in(service, token), range(40)))
        store.run(client_keys.revoke(key.id, int(time.time())))
        wait_until(
            lambda: not any(many.map(lambda _: let_in(service, token), range(40))),
            "the revoked key to be refused",
            seconds=5,
        )


def test_after_a_rotation_both_secrets_are_good_until_the_overlap_ends(
    service: Service, store: Store
) -> None:
    key, old = issue(store)
    secret = client_keys.new_secret()
    store.run(client_keys.rotate(key, secret, int(time.time()) + 3_600))
    assert let_in(service, old)
    assert let_in(service, client_keys.token(key.id, secret))


def test_without_an_overlap_the_old_secret_is_out(service: Service, store: Store) -> None:
    key, old = issue(store)
    secret = client_keys.new_secret()
    store.run(client_keys.rotate(key, secret, int(time.time()) - 1))
    refused(tried(service, old), 401, "invalid_api_key")
    assert let_in(service, client_keys.token(key.id, secret))


def test_a_rotated_key_keeps_its_sessions(service: Service, store: Store, chatgpt: Control) -> None:
    key, old = issue(store)
    session = service.client(old).chat().json()["session_id"]
    secret = client_keys.new_secret()
    store.run(client_keys.rotate(key, secret, 0))
    renewed = service.client(client_keys.token(key.id, secret))
    assert renewed.get(f"/sessions/{session}").ok


# Models


@pytest.mark.parametrize("fields", [{}, {"model": "gpt-5.5"}])
def test_a_key_may_use_its_own_models_alone(
    service: Service, store: Store, chatgpt: Control, fields: dict[str, str]
) -> None:
    api = service.client(issue(store, models=("gpt-4o-mini", "o4-mini"))[1])
    error = refused(api.chat("Hello", **fields), 403, "model_not_allowed", "model")
    assert "gpt-4o-mini, o4-mini" in error["message"]
    assert chatgpt.requests() == []
    assert api.chat("Hello", model="o4-mini").ok


def test_a_refused_model_costs_nothing_and_leaves_no_session(
    service: Service, store: Store
) -> None:
    api = service.client(issue(store, models=("o4-mini",), rpm=1, burst=5)[1])
    answer = api.chat("Hello")
    assert answer.headers["x-ratelimit-remaining-requests"] == "5"
    assert api.get("/sessions").json()["data"] == []


# Open


@pytest.fixture(scope="module")
def open_service(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    with Service(redis_server.url, simulator.url, PROXY_AUTH="open", **QUICK_STOP) as running:
        yield running


@pytest.mark.parametrize("token", [None, "anything", CANARY])
def test_where_all_may_come_in_no_key_is_asked_for(
    open_service: Service, chatgpt: Control, token: str | None
) -> None:
    assert open_service.client(token).chat().ok


def test_what_looks_like_a_key_must_be_one_also_where_all_may_come_in(
    open_service: Service, store: Store
) -> None:
    refused(tried(open_service, "sk-proxy-unknown-x"), 401, "invalid_api_key")
    assert let_in(open_service, good_token(store))


def test_a_key_s_sessions_are_its_own_also_where_all_may_come_in(
    open_service: Service, store: Store, chatgpt: Control
) -> None:
    session = open_service.client(good_token(store)).chat().json()["session_id"]
    answer = open_service.client().get(f"/sessions/{session}")
    refused(answer, 404, "session_not_found", "session_id")
