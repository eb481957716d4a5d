"""The keeper: a session stays locked while its turn runs in a living worker, and no longer."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from proxy.settings import load
from proxy.store import sessions
from proxy.store.connection import time_us
from proxy.store.keeper import Keeper
from tests.store.samples import locked, new_session, new_turn, open_for
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.store.connection import Command, Store

LEASE_S = 0.3


def open_shortly(store: Store) -> tuple[str, str]:
    """A session that is locked for one lease by a turn; their ids."""
    session_id, turn = new_session(store), new_turn()
    open_for(store, session_id, turn, lease_ms=int(LEASE_S * 1000))
    return session_id, turn.id


def new_keeper(store: Store) -> Keeper:
    settings = {"REDIS_URL": "redis://127.0.0.1:1/0", "OPENAI_API_KEY": "unused"}
    return Keeper(store, load(settings | {"PROXY_TURN_LEASE": str(LEASE_S)}))


def renewals(session_id: str, turn_id: str) -> Callable[[], list[Command[bool]]]:
    return lambda: [sessions.renew(session_id, turn_id, int(LEASE_S * 1000))]


def let_a_lease_pass(store: Store) -> None:
    end = store.run(time_us()) + LEASE_S * 1_500_000
    wait_until(lambda: store.run(time_us()) > end, "a lease's time to pass")


def test_a_running_turn_holds_its_session_past_its_lease(store: Store) -> None:
    session_id, turn_id = open_shortly(store)
    with (
        closing(new_keeper(store)) as keeper,
        keeper.held(turn_id, renewals(session_id, turn_id)),
    ):
        let_a_lease_pass(store)
        assert locked(store, session_id)


def test_a_session_that_nobody_holds_any_more_is_free_after_its_lease(store: Store) -> None:
    session_id, turn_id = open_shortly(store)
    with closing(new_keeper(store)) as keeper:
        with keeper.held(turn_id, renewals(session_id, turn_id)):
            pass
        let_a_lease_pass(store)
        assert not locked(store, session_id)


def test_many_sessions_are_held_at_once(store: Store) -> None:
    with closing(new_keeper(store)) as keeper, ExitStack() as turns:
        held = [open_shortly(store) for _ in range(20)]
        for session_id, turn_id in held:
            turns.enter_context(keeper.held(turn_id, renewals(session_id, turn_id)))
        let_a_lease_pass(store)
        assert all(locked(store, session_id) for session_id, _ in held)
