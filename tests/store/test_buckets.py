"""Token buckets: the arithmetic, against exact fractions, with the time passed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import cycle
from math import ceil, floor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.domain.identifiers import new_turn_id
from proxy.domain.limits import Balance, Bucket
from proxy.settings import LARGEST_LIMIT
from proxy.store import keyspace
from proxy.store.buckets import RESERVATION_MS, Reserved, peek, reserve, settle
from proxy.store.connection import time_us
from proxy.store.packed_limits import MICRO
from tests.store.samples import exists, kept_of, new_bucket, ttl_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.domain.limits import Resource
    from proxy.store.connection import Store

START = 1_750_000_000_000_000
MINUTE_US = 60_000_000
CALMLY = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""The same examples every time, at whatever pace the machine has."""
RATES = st.integers(1, LARGEST_LIMIT) | st.integers(1, 100)


def bursts(rate: int) -> st.SearchStrategy[int]:
    """Capacities that fill within two years: waits of centuries are not kept to a microsecond."""
    return st.integers(1, min(LARGEST_LIMIT, 1_000_000 * rate)) | st.integers(1, 100)


@dataclass
class Model:
    """Buckets in fractions of a unit, nothing ever rounded."""

    buckets: tuple[Bucket, ...]
    kept: dict[int, tuple[Fraction, int]] = field(default_factory=dict)
    taken: dict[str, list[int]] = field(default_factory=dict)

    def reserve(self, name: str, costs: Mapping[str, int], now: int) -> Reserved:
        if name in self.taken:
            return Reserved(granted=True, balances=self._balances(None, now))
        before = self._balances(costs, now)
        if any(balance.wait_s for balance in before):
            return Reserved(granted=False, balances=before)
        self.taken[name] = [costs.get(bucket.resource, 0) for bucket in self.buckets]
        for index, cost in enumerate(self.taken[name]):
            self._add(index, -cost, now)
        return Reserved(granted=True, balances=self._balances(None, now))

    def settle(self, name: str, costs: Mapping[str, int], now: int) -> Reserved:
        taken = self.taken.pop(name, None)
        for index, units in enumerate(taken or ()):
            self._add(index, units - costs.get(self.buckets[index].resource, 0), now)
        return Reserved(granted=taken is not None, balances=self._balances(None, now))

    def peek(self, costs: Mapping[str, int], now: int) -> Reserved:
        return Reserved(granted=True, balances=self._balances(costs, now))

    def _level(self, index: int, now: int) -> tuple[Fraction, int]:
        bucket = self.buckets[index]
        level, then = self.kept.get(index, (Fraction(bucket.burst), now))
        at = max(then, now)
        return min(
            Fraction(bucket.burst), level + Fraction((at - then) * bucket.rate, MINUTE_US)
        ), at

    def _add(self, index: int, units: int, now: int) -> None:
        level, at = self._level(index, now)
        self.kept[index] = min(Fraction(self.buckets[index].burst), level + units), at

    def _balances(self, costs: Mapping[str, int] | None, now: int) -> list[Balance]:
        """What is told; nobody waits when `costs` is None."""
        balances = []
        for index, bucket in enumerate(self.buckets):
            level, _ = self._level(index, now)
            wait_s = _until(costs.get(bucket.resource, 0), level, bucket) if costs else 0.0
            full_s = _until(bucket.burst, level, bucket)
            short = max(0, -floor(level * MICRO)) / MICRO
            balances.append(Balance(bucket, max(0, int(level // 1)), wait_s, full_s, short))
        return balances


def _until(wanted: int, level: Fraction, bucket: Bucket) -> float:
    return max(0, ceil((wanted - level) * MINUTE_US / bucket.rate)) / MICRO


@st.composite
def histories(draw: st.DrawFn) -> tuple[tuple[Bucket, ...], list[tuple[Any, ...]]]:
    """Buckets of requests and tokens, and what is done to them: verb, moment, name, costs."""
    rates = draw(st.tuples(RATES, RATES, RATES))
    resources: tuple[Resource, ...] = ("requests", "tokens", "tokens")
    buckets = tuple(map(new_bucket, rates, [draw(bursts(rate)) for rate in rates], resources))
    cost = st.integers(0, max(bucket.burst for bucket in buckets))
    costs = st.fixed_dictionaries({"requests": st.integers(0, 3), "tokens": cost})
    step = st.tuples(
        st.sampled_from(["reserve", "reserve", "settle", "peek"]),
        st.integers(-MINUTE_US, 10 * MINUTE_US) | st.integers(0, 1000),
        st.sampled_from("abcd"),
        costs,
    )
    return buckets, draw(st.lists(step, min_size=1, max_size=12))


@settings(CALMLY, max_examples=150)
@given(histories())
def test_buckets_do_what_exact_fractions_do(
    store: Store, history: tuple[tuple[Bucket, ...], list[tuple[Any, ...]]]
) -> None:
    buckets, steps = history
    model, now, run = Model(buckets), START, new_turn_id()
    for verb, pause, name, costs in steps:
        now += pause
        if verb == "peek":
            done, expected = store.run(peek(buckets, costs, now)), model.peek(costs, now)
        elif verb == "reserve":
            done = store.run(reserve(run + name, buckets, costs, now))
            expected = model.reserve(name, costs, now)
        else:
            done = store.run(settle(run + name, buckets, costs, now))
            expected = model.settle(name, costs, now)
        assert done == expected


@settings(CALMLY, max_examples=20)
@given(st.data())
def test_an_hour_grants_rate_times_time_and_the_burst_within_one_request(
    store: Store, data: st.DataObject
) -> None:
    rate = data.draw(st.integers(1, 1_000_000), "rate")
    least = -(-rate // 4)
    burst = data.draw(st.integers(least, 20 * least), "burst")
    costs = data.draw(st.lists(st.integers(least, burst), min_size=1, max_size=5), "costs")
    bucket, granted, now = new_bucket(rate, burst), 0, START
    for cost in cycle(costs):
        asked = {"requests": cost}
        reserved = store.run(reserve(new_turn_id(), [bucket], asked, now))
        if not reserved.granted:
            now += round(reserved.balances[0].wait_s * MICRO)
            if now > START + 60 * MINUTE_US:
                break
            assert store.run(reserve(new_turn_id(), [bucket], asked, now)).granted
        granted += cost
    assert 60 * rate + burst - cost <= granted <= 60 * rate + burst


@settings(CALMLY, max_examples=50)
@given(rate=RATES, data=st.data())
def test_a_wait_is_exact_to_the_microsecond(store: Store, rate: int, data: st.DataObject) -> None:
    burst = data.draw(bursts(rate), "burst")
    bucket = new_bucket(rate, burst)
    drawn, cost = (data.draw(st.integers(1, burst), what) for what in ("drawn", "cost"))
    store.run(reserve(new_turn_id(), [bucket], {"requests": drawn}, START))
    wait_s = store.run(peek([bucket], {"requests": cost}, START)).balances[0].wait_s
    at = START + round(wait_s * MICRO)
    if wait_s:
        assert not store.run(reserve("early", [bucket], {"requests": cost}, at - 1)).granted
    assert store.run(reserve(new_turn_id(), [bucket], {"requests": cost}, at)).granted


def test_a_refused_reserve_changes_no_bucket(store: Store) -> None:
    wide, narrow = new_bucket(100, 100), new_bucket(1, 1)
    store.run(reserve(new_turn_id(), [wide, narrow], {"requests": 1}, START))
    before = [kept_of(store, bucket) for bucket in (wide, narrow)]
    refused = new_turn_id()
    assert not store.run(reserve(refused, [wide, narrow], {"requests": 1}, START + 5)).granted
    assert [kept_of(store, bucket) for bucket in (wide, narrow)] == before
    assert not exists(store, keyspace.reservation(refused))


def test_a_refusal_says_which_bucket_is_short_and_for_how_long(store: Store) -> None:
    wide, narrow = new_bucket(60, 60), new_bucket(60, 1)
    store.run(reserve(new_turn_id(), [wide, narrow], {"requests": 1}, START))
    refused = store.run(reserve(new_turn_id(), [wide, narrow], {"requests": 1}, START + 250_000))
    assert [balance.wait_s for balance in refused.balances] == [0, 0.75]


def test_a_reserve_that_is_repeated_takes_nothing_more(store: Store) -> None:
    bucket, turn = new_bucket(1, 10), new_turn_id()
    for _ in range(3):
        reserved = store.run(reserve(turn, [bucket], {"requests": 4}, START))
        assert (reserved.granted, reserved.balances[0].remaining) == (True, 6)


@pytest.mark.parametrize(("used", "left"), [({}, 10), ({"requests": 3}, 7), ({"requests": 9}, 1)])
def test_a_settlement_acts_once_however_often_it_is_repeated(
    store: Store, used: dict[str, int], left: int
) -> None:
    bucket, turn = new_bucket(1, 10), new_turn_id()
    store.run(reserve(turn, [bucket], {"requests": 4}, START))
    done = [store.run(settle(turn, [bucket], used, START)) for _ in range(3)]
    assert [settled.granted for settled in done] == [True, False, False]
    assert [settled.balances[0].remaining for settled in done] == [left] * 3


def test_nothing_is_given_back_for_what_was_never_reserved(store: Store) -> None:
    bucket = new_bucket(1, 10)
    store.run(reserve(new_turn_id(), [bucket], {"requests": 4}, START))
    assert store.run(settle(new_turn_id(), [bucket], {}, START)).balances[0].remaining == 6


def test_a_balance_below_zero_recovers(store: Store) -> None:
    bucket, turn = new_bucket(60, 10), new_turn_id()
    store.run(reserve(turn, [bucket], {"requests": 1}, START))
    settled = store.run(settle(turn, [bucket], {"requests": 25}, START))
    assert kept_of(store, bucket)["b"] == -15_000_000
    assert (settled.balances[0].remaining, settled.balances[0].full_s) == (0, 25)
    looked = store.run(peek([bucket], {"requests": 1}, START))
    assert looked.balances[0].wait_s == 16


def test_what_is_given_back_never_overfills_a_bucket(store: Store) -> None:
    bucket, turn = new_bucket(7, 10), new_turn_id()
    store.run(reserve(turn, [bucket], {"requests": 4}, START))
    store.run(settle(turn, [bucket], {}, START + 1))
    assert kept_of(store, bucket)["b"] == 10_000_000
    assert kept_of(store, bucket)["r"] == 0


def test_a_clock_that_steps_back_an_hour_takes_and_gives_nothing(store: Store) -> None:
    bucket = new_bucket(60, 10)
    store.run(reserve(new_turn_id(), [bucket], {"requests": 5}, START))
    back = START - 60 * MINUTE_US
    stepped = store.run(reserve(new_turn_id(), [bucket], {"requests": 1}, back))
    assert stepped.balances[0].remaining == 4
    assert store.run(peek([bucket], {}, START + MICRO)).balances[0].remaining == 5


def test_without_a_time_it_is_the_server_s(store: Store) -> None:
    bucket = new_bucket(1, 10)
    store.run(reserve(new_turn_id(), [bucket], {"requests": 1}))
    seconds = kept_of(store, bucket)["t"] // MICRO
    assert abs(seconds - _server_seconds(store)) <= 1


@pytest.mark.parametrize(("burst", "left"), [(100, 4), (6, 4), (2, 2)])
def test_a_changed_limit_keeps_the_balance_that_fits_it(
    store: Store, burst: int, left: int
) -> None:
    before = new_bucket(60, 10)
    store.run(reserve(new_turn_id(), [before], {"requests": 6}, START))
    after = Bucket(before.scope, before.id, before.resource, 600, burst)
    assert store.run(peek([after], {}, START)).balances[0].remaining == left


def test_a_bucket_is_kept_until_it_is_full_and_a_minute_more(store: Store) -> None:
    bucket = new_bucket(60, 120)
    store.run(reserve(new_turn_id(), [bucket], {"requests": 30}))
    assert 85_000 < ttl_ms(store, keyspace.limits(bucket)) <= 90_000


def test_a_reservation_is_kept_for_an_hour_or_until_it_is_settled(store: Store) -> None:
    bucket, turn = new_bucket(60, 120), new_turn_id()
    store.run(reserve(turn, [bucket], {"requests": 30}))
    assert RESERVATION_MS - 5_000 < ttl_ms(store, keyspace.reservation(turn)) <= RESERVATION_MS
    store.run(settle(turn, [bucket], {"requests": 30}))
    assert not exists(store, keyspace.reservation(turn))


def test_a_look_takes_and_keeps_nothing(store: Store) -> None:
    bucket = new_bucket(60, 120)
    assert store.run(peek([bucket], {"requests": 5})).balances[0].remaining == 120
    assert not exists(store, keyspace.limits(bucket))


def _server_seconds(store: Store) -> int:
    return store.run(time_us()) // MICRO
