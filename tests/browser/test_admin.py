"""The dashboard in a browser: signing in, keys and teams, figures, explanations."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from tests.browser.dashboard import KEYS, VIEWS, go, sign_in
from tests.streaming.listening import stream
from tests.support.keys import issue
from tests.support.service import ADMIN_TOKEN
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from proxy.store.connection import Store
    from tests.browser.conftest import Begin
    from tests.support.service import Service
    from tests.support.simulator import Control


def secret_of(page: Page) -> str:
    """The secret that a dialog shows; the dialog is closed."""
    secret = page.locator("dialog .secret").inner_text()
    page.get_by_role("button", name="I have stored it").click()
    page.locator("dialog").first.wait_for(state="detached")
    assert secret not in page.content()
    return secret


def test_the_token_opens_it_is_kept_by_the_tab_alone_and_forgotten(
    busy: tuple[Service, Store], visit: Begin
) -> None:
    tab = visit(busy[0])
    page = tab.open("/admin")
    tab.refusals = {401}
    page.get_by_label("Admin token").fill("wrong" * 8)
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("The admin token is needed").wait_for()
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0
    page.get_by_label("Admin token").fill(ADMIN_TOKEN)
    page.keyboard.press("Enter")
    page.get_by_text("open streams").wait_for()
    page.reload()
    page.get_by_text("open streams").wait_for()
    assert ADMIN_TOKEN not in page.url + page.content()
    assert page.evaluate("localStorage.length + document.cookie.length") == 0
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Admin token").wait_for()
    assert page.evaluate("sessionStorage.length") == 0
    assert page.locator("#view").inner_text() == ""


def test_a_token_that_is_not_good_any_more_is_asked_for_anew(
    busy: tuple[Service, Store], visit: Begin
) -> None:
    tab = visit(busy[0])
    page = sign_in(tab)
    tab.refusals = {401}
    page.evaluate("sessionStorage.setItem('chat-proxy admin token', 'changed')")
    page.get_by_role("button", name="Refresh").click()
    page.get_by_text("not the right one any more").wait_for()
    assert page.evaluate("sessionStorage.length") == 0
    assert page.locator("#view").inner_text() == ""


def test_a_key_is_made_rotated_and_revoked(
    busy: tuple[Service, Store], visit: Begin, chatgpt: Control
) -> None:
    service, _ = busy
    page = sign_in(visit(service), "keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill("Grace's laptop")
    page.get_by_label("Requests a minute").fill("30")
    page.get_by_role("button", name="Make the key").click()
    first = secret_of(page)
    assert service.client(first).chat().ok
    page.get_by_role("heading", name="Grace's laptop").wait_for()
    page.get_by_role("button", name="Rotate").click()
    page.get_by_label("The secret of now").select_option("stops at once")
    page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
    second = secret_of(page)
    assert service.client(second).chat().ok
    wait_until(lambda: service.client(first).chat().status_code == 401, "the first one to end")
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Revoke the key").click()
    page.locator(".state.revoked").wait_for()
    wait_until(lambda: service.client(second).chat().status_code == 401, "the second one to end")


def test_a_key_s_limits_and_budget_are_changed(busy: tuple[Service, Store], visit: Begin) -> None:
    service, store = busy
    key, _ = issue(store, name="Batch", rpm=10, models=("gpt-6-luna",))
    page = sign_in(visit(service), f"keys/{key.id}")
    page.get_by_role("button", name="Change").click()
    assert page.get_by_label("Requests a minute").input_value() == "10"
    page.get_by_label("Requests a minute").fill("")
    page.get_by_label("USD").fill("12.5")
    page.get_by_label("Models").fill("")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("$12.50 a month").first.wait_for()
    told = service.client(ADMIN_TOKEN).get(f"/admin/api/keys/{key.id}").json()
    assert (told["rpm"], told["budget_usd"], told["models"]) == (None, 12.5, [])


def test_what_the_service_refuses_stands_in_the_dialog(
    busy: tuple[Service, Store], visit: Begin
) -> None:
    tab = visit(busy[0])
    tab.refusals = {400}
    page = sign_in(tab, "keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill("   ")
    page.get_by_role("button", name="Make the key").click()
    said = page.get_by_role("dialog").get_by_role("alert")
    said.get_by_text("'name' should be one line").wait_for()
    assert "req_" in said.inner_text()
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0


def test_a_team_is_made_changed_and_deleted(busy: tuple[Service, Store], visit: Begin) -> None:
    page = sign_in(visit(busy[0]), "teams")
    page.get_by_role("button", name="New team").click()
    page.get_by_label("Name").fill("crew")
    page.get_by_label("USD").fill("50")
    page.get_by_role("button", name="Make the team").click()
    page.get_by_role("link", name="crew").click()
    page.get_by_text("$50 of $50 left").wait_for()
    page.get_by_role("button", name="Change").click()
    page.get_by_label("Weight").fill("3")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("weight 3").wait_for()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete the team").click()
    page.get_by_role("button", name="New team").wait_for()
    assert page.get_by_role("link", name="crew").count() == 0


def test_a_refusal_is_explained_by_the_limit_that_refuses(
    busy: tuple[Service, Store], visit: Begin, chatgpt: Control
) -> None:
    service, store = busy
    key, token = issue(store, name="Impatient", rpm=1)
    assert service.client(token).chat().ok
    page = sign_in(visit(service), f"keys/{key.id}")
    page.get_by_text("Refused.").wait_for()
    assert "rate_limit_exceeded" in page.locator(".verdict").inner_text()
    assert "Requests" in page.locator(".limit.refusing").inner_text()
    page.get_by_label("Tokens").fill("999999999")
    page.get_by_role("button", name="Explain").click()
    page.get_by_text("The request takes 999999999 tokens").wait_for()


def test_usage_is_downloaded_as_csv(
    busy: tuple[Service, Store], visit: Begin, tmp_path: Path
) -> None:
    service, _ = busy
    page = sign_in(visit(service))
    page.get_by_label("By", exact=True).select_option("Model")
    with page.expect_download() as loading:
        page.get_by_role("button", name="Download CSV").click()
    assert loading.value.suggested_filename.startswith("usage-by-model-")
    loading.value.save_as(tmp_path / "usage.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "usage.csv").read_text("utf-8"))))
    told = service.client(ADMIN_TOKEN).get("/admin/api/usage?by=model").json()
    assert sum(int(row["requests"]) for row in rows) == told["totals"]["requests"] > 0


def test_five_hundred_keys_are_found_and_shown(busy: tuple[Service, Store], visit: Begin) -> None:
    page = sign_in(visit(busy[0]), "keys")
    assert page.locator("tbody tr").count() == 50
    page.get_by_role("button", name="Show all").click()
    assert page.locator("tbody tr").count() >= KEYS
    page.get_by_label("Find a key").fill("app 417")
    assert page.locator("tbody th").all_inner_texts()[0].startswith("App 417")
    go(page, "overview")
    page.get_by_label("By", exact=True).select_option("Key")
    page.get_by_role("button", name="Show all").click()
    assert page.locator("tbody tr").count() >= 60


def test_the_chart_tells_each_figure_by_step(busy: tuple[Service, Store], visit: Begin) -> None:
    page = sign_in(visit(busy[0]))
    page.locator(".legend dd").first.wait_for()
    totals = page.locator(".legend").inner_text()
    page.locator(".chart").focus()
    page.keyboard.press("End")
    assert page.locator(".chart-when").inner_text().endswith(":00")
    assert page.locator(".legend").inner_text() != totals
    page.keyboard.press("Escape")
    assert page.locator(".legend").inner_text() == totals
    for figure in ("Tokens", "Spend", "Refusals", "Errors", "Latency", "Time to first token"):
        page.locator(".segments").get_by_text(figure, exact=True).click()
        page.get_by_role("group", name=f"{figure}, Last 24 hours").wait_for()
    assert page.locator(".legend dt").all_inner_texts() == ["p50", "p95", "p99"]


@pytest.mark.parametrize("days", ["7 days", "30 days", "90 days"])
def test_another_time_is_shown(busy: tuple[Service, Store], visit: Begin, days: str) -> None:
    page = sign_in(visit(busy[0]))
    page.locator(".segments").get_by_text(days).click()
    page.get_by_role("group", name=f"Requests, Last {days}").wait_for()
    page.locator(".chart rect.tone-1").nth(5).wait_for()


def test_the_audit_log_tells_who_changed_what(busy: tuple[Service, Store], visit: Begin) -> None:
    service, _ = busy
    admin = service.client(ADMIN_TOKEN)
    made = admin.post("/admin/api/keys", json={"name": "Told", "rpm": 5}).json()
    admin.request("PATCH", f"/admin/api/keys/{made['id']}", json={"rpm": 7})
    page = sign_in(visit(service), "audit")
    newest = page.locator(".log > li").first.inner_text()
    assert "Admin interface changed the key Told" in newest
    assert "rpm 5 → 7" in newest


def test_all_of_it_is_done_with_the_keyboard_alone(
    busy: tuple[Service, Store], visit: Begin
) -> None:
    page = visit(busy[0]).open("/admin")
    page.keyboard.type(ADMIN_TOKEN)
    page.keyboard.press("Enter")
    page.get_by_text("open streams").wait_for()
    page.keyboard.press("Tab")  # from Overview to Keys
    page.keyboard.press("Enter")
    page.get_by_role("button", name="New key").wait_for()
    reach(page, "New key")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.type("By hand")
    page.keyboard.press("Enter")
    page.locator("dialog .secret").wait_for()
    reach(page, "I have stored it")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="By hand").wait_for()
    assert page.get_by_role("dialog").count() == 0


def reach(page: Page, text: str) -> None:
    """Press Tab until the button of this text has the focus."""
    for _ in range(40):
        if page.evaluate("document.activeElement.textContent") == text:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{text} cannot be reached")


@pytest.mark.parametrize("view", [*VIEWS, "keys/KEY"])
def test_nothing_is_wider_than_a_phone(
    busy: tuple[Service, Store], visit: Begin, view: str
) -> None:
    service, store = busy
    key, _ = issue(store, name="A key of a name that is long " + "w" * 60, budget_usd=1.0)
    tab = visit(service, width=360)
    sign_in(tab, view.replace("KEY", key.id))
    assert tab.overflow() == 0


def test_who_waits_is_shown_with_what_is_left(
    busy: tuple[Service, Store], visit: Begin, chatgpt: Control
) -> None:
    service, store = busy
    token = issue(store, name="Patient", rpm=1)[1]
    client = service.client(token)
    assert client.chat().ok
    with stream(client, wait=60) as waiting:
        waiting.until("queue")
        page = sign_in(visit(service), "limits")
        page.get_by_role("row", name="the key Patient gpt-6-luna 1").wait_for()
        assert page.get_by_role(
            "row", name="the key Patient Requests 1 a minute 0 of 1 left"
        ).is_visible()
        go(page, "overview")
        page.get_by_text("1 waits").wait_for()
        page.get_by_role("link", name="who waits for what").click()
        page.get_by_role("heading", name="Waiting room").wait_for()
