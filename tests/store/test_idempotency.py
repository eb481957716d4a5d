"""What a repeat is told of an idempotency key whose answer is there, and not yet sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.domain.identifiers import new_turn_id
from proxy.domain.request import Claim
from proxy.store import idempotency
from proxy.store.connection import time_us
from proxy.store.idempotency import AlreadyAsked
from tests.store.samples import LEASE_MS, OWNER
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.store.connection import Store

ANSWER = b'{"reply": "Hello"}'


def answered(store: Store, lease_ms: int) -> tuple[Claim, str]:
    """A key whose turn is answered, and not yet sure to be kept; and the turn."""
    claim, turn_id = Claim(OWNER, new_turn_id(), "fingerprint"), new_turn_id()
    store.run(idempotency.claim(claim, turn_id, lease_ms))
    store.run(idempotency.finish(claim, turn_id, ANSWER, sure=False))
    return claim, turn_id


def repeated(store: Store, claim: Claim) -> bytes | None:
    """The answer that a repeat is told; None while it has to wait."""
    with pytest.raises(AlreadyAsked) as told:
        store.run(idempotency.claim(claim, new_turn_id(), LEASE_MS))
    return told.value.answer


def test_an_answer_that_is_not_sure_is_waited_for(store: Store) -> None:
    claim, turn_id = answered(store, LEASE_MS)
    state = store.run(idempotency.look(claim))
    assert (repeated(store, claim), state and state.answer) == (None, None)
    store.run(idempotency.finish(claim, turn_id, ANSWER))
    state = store.run(idempotency.look(claim))
    assert (repeated(store, claim), state and state.answer) == (ANSWER, ANSWER)


def test_it_is_told_when_nobody_is_left_who_could_be_sure(store: Store) -> None:
    claim, _ = answered(store, lease_ms=1)
    state, now_us = store.run_all(idempotency.look(claim), time_us())
    wait_until(lambda: store.run(time_us()) > max(state.alive_us, now_us), "the lease to end")
    wait_until(lambda: repeated(store, claim) == ANSWER, "the answer")


def test_the_turn_that_has_it_can_still_give_it_up(store: Store) -> None:
    claim, turn_id = answered(store, LEASE_MS)
    store.run(idempotency.drop(claim, turn_id))
    assert store.run(idempotency.look(claim)) is None
