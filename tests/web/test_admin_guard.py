"""Who may use the admin interface: the admin token alone, and nobody where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.service import ADMIN_TOKEN, Service
from tests.web.admin import ROUTES
from tests.web.refusals import refused
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from tests.conftest import NewKey
    from tests.support.service import Client
    from tests.support.simulator import Control


@pytest.fixture(scope="module")
def without(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """A service without an admin token, which asks no client key either."""
    with Service(redis_server.url, simulator.url, PROXY_AUTH="open", **QUICK_STOP) as running:
        yield running


@pytest.mark.parametrize("line", ROUTES)
def test_without_the_token_nothing_is_read_or_told(service: Service, line: str) -> None:
    method, path = line.split(" ")
    answer = service.client().request(method, path, data=b"{not even JSON")
    error = refused(answer, 401, "invalid_api_key")
    assert "admin token" in error["message"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("line", ROUTES)
@pytest.mark.parametrize("token", [None, ADMIN_TOKEN, ""], ids=["none", "token", "empty"])
def test_without_the_setting_there_is_no_admin_interface(
    without: Service, line: str, token: str | None
) -> None:
    method, path = line.split(" ")
    refused(without.client(token).request(method, path), 404, "not_found")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        ADMIN_TOKEN,
        f"Basic {ADMIN_TOKEN}",
        f"Bearer{ADMIN_TOKEN}",
        f"Bearer {ADMIN_TOKEN[:-1]}",
        f"Bearer {ADMIN_TOKEN}x",
        f"Bearer {ADMIN_TOKEN.upper()}",
        f"Bearer {ADMIN_TOKEN} {ADMIN_TOKEN}",
        f"Bearer {ADMIN_TOKEN}ä",
        "Bearer \xff\xfe",
        "Bearer " + "x" * 5000,
    ],
)
def test_all_that_is_not_the_token_is_refused_in_the_same_words(
    service: Service, header: str
) -> None:
    nobody = service.client()
    answer = nobody.get("/admin/api/teams", headers={"Authorization": header.encode("latin-1")})
    refused(answer, 401, "invalid_api_key")
    assert answer.json() == nobody.get("/admin/api/teams").json()


def test_the_token_opens_however_the_scheme_is_written(service: Service) -> None:
    for header in (f"bearer {ADMIN_TOKEN}", f"BEARER  {ADMIN_TOKEN} "):
        assert service.client().get("/admin/api/teams", headers={"Authorization": header}).ok


def test_a_client_key_is_no_admin_token(api: Client) -> None:
    for line in ROUTES:
        method, path = line.split(" ")
        refused(api.request(method, path, json={}), 401, "invalid_api_key")


def test_a_browser_token_is_no_admin_token(service: Service, api: Client) -> None:
    token = api.post("/tokens", json={"user": "ada"}).json()["token"]
    refused(service.client(token).get("/admin/api/keys"), 401, "invalid_api_key")


def test_the_admin_token_is_no_client_key(admin: Client, chatgpt: Control) -> None:
    refused(admin.chat(), 401, "invalid_api_key")
    refused(admin.get("/sessions"), 401, "invalid_api_key")
    refused(admin.get("/v1/models"), 401, "invalid_api_key")
    assert chatgpt.requests() == []


def test_the_token_is_not_in_the_log(service: Service, admin: Client, new_key: NewKey) -> None:
    admin.get("/admin/api/teams")
    service.client(ADMIN_TOKEN + "x").get("/admin/api/teams")
    assert "/admin/api/teams" in service.log
    assert ADMIN_TOKEN not in service.log
