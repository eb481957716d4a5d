"""Each owner's list of sessions: in order, in pages, searched, without those that expired."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.domain.conversation import Session
from proxy.domain.identifiers import new_session_id
from proxy.store import client_keys, keyspace, session_list
from proxy.store.connection import time_us
from tests.store.samples import exists, hash_of, ttl_ms
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from proxy.store.session_list import Page


@pytest.fixture
def owner() -> str:
    """Somebody who has no sessions yet."""
    return f"key:{client_keys.new_id()}"


def enter(
    store: Store,
    owner: str,
    title: str = "",
    *,
    session_id: str = "",
    ttl: int = 3600,
    turns: int = 0,
    replace: bool = False,
) -> str:
    """Enter a session into its owner's list; answers its id."""
    session = Session(session_id or new_session_id(), owner, ttl=ttl, created_at=1_750_000_000_000)
    store.run(session_list.enlist(session, turn_count=turns, title=title, replace=replace))
    return session.id


def look(
    store: Store, owner: str, *, limit: int = 100, cursor: str | None = None, query: str = ""
) -> Page:
    changed, _, last_id = (cursor or "").partition(".")
    after = (changed, last_id) if cursor else None
    return store.run(session_list.page(owner, limit=limit, cursor=after, query=query))


def titles(store: Store, owner: str, query: str = "") -> list[str]:
    return [session.title for session in look(store, owner, query=query).sessions]


def let_a_millisecond_pass(store: Store) -> None:
    """Changes are told apart by the millisecond of Redis's clock."""
    now_ms = store.run(time_us()) // 1000
    wait_until(lambda: store.run(time_us()) // 1000 > now_ms, "the clock to go on")


def test_an_empty_list_is_a_page_without_a_next(store: Store, owner: str) -> None:
    assert look(store, owner) == session_list.Page([], None)


def test_a_session_is_listed_with_what_is_shown_of_it(store: Store, owner: str) -> None:
    session_id = enter(store, owner, "Größe", ttl=1000, turns=3)
    (listed,) = look(store, owner).sessions
    assert (listed.id, listed.title, listed.ttl, listed.turn_count) == (
        session_id,
        "Größe",
        1000,
        3,
    )
    assert listed.created_at == 1_750_000_000_000
    assert abs(listed.updated_at - store.run(time_us()) // 1000) < 5_000


def test_the_last_changed_comes_first(store: Store, owner: str) -> None:
    first = enter(store, owner, "a")
    let_a_millisecond_pass(store)
    enter(store, owner, "b")
    assert titles(store, owner) == ["b", "a"]
    let_a_millisecond_pass(store)
    enter(store, owner, "a", session_id=first, turns=2)
    assert titles(store, owner) == ["a", "b"]
    assert look(store, owner).sessions[0].turn_count == 2


def test_to_enter_a_session_twice_lists_it_once(store: Store, owner: str) -> None:
    session_id = enter(store, owner, "a")
    enter(store, owner, "a", session_id=session_id)
    assert titles(store, owner) == ["a"]


def test_a_title_that_is_shown_stays_unless_it_is_replaced(store: Store, owner: str) -> None:
    session_id = enter(store, owner, "Mine")
    enter(store, owner, "Guessed", session_id=session_id)
    assert titles(store, owner) == ["Mine"]
    enter(store, owner, "New", session_id=session_id, replace=True)
    assert titles(store, owner) == ["New"]


def test_a_session_that_was_made_without_a_title_is_shown_with_its_first_turn_s(
    store: Store, owner: str
) -> None:
    session_id = enter(store, owner, "", replace=True)
    enter(store, owner, "First words", session_id=session_id, turns=1)
    assert titles(store, owner) == ["First words"]
    assert titles(store, owner, "first") == ["First words"]


@pytest.mark.parametrize("limit", [1, 3, 7, 10])
def test_pages_show_every_session_once(store: Store, owner: str, limit: int) -> None:
    entered = {enter(store, owner) for _ in range(10)}
    page = look(store, owner, limit=limit)
    shown = page.sessions
    while page.next_cursor:
        assert len(page.sessions) == limit
        page = look(store, owner, limit=limit, cursor=page.next_cursor)
        shown += page.sessions
    assert {session.id for session in shown} == entered
    order = [(session.updated_at, session.id) for session in shown]
    assert order == sorted(order, reverse=True)


def test_the_last_page_has_no_next(store: Store, owner: str) -> None:
    for _ in range(3):
        enter(store, owner)
    assert look(store, owner, limit=3).next_cursor is None


@pytest.mark.parametrize(
    ("query", "found"),
    [("river", ["About a RIVER"]), ("ABOUT", ["About a RIVER", "About hills"]), ("lake", [])],
)
def test_a_search_takes_upper_and_lower_case_alike(
    store: Store, owner: str, query: str, found: list[str]
) -> None:
    enter(store, owner, "About hills")
    enter(store, owner, "About a RIVER")
    assert sorted(titles(store, owner, query)) == found


@pytest.mark.parametrize("query", ["%d", ".", "created_at", "\0", "1750000000000"])
def test_a_search_is_for_the_title_s_own_letters(store: Store, owner: str, query: str) -> None:
    enter(store, owner, "Number 7\0")
    assert titles(store, owner, query) == []


def test_a_search_that_looked_through_much_says_where_to_go_on(store: Store, owner: str) -> None:
    sought = enter(store, owner, "sought")
    let_a_millisecond_pass(store)
    others = [
        session_list.enlist(
            Session(new_session_id(), owner, ttl=60), turn_count=0, title="other", replace=False
        )
        for _ in range(session_list.MOST_LOOKED_THROUGH)
    ]
    store.run_all(*others)
    page = look(store, owner, query="sought")
    assert page.sessions == []
    further = look(store, owner, query="sought", cursor=page.next_cursor)
    assert [session.id for session in further.sessions] == [sought]


def test_a_session_that_expired_is_not_listed_and_taken_out_by_the_next(
    store: Store, owner: str
) -> None:
    enter(store, owner, "stays")
    gone = enter(store, owner, "goes", ttl=0)
    assert titles(store, owner) == ["stays"]
    enter(store, owner, "new")
    _, _, shown, counts = keyspace.session_list(owner)
    assert gone not in hash_of(store, shown)
    assert gone not in hash_of(store, counts)


def test_a_session_that_was_taken_out_leaves_nothing(store: Store, owner: str) -> None:
    session_id = enter(store, owner)
    store.run_all(*session_list.delist(owner, session_id))
    store.run_all(*session_list.delist(owner, session_id))
    assert not exists(store, *keyspace.session_list(owner))


def test_lists_of_others_are_not_seen(store: Store, owner: str) -> None:
    enter(store, owner, "Mine")
    assert titles(store, f"{owner}x") == []


def test_a_list_is_kept_as_long_as_its_longest_session(store: Store, owner: str) -> None:
    enter(store, owner, ttl=2000)
    enter(store, owner, ttl=1000)
    kept = [ttl_ms(store, key) for key in keyspace.session_list(owner)]
    assert all(1_990_000 < ttl <= 2_000_000 for ttl in kept)
