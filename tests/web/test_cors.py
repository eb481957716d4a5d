"""CORS: the pages of some origins, by name, and no others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from proxy.web import cors
from tests.docs import pages
from tests.streaming.listening import stream
from tests.support.service import Client, Service
from tests.web.refusals import refused
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from tests.conftest import NewKey
    from tests.support.simulator import Control

ONE, OTHER = "https://app.example.com", "http://localhost:5173"
STRANGE = [
    "https://evil.example.com",
    "https://app.example.com.evil.com",
    "https://app.example.com:8443",
    "http://app.example.com",
    "HTTPS://APP.EXAMPLE.COM",
    "https://appxexample.com",
    "null",
    "*",
    "",
]
ASK = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}
FOR_BROWSERS = {"www-authenticate", "allow", "x-content-type-options", "content-security-policy"}
"""Headers that a browser obeys, and no script needs to read."""
ADMIN_TOKEN = "an-admin-token-of-this-test-alone-0123"


@pytest.fixture(scope="module")
def for_pages(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    settings = {"PROXY_CORS_ORIGINS": f"{ONE}, {OTHER}", "PROXY_ADMIN_TOKEN": ADMIN_TOKEN}
    with Service(redis_server.url, simulator.url, **settings, **QUICK_STOP) as running:
        yield running


@pytest.fixture
def page(for_pages: Service, chatgpt: Control, new_key: NewKey) -> Client:
    """A script on one of the pages."""
    client = for_pages.client(new_key())
    client.headers["Origin"] = ONE
    return client


def granted(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that are CORS's."""
    return {n.lower(): v for n, v in headers.items() if n.lower().startswith("access-control-")}


def listed(header: str) -> set[str]:
    return {name.strip().lower() for name in header.split(",")}


@pytest.mark.parametrize("origin", [ONE, OTHER])
@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions", "/sessions/s_x", "/nothing"])
def test_a_preflight_is_answered_without_a_key(for_pages: Service, path: str, origin: str) -> None:
    answer = for_pages.client().request("OPTIONS", path, headers={"Origin": origin, **ASK})
    assert (answer.status_code, answer.content) == (204, b"")
    told = granted(answer.headers)
    assert told["access-control-allow-origin"] == origin
    assert listed(told["access-control-allow-methods"]) == {"get", "post", "patch", "delete"}
    assert listed(told["access-control-allow-headers"]) == {
        "authorization",
        "content-type",
        "idempotency-key",
        "last-event-id",
        "prefer",
        "traceparent",
        "x-request-id",
        "x-session-id",
    }
    assert int(told["access-control-max-age"]) > 0
    assert "access-control-allow-credentials" not in told
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("origin", STRANGE)
def test_pages_of_other_origins_are_told_nothing(
    for_pages: Service, new_key: NewKey, origin: str
) -> None:
    nobody = for_pages.client()
    preflight = nobody.request("OPTIONS", "/chat", headers={"Origin": origin, **ASK})
    answer = for_pages.client(new_key()).get("/sessions", headers={"Origin": origin})
    assert answer.ok
    for told in (preflight, answer):
        assert granted(told.headers) == {}
        assert told.headers["Vary"] == "Origin"


def test_without_an_origin_caches_are_told_that_it_matters(
    for_pages: Service, new_key: NewKey
) -> None:
    answer = for_pages.client(new_key()).get("/sessions")
    assert granted(answer.headers) == {}
    assert answer.headers["Vary"] == "Origin"


def test_an_answer_shows_a_page_its_limits(page: Client) -> None:
    answer = page.chat()
    told = granted(answer.headers)
    assert told.pop("access-control-allow-origin") == ONE
    exposed = listed(told.pop("access-control-expose-headers"))
    assert told == {}
    limits = {n.lower() for n in answer.headers if re.match("x-|ratelimit", n, re.IGNORECASE)}
    assert len(limits) >= 10
    assert limits - FOR_BROWSERS <= exposed


def test_every_header_that_the_documentation_tells_of_is_exposed() -> None:
    rows = pages.rows("docs/api.md", "Header of an answer")
    told = {name.lower() for row in rows for name in pages.code(row[0])}
    assert told - FOR_BROWSERS <= {name.lower() for name in cors.EXPOSED}


def test_errors_are_for_pages_too(page: Client, for_pages: Service) -> None:
    nobody = for_pages.client()
    refusals = [
        page.chat(temperature=7),
        page.get("/nothing"),
        page.request("PUT", "/chat"),
        nobody.get("/sessions", headers={"Origin": ONE}),
    ]
    assert [answer.status_code for answer in refusals] == [400, 404, 405, 401]
    for answer in refusals:
        assert answer.headers["Access-Control-Allow-Origin"] == ONE


def test_streams_are_for_pages_too(page: Client) -> None:
    with stream(page) as events:
        assert events.headers["Access-Control-Allow-Origin"] == ONE
        assert "x-turn-id" in listed(events.headers["Access-Control-Expose-Headers"])
        assert list(events)[-1].kind == "done"


def test_a_token_for_an_origin_works_on_its_pages_and_says_why_it_does_not_elsewhere(
    page: Client,
) -> None:
    minted = page.post("/tokens", json={"user": "ada", "origin": ONE}).json()
    user = Client(page.url, minted["token"])
    assert user.get("/sessions", headers={"Origin": ONE}).ok
    elsewhere = user.get("/sessions", headers={"Origin": OTHER})
    refused(elsewhere, 403, "origin_not_allowed", "Origin")
    assert elsewhere.headers["Access-Control-Allow-Origin"] == OTHER


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/api/keys", "/admin/nothing"])
def test_the_operators_side_is_for_no_page_of_another_origin(for_pages: Service, path: str) -> None:
    operator = for_pages.client(ADMIN_TOKEN)
    for headers in ({"Origin": ONE}, {"Origin": ONE, **ASK}):
        for method in ("OPTIONS", "GET"):
            answer = operator.request(method, path, headers=headers, allow_redirects=False)
            assert granted(answer.headers) == {}
            assert answer.status_code != 204


def test_without_origins_there_is_no_cors(service: Service, new_key: NewKey) -> None:
    answer = service.client(new_key()).get("/sessions", headers={"Origin": ONE})
    preflight = service.client().request("OPTIONS", "/chat", headers={"Origin": ONE, **ASK})
    for told in (answer, preflight):
        assert granted(told.headers) == {}
        assert "Vary" not in told.headers
