"""GET /admin: a page without figures; without an admin token it says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.service import ADMIN_TOKEN
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from tests.conftest import StartService
    from tests.support.service import Client, Service


def test_anybody_may_load_it_and_it_holds_no_secret(service: Service, api: Client) -> None:
    answer = service.client().get("/admin")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert 'id="sign-in"' in answer.text
    assert ADMIN_TOKEN not in answer.text


def test_without_an_admin_token_it_says_how_to_set_one(start_service: StartService) -> None:
    client = start_service(**QUICK_STOP).client()
    page = client.get("/admin")
    assert page.status_code == 200
    assert "The dashboard is off" in page.text
    assert 'id="sign-in"' not in page.text
    assert client.get("/admin/api/keys").status_code == 404
