"""What was used while Redis was gone is counted when it is back: once, and within bounds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from proxy.store import client_keys
from proxy.store.owed import Owed
from proxy.store.uncounted import MOST_KEPT, Uncounted
from tests.store.test_connection import opened
from tests.support.fault_proxy import FaultProxy
from tests.support.usage import used

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.support.redis_server import RedisServer

KEEP_S = 100_000


@pytest.fixture
def sums() -> Uncounted:
    return Uncounted(KEEP_S)


@pytest.fixture
def name() -> str:
    return client_keys.new_id()


def pay(debts: Owed, store: Store) -> None:
    """Pay until nothing is owed."""
    while debts:
        debts.pay(store)


def add(sums: Uncounted, name: str, times: int = 1) -> None:
    for _ in range(times):
        sums.add([("key", name), ("model", name)], {"requests": 1}, time.time())


def test_it_is_summed_up_and_counted_for_each_thing(
    store: Store, sums: Uncounted, name: str
) -> None:
    debts = Owed()
    for _ in range(3):
        add(sums, name, times=2)
        sums.owe(debts)
    pay(debts, store)
    assert used(store, "key", name)["requests"] == 6
    assert used(store, "model", name)["requests"] == 6
    sums.owe(debts)
    assert not debts


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
def test_whichever_reply_is_lost_it_is_counted_once(
    store: Store, redis_server: RedisServer, sums: Uncounted, name: str, lost: int
) -> None:
    debts = Owed()
    add(sums, name)
    sums.owe(debts)
    with FaultProxy(redis_server.url) as way, opened(way.url) as through:
        way.swallow(lost)
        pay(debts, through)
    assert used(store, "key", name)["requests"] == 1


def test_what_is_used_while_it_is_handed_in_is_handed_in_next(
    store: Store, sums: Uncounted, name: str
) -> None:
    debts = Owed()
    for _ in range(2):
        add(sums, name)
        sums.owe(debts)
        debts.pay(store)
    pay(debts, store)
    assert used(store, "key", name)["requests"] == 2


def test_so_much_is_kept_and_the_rest_is_told(store: Store, sums: Uncounted, name: str) -> None:
    debts = Owed()
    for number in range(MOST_KEPT // 2 + 1):
        add(sums, f"{name}{number}")
    add(sums, f"{name}0")
    sums.owe(debts)
    with capture_logs() as logged:
        pay(debts, store)
    assert [(line["event"], line["times"]) for line in logged] == [("usage_not_counted", 2)]
    assert used(store, "key", f"{name}0")["requests"] == 2
    assert used(store, "key", f"{name}{MOST_KEPT // 2 - 1}")["requests"] == 1
    assert used(store, "key", f"{name}{MOST_KEPT // 2}")["requests"] == 0


def test_after_too_long_an_outage_it_is_let_go(store: Store, sums: Uncounted, name: str) -> None:
    debts = Owed()
    add(sums, name)
    sums.owe(debts)
    (debt,) = debts._debts
    with capture_logs() as logged:
        assert debt.then([]) == ()
    assert [(line["event"], line["times"]) for line in logged] == [("usage_not_counted", 2)]
    pay(debts, store)
    assert used(store, "key", name)["requests"] == 0
