"""The page of the interface in a browser: search, deep links, examples of this service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Begin
    from tests.support.service import Service


def shown(page: Page) -> list[str]:
    """The routes that are to be seen, by their ids."""
    ids = "routes => routes.filter(one => !one.closest('[hidden]')).map(one => one.id)"
    return list(page.locator(".route:not([id^=object-])").evaluate_all(ids))


def test_a_search_leaves_the_routes_that_fit(service: Service, visit: Begin) -> None:
    page = visit(service).open("/docs")
    every = shown(page)
    page.keyboard.press("/")
    page.keyboard.type("undo session_busy")
    page.get_by_text(f"1 of {len(every)} routes").wait_for()
    assert shown(page) == ["post_sessions_session_id_undo"]
    assert page.locator(".contents li:visible").count() == 1 + 2  # with what is besides
    assert page.locator("#errors .fields > div:visible").count() == 0
    page.keyboard.press("Enter")
    assert page.url.endswith("#post_sessions_session_id_undo")
    page.get_by_label("Find a route").fill("no route holds this")
    assert shown(page) == []
    page.get_by_label("Find a route").fill("")
    assert shown(page) == every


def test_a_deep_link_leads_to_its_route_whatever_is_searched_for(
    service: Service, visit: Begin
) -> None:
    page = visit(service).open("/docs#get_admin_api_usage")
    heading = page.locator("#get_admin_api_usage h3")
    assert 0 <= (heading.bounding_box() or {"y": -1.0})["y"] < 400
    page.get_by_label("Find a route").fill("livez")
    assert "get_admin_api_usage" not in shown(page)
    page.evaluate("location.hash = ''")
    page.evaluate("location.hash = 'get_admin_api_usage'")
    page.wait_for_function("!document.querySelector('#get_admin_api_usage').hidden")
    assert heading.is_visible()


def test_an_error_of_a_route_leads_to_its_meaning(service: Service, visit: Begin) -> None:
    page = visit(service).open("/docs#post_chat")
    page.locator("#post_chat").get_by_role("link", name="rate_limit_exceeded").click()
    assert page.url.endswith("#error-rate_limit_exceeded")
    assert page.locator("#error-rate_limit_exceeded").is_visible()


def test_examples_have_this_service_s_address_and_are_copied(
    service: Service, visit: Begin
) -> None:
    page = visit(service, permissions=["clipboard-read", "clipboard-write"]).open("/docs")
    example = page.locator("#post_chat .example")
    example.get_by_role("button", name="Copy").click()
    example.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == example.locator("code").inner_text()
    assert f"{service.url}/chat" in copied


@pytest.mark.parametrize("fragment", ["", "#nothing-there", "#%", "#<img src=x onerror=alert(1)>"])
def test_any_address_shows_the_page(service: Service, visit: Begin, fragment: str) -> None:
    page = visit(service).open(f"/docs{fragment}")
    page.get_by_role("button", name="Copy").first.wait_for()
    assert page.get_by_role("heading", name="The HTTP interface").is_visible()


def test_without_scripts_all_can_be_read(service: Service, visit: Begin) -> None:
    page = visit(service, java_script_enabled=False).open("/docs")
    assert page.locator("#post_chat .example").is_visible()
    assert page.locator("#get_admin_api_events").is_visible()
