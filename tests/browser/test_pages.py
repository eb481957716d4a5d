"""How the dashboard and the page of the interface look and read: light, dark, wide, narrow.

Each view is also kept as a picture in .screenshots, for people to look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser.dashboard import VIEWS, go, sign_in
from tests.support.fault_proxy import FaultProxy
from tests.support.keys import issue
from tests.support.service import ADMIN_TOKEN, Service

if TYPE_CHECKING:
    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from proxy.store.connection import Store
    from tests.browser.conftest import Begin
    from tests.browser.visit import Visit

LOOKS: list[tuple[Literal["light", "dark"], int]] = [("light", 1280), ("dark", 360)]


def check(tab: Visit, name: str) -> None:
    """No serious fault, nothing beside the window; and a picture."""
    tab.keep(name)
    assert tab.faults() == []
    assert tab.overflow() == 0


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_every_view_of_a_busy_dashboard_can_be_read_by_all(
    busy: tuple[Service, Store], visit: Begin, scheme: Literal["light", "dark"], width: int
) -> None:
    service, store = busy
    key, _ = issue(store, name="Read aloud", rpm=30, budget_usd=5.0)
    tab = visit(service, width, color_scheme=scheme)
    page = sign_in(tab)
    for view in (*VIEWS, f"keys/{key.id}"):
        go(page, view)
        check(tab, f"admin-{view.partition('/')[0]}{'-one' * ('/' in view)}-{scheme}-{width}")


def test_an_empty_dashboard_says_what_to_do(idle: Service, visit: Begin) -> None:
    tab = visit(idle)
    page = tab.open("/admin")
    check(tab, "admin-sign-in")
    sign_in(tab)
    for view, said in {
        "overview": "Nothing was used in this time.",
        "keys": "There are no keys yet",
        "teams": "There are no teams yet",
        "limits": "Nobody waits.",
        "audit": "Nothing was changed yet.",
    }.items():
        go(page, view)
        page.get_by_text(said).first.wait_for()
        check(tab, f"admin-{view}-empty")


@pytest.mark.parametrize("button", ["New key", "New team"])
def test_a_dialog_can_be_read_by_all_and_gives_the_focus_back(
    idle: Service, visit: Begin, button: str
) -> None:
    tab = visit(idle, color_scheme="dark")
    page = sign_in(tab, f"{button.split()[1]}s")
    page.get_by_role("button", name=button).click()
    page.get_by_role("dialog").wait_for()
    check(tab, f"admin-{button.replace(' ', '-').lower()}")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert page.evaluate("document.activeElement.textContent") == button


def test_the_interface_s_page_can_be_read_by_all(idle: Service, visit: Begin) -> None:
    tab = visit(idle)
    page = tab.open("/docs")
    page.get_by_label("Find a route").fill("mint a browser token")  # all are made alike
    page.get_by_text("1 of ").wait_for()
    check(tab, "docs-light-1280")


def test_the_interface_s_page_fits_a_phone(idle: Service, visit: Begin) -> None:
    tab = visit(idle, 360, color_scheme="dark")
    tab.open("/docs").get_by_role("button", name="Copy").first.wait_for()
    tab.keep("docs-dark-360")
    assert tab.overflow() == 0


def test_without_redis_it_says_so_and_goes_on_when_it_is_back(
    redis_server: EmbeddedRedis, simulator: SimulatedChatGPT, visit: Begin
) -> None:
    with (
        FaultProxy(redis_server.url) as way,
        Service(way.url, simulator.url, PROXY_ADMIN_TOKEN=ADMIN_TOKEN) as service,
    ):
        tab = visit(service, color_scheme="dark")
        tab.refusals = {503}
        page = sign_in(tab)
        way.blackhole = True
        page.get_by_role("button", name="Refresh").click()
        said = "The store of conversations cannot be reached"
        page.get_by_label("Over time").get_by_text(said).wait_for()
        check(tab, "admin-no-redis")
        way.blackhole = False
        page.get_by_role("button", name="Try again").click()
        page.get_by_role("group", name="Requests, Last 24 hours").wait_for()


def test_an_error_is_told_with_its_request_s_id(idle: Service, visit: Begin) -> None:
    tab = visit(idle)
    tab.refusals = {404}
    page = sign_in(tab)
    page.evaluate("location.hash = 'keys/nobody'")
    page.get_by_text("There is no key 'nobody'").wait_for()
    assert page.locator(".notice code").inner_text().startswith("req_")
    check(tab, "admin-error")
