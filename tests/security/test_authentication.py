"""Who pretends: nothing but a good key of one's own opens anything, and no answer tells why not."""

from __future__ import annotations

import base64
import statistics
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from proxy.domain.browser_tokens import seal
from proxy.store import client_keys
from tests.support.keys import issue
from tests.support.service import ADMIN_TOKEN, CANARY
from tests.web.raw_http import exchange
from tests.web.refusals import refused
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.store.client_keys import ClientKey
    from proxy.store.connection import Store
    from tests.conftest import StartService
    from tests.support.service import Client, Service

FORGED: dict[str, Callable[[ClientKey, str, str], str]] = {
    "nothing": lambda key, token, other: "",
    "another key's secret": lambda key, token, other: f"sk-proxy-{key.id}-{other[-43:]}",
    "another key's id": lambda key, token, other: other[:19] + token[19:],
    "the hash in place of the secret": lambda key, token, other: f"sk-proxy-{key.id}-{key.hash}",
    "no secret": lambda key, token, other: f"sk-proxy-{key.id}-",
    "no id": lambda key, token, other: f"sk-proxy--{token[-43:]}",
    "all but the last character": lambda key, token, other: token[:-1],
    "a character more": lambda key, token, other: token + "A",
    "a dash more": lambda key, token, other: token.replace("sk-proxy-", "sk-proxy--"),
    "capitals": lambda key, token, other: token.upper(),
    "another prefix": lambda key, token, other: token.replace("sk-proxy-", "sk-"),
    "a Cyrillic letter": lambda key, token, other: token.replace("sk", "\u0455k", 1),
    "a full-width letter": lambda key, token, other: token.replace("s", "\uff53", 1),
    "a soft hyphen": lambda key, token, other: token + "\u00ad",
    "percent encoding": lambda key, token, other: token.replace("-", "%2D"),
    "quotes": lambda key, token, other: f'"{token}"',
    "a comma and a key": lambda key, token, other: f"{token},{token}",
    "a parameter": lambda key, token, other: f'token="{token}"',
    "a glob": lambda key, token, other: f"sk-proxy-*-{token[-43:]}",
    "a path": lambda key, token, other: f"sk-proxy-../{key.id}-{token[-43:]}",
    "a Redis key": lambda key, token, other: f"sk-proxy-{{o:key:{key.id}}}-{token[-43:]}",
    "a tab within": lambda key, token, other: token[:9] + "\t" + token[9:],
    "the upstream key": lambda key, token, other: CANARY,
    "the admin token": lambda key, token, other: ADMIN_TOKEN,
    "a token made by hand": lambda key, token, other: f"ut-proxy-{_payload(key)}.{'A' * 43}",
    "a token without signature": lambda key, token, other: f"ut-proxy-{_payload(key)}.",
    "the word none": lambda key, token, other: f"ut-proxy-none.{_payload(key)}.{'A' * 43}",
    "7,000 letters": lambda key, token, other: "sk-proxy-a-" + "x" * 7_000,
    "7,000 letters of a token": lambda key, token, other: "ut-proxy-" + "x" * 7_000,
}
"""What is sent, of a key's record, its token and another good token."""


def _payload(key: ClientKey) -> str:
    written = f'["{key.id}","{seal(key.hash)}","ada",99999999999999,"",[0,0,0,0]]'
    return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


@pytest.mark.parametrize("what", FORGED)
def test_what_is_forged_is_refused_in_the_words_for_nothing(
    service: Service, store: Store, what: str
) -> None:
    (key, token), (_, other) = issue(store), issue(store)
    header = f"Bearer {FORGED[what](key, token, other)}".encode()
    nobody = service.client()
    for path in ("/sessions", "/v1/models", "/chat/turns/t_aaaaaaaaaaaaaaaaaaaaaa/events"):
        answer = nobody.get(path, headers={"Authorization": header})
        refused(answer, 401, "invalid_api_key")
        assert answer.content == nobody.get(path).content


ELSEWHERE = (
    "X-API-Key",
    "Api-Key",
    "X-Authorization",
    "X-Forwarded-Authorization",
    "Proxy-Authorization",
    "X-Original-Authorization",
    "OpenAI-API-Key",
    "Sec-WebSocket-Protocol",
)


@pytest.mark.parametrize("header", ELSEWHERE)
def test_a_key_in_another_header_opens_nothing(service: Service, store: Store, header: str) -> None:
    token = issue(store)[1]
    answer = service.client().get("/sessions", headers={header: f"Bearer {token}"})
    refused(answer, 401, "invalid_api_key")


@pytest.mark.parametrize("name", ["key", "api_key", "access_token", "token", "Authorization"])
def test_a_key_in_the_address_or_a_cookie_opens_nothing(
    service: Service, store: Store, name: str
) -> None:
    token, nobody = issue(store)[1], service.client()
    refused(nobody.get("/sessions", params={name: token}), 401, "invalid_api_key")
    refused(nobody.get("/sessions", cookies={name: token}), 401, "invalid_api_key")


@pytest.mark.parametrize("scheme", ["Basic", "Digest", "Token", "ApiKey", "Bearer:", "BearerX"])
def test_a_key_of_another_scheme_opens_nothing(service: Service, store: Store, scheme: str) -> None:
    token = issue(store)[1]
    for given in (token, base64.b64encode(f":{token}".encode()).decode()):
        answer = service.client().get("/sessions", headers={"Authorization": f"{scheme} {given}"})
        refused(answer, 401, "invalid_api_key")


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("other", ["Bearer x", "Basic eDp5", "{good}"])
def test_of_two_authorizations_none_counts(
    service: Service, store: Store, other: str, first: bool
) -> None:
    good = f"Bearer {issue(store)[1]}"
    lines = [good, other.format(good=good)]
    sent = "\r\nAuthorization: ".join(lines if first else reversed(lines))
    head = f"GET /sessions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {sent}"
    assert exchange(service.port, f"{head}\r\n\r\n".encode(), "GET").status == 401


@pytest.mark.parametrize("byte", [b"\x00", b"\r", b"\n", b"\x7f", b"\xff", b"\xc3\xa4"])
def test_odd_bytes_behind_a_key_open_nothing(service: Service, store: Store, byte: bytes) -> None:
    good = issue(store)[1].encode()
    head = b"GET /sessions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
    assert exchange(service.port, head + good + byte + b"\r\n\r\n", "GET").status in {400, 401}


ADMIN = (
    "GET /admin/api/keys",
    "POST /admin/api/keys",
    "PATCH /admin/api/keys/x",
    "DELETE /admin/api/keys/x",
    "POST /admin/api/keys/x/rotate",
    "GET /admin/api/teams",
    "DELETE /admin/api/teams/x",
    "GET /admin/api/usage",
    "GET /admin/api/limits",
    "GET /admin/api/events",
)


@pytest.mark.parametrize("line", ADMIN)
def test_no_key_of_a_client_opens_the_admin_interface(
    service: Service, store: Store, line: str
) -> None:
    method, path = line.split(" ")
    holder = service.client(issue(store)[1])
    user = holder.post("/tokens", json={"user": "admin"}).json()["token"]
    for bearer in (holder.headers["Authorization"][7:], user, CANARY, "", "~" * 40):
        answer = service.client(bearer).request(method, path, data=b"{")
        refused(answer, 401, "invalid_api_key")


@pytest.mark.parametrize("line", ["POST /tokens", "POST /chat", "GET /sessions", "GET /v1/models"])
def test_the_admin_token_is_no_client_s(admin: Client, line: str) -> None:
    method, path = line.split(" ")
    refused(admin.request(method, path), 401, "invalid_api_key")


STATES: dict[str, dict[str, int]] = {
    "expired": {"expires_at": 1},
    "revoked": {"revoked_at": 1},
    "revoked in the future": {"revoked_at": 2**40},
    "revoked and not expired": {"revoked_at": 1, "expires_at": 2**40},
}


@pytest.mark.parametrize("state", STATES)
def test_what_was_a_key_is_none_for_its_tokens_either(
    service: Service, store: Store, state: str
) -> None:
    key, token = issue(store)
    user = service.client(token).post("/tokens", json={"user": "ada"}).json()["token"]
    ended = replace(key, **STATES[state])  # type: ignore[arg-type]
    store.run(client_keys.change(ended, STATES[state]))
    fresh, fresh_token = issue(store, **STATES[state])
    refused(service.client(fresh_token).get("/sessions"), 401, "invalid_api_key")
    deadline = time.monotonic() + 30
    while service.client(user).get("/sessions").ok or service.client(token).get("/sessions").ok:
        assert time.monotonic() < deadline, f"{fresh.id} is still good"
        time.sleep(0.1)


def test_refusals_take_as_long_for_a_key_that_exists(
    start_service: StartService, store: Store
) -> None:
    service = start_service(PROXY_WRONG_KEY_DELAY="0", **QUICK_STOP)
    known = [issue(store)[0].id for _ in range(30)]
    unknown = [client_keys.new_id() for _ in range(30)]
    took: dict[bool, list[float]] = {True: [], False: []}
    for pair in zip(known, unknown, strict=True):
        for exists, key_id in zip((True, False), pair, strict=True):
            stranger = service.client(client_keys.token(key_id, client_keys.new_secret()))
            begun = time.perf_counter()
            assert stranger.get("/sessions").status_code == 401
            took[exists].append(time.perf_counter() - begun)
    fast, slow = sorted(map(statistics.median, took.values()))
    assert slow < 3 * fast
