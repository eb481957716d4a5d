"""Places in flight: leases, with the time passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.domain.identifiers import new_turn_id
from proxy.domain.limits import Bucket
from proxy.store import client_keys, keyspace
from proxy.store.buckets import LEASE_MS, hold, peek, reserve, settle
from proxy.store.connection import Command, time_us
from proxy.store.packed_limits import MICRO
from tests.store.samples import exists, new_bucket

if TYPE_CHECKING:
    from proxy.store.connection import Store

START = 1_750_000_000_000_000
LEASE_US = LEASE_MS * 1000
LATEST_US = LEASE_US * 17 // 16
"""By then every lease has ended: its end is rounded up, by a sixteenth of it at the most."""
ONE = {"concurrency": 1, "requests": 1}


def places(most: int) -> Bucket:
    return Bucket("key", client_keys.new_id(), "concurrency", most, most)


def take(store: Store, bucket: Bucket, now: int = START) -> str | None:
    """Take a place; the reservation's id, None if none was free."""
    turn = new_turn_id()
    return turn if store.run(reserve(turn, [bucket], ONE, now)).granted else None


def free(store: Store, bucket: Bucket, now: int = START) -> int:
    return store.run(peek([bucket], {}, now)).balances[0].remaining


def test_as_many_as_there_are_places_and_no_more(store: Store) -> None:
    bucket = places(3)
    assert [bool(take(store, bucket)) for _ in range(5)] == [True, True, True, False, False]
    assert free(store, bucket) == 0


def test_a_refused_request_is_told_to_come_back_in_a_second(store: Store) -> None:
    bucket = places(1)
    take(store, bucket)
    refused = store.run(reserve(new_turn_id(), [bucket], ONE, START))
    assert refused.balances[0].wait_s == 1


@pytest.mark.parametrize("used", [{}, {"requests": 1, "tokens": 50}], ids=["released", "settled"])
def test_a_place_is_freed_once_however_often_it_is_settled(
    store: Store, used: dict[str, int]
) -> None:
    bucket = places(3)
    turns = [take(store, bucket) for _ in range(3)]
    told = [store.run(settle(turns[0] or "", [bucket], used, START)) for _ in range(3)]
    assert [settled.granted for settled in told] == [True, False, False]
    assert [settled.balances[0].remaining for settled in told] == [1, 1, 1]


def test_a_reserve_that_is_repeated_takes_one_place(store: Store) -> None:
    bucket, turn = places(3), new_turn_id()
    for _ in range(3):
        assert store.run(reserve(turn, [bucket], ONE, START)).granted
    assert free(store, bucket) == 2


def test_a_place_is_held_for_its_lease_and_at_most_a_sixteenth_more(store: Store) -> None:
    bucket = places(1)
    take(store, bucket)
    assert take(store, bucket, START + LEASE_US - 1) is None
    assert take(store, bucket, START + LATEST_US)


def test_a_place_that_is_held_lasts_another_lease_and_no_longer(store: Store) -> None:
    bucket = places(1)
    turn = take(store, bucket) or ""
    later = START + LEASE_US - 1
    store.run(hold(turn, [bucket], LEASE_MS * 3, LEASE_MS, later))
    assert take(store, bucket, later + LEASE_US - 1) is None
    assert take(store, bucket, later + LATEST_US)


def test_a_place_that_was_lost_is_not_taken_back_by_holding_it(store: Store) -> None:
    bucket = places(1)
    lost = take(store, bucket) or ""
    assert take(store, bucket, START + LATEST_US)
    store.run(hold(lost, [bucket], LEASE_MS * 3, LEASE_MS, START + LATEST_US))
    assert free(store, bucket, START + LATEST_US) == 0
    store.run(settle(lost, [bucket], {}, START + LATEST_US))
    assert free(store, bucket, START + LATEST_US) == 0


@pytest.mark.parametrize(("most", "granted"), [(5, 3), (2, 0), (1, 0)])
def test_a_changed_limit_counts_those_that_are_in_flight(
    store: Store, most: int, granted: int
) -> None:
    before = places(3)
    for _ in range(2):
        take(store, before)
    after = before._replace(rate=most, burst=most)
    assert sum(bool(take(store, after)) for _ in range(5)) == granted


def test_a_bucket_that_refuses_keeps_no_place(store: Store) -> None:
    bucket, empty = places(1), new_bucket(60, 1)
    store.run(reserve(new_turn_id(), [empty], ONE, START))
    assert not store.run(reserve(new_turn_id(), [bucket, empty], ONE, START)).granted
    assert not exists(store, keyspace.limits(bucket))


def test_places_that_all_are_taken_take_nothing_of_a_bucket(store: Store) -> None:
    bucket, ample = places(1), new_bucket(60, 9)
    take(store, bucket)
    assert not store.run(reserve(new_turn_id(), [ample, bucket], ONE, START)).granted
    assert not exists(store, keyspace.limits(ample))


def test_leases_run_by_the_server_s_clock(store: Store) -> None:
    bucket = places(1)
    store.run(reserve(new_turn_id(), [bucket], ONE))
    now = store.run(time_us())
    assert free(store, bucket, now) == 0
    assert free(store, bucket, now + LATEST_US) == 1


def test_many_places_taken_at_any_time_are_kept_in_little_room(
    store: Store, redis_admin: Store
) -> None:
    bucket, turns = places(1000), [new_turn_id() for _ in range(1000)]
    at = [START + number * LEASE_US // 1000 for number in range(1000)]
    store.run_all(*(reserve(turn, [bucket], ONE, now) for turn, now in zip(turns, at, strict=True)))
    assert redis_admin.run(Command(("STRLEN", keyspace.limits(bucket)), int)) <= 8 * (9 + 2 * 17)
    assert free(store, bucket, at[-1]) == 0
    store.run_all(*(settle(turn, [bucket], {}, at[-1]) for turn in turns))
    assert free(store, bucket, at[-1]) == 1000


def test_a_place_is_freed_once_also_after_it_was_held(store: Store) -> None:
    bucket = places(3)
    first, other = take(store, bucket) or "", take(store, bucket) or ""
    later = START + LEASE_US // 2
    for _ in range(2):
        store.run(hold(first, [bucket], LEASE_MS * 3, LEASE_MS, later))
    for _ in range(2):
        store.run(settle(first, [bucket], {}, later))
    assert free(store, bucket, later) == 2
    store.run(settle(other, [bucket], {}, later))
    assert free(store, bucket, later) == 3


def test_a_shadow_limit_of_places_counts_all_and_refuses_nobody(store: Store) -> None:
    bucket = places(2)._replace(enforced=False)
    turns = [take(store, bucket) for _ in range(5)]
    assert all(turns)
    told = store.run(peek([bucket], ONE, START)).balances[0]
    assert (told.remaining, told.short) == (0, 3)
    for turn in turns:
        store.run(settle(turn or "", [bucket], {}, START + MICRO))
    assert free(store, bucket, START + MICRO) == 2
