"""Clocks step by an hour: limits neither leak nor lock, and durations do not know the date."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from proxy.domain.identifiers import new_turn_id
from proxy.store.buckets import peek, reserve
from tests.store.samples import new_bucket
from tests.support.service import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from proxy.store.connection import Store

HOUR_US = 3_600_000_000
NOW_US = 1_800_000_000_000_000
DATED = {
    "proxy/commits.py",  # when a turn was made, as it is shown
    "proxy/limiter.py",  # which day and hour usage is counted in
    "proxy/refusals.py",  # the date at which a budget renews itself, in a sentence
    "proxy/store/activity.py",  # which workers were heard of lately; each tells again in a second
    "proxy/operators",  # when keys were made, revoked and expire
    "proxy/cli",
    "proxy/web/admin",
    "proxy/web/auth.py",  # whether a key has expired
    "proxy/web/tokens.py",  # until when a token is good
    "proxy/simulator",
}
"""What may ask for the date: what is dated, never what lasts."""


@pytest.mark.parametrize("step_us", [-HOUR_US, HOUR_US], ids=["back", "forth"])
def test_redis_s_clock_steps_and_a_bucket_gives_no_more_than_its_burst(
    store: Store, step_us: int
) -> None:
    bucket = new_bucket(60, 10)
    taken = store.run(reserve(new_turn_id(), [bucket], {"requests": 10}, NOW_US))
    assert taken.granted
    after = store.run(peek([bucket], {"requests": 1}, NOW_US + step_us)).balances[0]
    assert after.remaining == (10 if step_us > 0 else 0)
    assert after.wait_s <= 1
    later = store.run(peek([bucket], {"requests": 1}, NOW_US + 5_000_000)).balances[0]
    assert later.remaining == 5


def test_nothing_in_the_service_that_lasts_is_measured_by_the_date() -> None:
    dated = {
        str(path.relative_to(ROOT)) for path in (ROOT / "proxy").rglob("*.py") if asks_date(path)
    }
    assert [name for name in dated if not name.startswith(tuple(DATED))] == []


def asks_date(path: Path) -> bool:
    tree = ast.parse(path.read_text("utf-8"))
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in {"time", "time_ns", "now", "utcnow", "today"}
        and isinstance(node.value, ast.Name)
        and node.value.id in {"time", "datetime", "date"}
        for node in ast.walk(tree)
    )
