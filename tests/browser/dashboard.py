"""The dashboard as a visitor uses it, and what it is shown there."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from proxy.store import audit
from tests.support.keys import form_team, issue
from tests.support.service import ADMIN_TOKEN
from tests.support.usage import record

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from proxy.domain.usage import Metrics
    from proxy.store.connection import Store
    from tests.browser.visit import Visit

VIEWS = ("overview", "keys", "teams", "limits", "audit")
MODELS = ("gpt-6-luna", "gpt-5.4-mini", "gpt-6.1-sol")
KEYS = 500


def sign_in(visit: Visit, view: str = "overview") -> Page:
    """Open a view with the admin token."""
    page = visit.open(f"/admin#{view}")
    page.get_by_label("Admin token").fill(ADMIN_TOKEN)
    page.keyboard.press("Enter")
    settled(page)
    return page


def go(page: Page, view: str) -> None:
    """Another view, or one key or team."""
    page.evaluate("view => { location.hash = view }", view)
    page.locator(f'#view[data-shown="{view}"]').wait_for()
    settled(page)


def settled(page: Page) -> None:
    """Wait until the view is there, and its chart where it has one."""
    page.locator("#view:not([hidden]):not([aria-busy])").wait_for()
    if page.locator("#view .tiles, #view .heading .actions").count():
        page.locator("#view .panel").last.wait_for()


def fill_up(store: Store) -> list[str]:
    """So many keys and teams, a day and a month of their usage, and an audit log; the keys' ids."""
    chance = random.Random(7)
    teams = [form_team(store, tpm=300_000, budget_usd=200.0) for _ in range(8)]
    ids: list[str] = []
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [hour - timedelta(hours=back) for back in range(24)]
    days = [hour - timedelta(days=back) for back in range(2, 30)]
    for number in range(KEYS):
        team = teams[number % 8]
        key, _ = issue(store, name=f"App {number}", team=team, rpm=60, budget_usd=20.0)
        ids.append(key.id)
        if number < 60:
            used = {at: metrics(chance) for at in (*hours, *days)}
            record(store, [("key", key.id), ("user", f"{key.id}/ada")], used)
    for team in teams:
        record(store, [("team", team)], {at: metrics(chance, 10) for at in (*hours, *days)})
    for model in MODELS:
        record(store, [("model", model)], {at: metrics(chance, 30) for at in (*hours, *days)})
    for key_id in ids[:20]:
        store.run(audit.note("cli", "key.changed", key_id, {"rpm": (60, 120)}))
    return ids


def metrics(chance: random.Random, size: int = 1) -> Metrics:
    """What might have been used in an hour."""
    requests = chance.randint(1, 40) * size
    tokens = requests * chance.randint(100, 900)
    return {
        "requests": requests,
        "refused": requests // 9,
        "refused_upstream": requests // 40,
        "errors": requests // 50,
        "prompt_tokens": tokens,
        "cached_tokens": tokens // 3,
        "completion_tokens": tokens // 4,
        "cost_nano": tokens * 700,
        "seconds_4": requests * 2 // 3,
        "seconds_6": requests // 3,
        "first_word_2": requests,
    }
