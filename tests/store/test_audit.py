"""The audit log: newest first, page by page, bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.settings import load
from proxy.store import audit, keyspace
from proxy.store.connection import Command, Store, time_us
from tests.support.service import CANARY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.redis_server import RedisServer


@pytest.fixture
def fresh(own_redis: RedisServer) -> Iterator[Store]:
    """A Redis in which nothing was ever changed."""
    store = Store(load({"REDIS_URL": own_redis.url, "OPENAI_API_KEY": CANARY}))
    yield store
    store.close()


def note(store: Store, target: str) -> None:
    store.run(audit.note("cli", "key.changed", target, {"rpm": (None, 5)}))


def test_where_nothing_was_changed_the_log_is_empty(fresh: Store) -> None:
    assert fresh.run(audit.page(10)) == audit.Page([], None)


def test_an_entry_is_read_as_it_was_noted_with_redis_s_time(fresh: Store) -> None:
    before = fresh.run(time_us()) // 1000
    fresh.run(audit.note("admin", "team.created", "core", {"weight": (None, 2)}))
    [event] = fresh.run(audit.page(10)).events
    assert (event.actor, event.action, event.target) == ("admin", "team.created", "core")
    assert event.changes == {"weight": (None, 2)}
    assert before <= event.at <= fresh.run(time_us()) // 1000


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_pages_are_the_whole_log_newest_first_and_nothing_twice(fresh: Store, size: int) -> None:
    for number in range(7):
        note(fresh, str(number))
    read, cursor = [], None
    while True:
        page = fresh.run(audit.page(size, cursor))
        assert len(page.events) <= size
        read += [event.target for event in page.events]
        cursor = page.next_cursor
        if cursor is None:
            break
        assert audit.CURSOR.fullmatch(cursor)
    assert read == ["6", "5", "4", "3", "2", "1", "0"]


def test_the_log_does_not_grow_for_ever(own_redis: RedisServer, fresh: Store) -> None:
    entry = audit.note("cli", "key.changed", "k", {})
    for _ in range(15):
        fresh.run_all(*[entry] * 1000)
    with own_redis.admin() as admin:
        length = admin.run(Command(("XLEN", keyspace.audit()), int))
    assert audit.MOST_KEPT <= length < audit.MOST_KEPT + 1000
