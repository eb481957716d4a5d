"""What hostile names and addresses do to the dashboard: nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.browser.dashboard import go, sign_in
from tests.browser.payloads import PAYLOADS
from tests.support.service import ADMIN_TOKEN
from tests.support.usage import record

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from proxy.store.connection import Store
    from tests.browser.conftest import Begin
    from tests.support.service import Service

AS_KEY = "payload => { location.hash = `keys/${encodeURIComponent(payload)}` }"


def quiet(page: Page) -> bool:
    """Whether no payload ran, and none became an element."""
    ran = page.evaluate("window.ran")
    made = page.locator("#view").locator("script, img, iframe, style, link, base, meta, object")
    return ran is None and made.count() == 0


def test_no_name_runs_in_the_dashboard(busy: tuple[Service, Store], visit: Begin) -> None:
    service, store = busy
    admin = service.client(ADMIN_TOKEN)
    ids: list[str] = []
    for number, payload in enumerate(PAYLOADS):
        fields: dict[str, Any] = {"name": f"{number} {payload}"[:100]}
        model = "".join(payload.split()).replace(",", "")
        made = admin.post("/admin/api/keys", json=fields | {"models": [model]})
        assert made.status_code == 201, made.text
        ids.append(made.json()["id"])
    hours = {datetime.now(UTC).replace(minute=0): {"requests": 10**6}}
    for key_id, payload in zip(ids, PAYLOADS, strict=True):
        record(store, [("key", key_id), ("user", f"{key_id}/{payload}")], hours)
        record(store, [("model", payload), ("team", payload)], hours)
    page = sign_in(visit(service), "keys")
    page.get_by_label("Find a key").fill("=")
    assert quiet(page)
    for by in ("Key", "User", "Model", "Team"):
        go(page, "overview")
        page.get_by_label("By", exact=True).select_option(by)
        page.get_by_role("columnheader", name=by).wait_for()
        page.get_by_role("button", name="Show all").click()
        assert page.locator("tbody tr").count() >= len(PAYLOADS)
        assert quiet(page)
    for view in ("audit", "limits", *(f"keys/{key_id}" for key_id in ids[::6])):
        go(page, view)
        assert quiet(page)
    page.get_by_role("button", name="Change").click()
    page.get_by_role("dialog").wait_for()
    assert quiet(page)


def test_no_address_runs_in_the_dashboard(idle: Service, visit: Begin) -> None:
    tab = visit(idle)
    tab.refusals = {404}
    page = sign_in(tab)
    for payload in PAYLOADS:
        page.evaluate(
            "payload => { location.hash = `keys/${encodeURIComponent(payload)}` }", payload
        )
        page.locator("#view .notice").wait_for()
        assert quiet(page)
        page.evaluate("payload => { location.hash = payload }", payload)
        page.locator("#view .tiles").wait_for()
        assert quiet(page)
