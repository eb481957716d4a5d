"""Leases: a session stays locked for as long as its turn runs in a living worker, and no longer."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from proxy.store.connection import time_us
from proxy.store.leases import Leases
from tests.store.samples import locked, new_session, new_turn, open_for
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.store.connection import Store

LEASE_S = 0.3


def open_shortly(store: Store) -> tuple[str, str]:
    """A session that is locked for one lease by a turn; their ids."""
    session_id, turn = new_session(store), new_turn()
    open_for(store, session_id, turn, lease_ms=int(LEASE_S * 1000))
    return session_id, turn.id


def let_a_lease_pass(store: Store) -> None:
    end = store.run(time_us()) + LEASE_S * 1_500_000
    wait_until(lambda: store.run(time_us()) > end, "a lease's time to pass")


def test_a_running_turn_holds_its_session_past_its_lease(store: Store) -> None:
    held = open_shortly(store)
    with closing(Leases(store, LEASE_S)) as leases, leases.held(*held):
        let_a_lease_pass(store)
        assert locked(store, held[0])


def test_a_session_that_nobody_holds_any_more_is_free_after_its_lease(store: Store) -> None:
    held = open_shortly(store)
    with closing(Leases(store, LEASE_S)) as leases:
        with leases.held(*held):
            pass
        let_a_lease_pass(store)
        assert not locked(store, held[0])


def test_many_sessions_are_held_at_once(store: Store) -> None:
    with closing(Leases(store, LEASE_S)) as leases, ExitStack() as turns:
        held = [open_shortly(store) for _ in range(20)]
        for each in held:
            turns.enter_context(leases.held(*each))
        let_a_lease_pass(store)
        assert all(locked(store, session_id) for session_id, _ in held)
