"""Budgets: whole periods of UTC, against Python's calendar, with the time passed in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from proxy.domain.identifiers import new_turn_id
from proxy.domain.limits import NANO, Bucket
from proxy.store import client_keys, keyspace
from proxy.store.buckets import peek, reserve, settle
from proxy.store.packed_limits import MICRO
from tests.store.samples import exists, new_bucket

if TYPE_CHECKING:
    from proxy.store.connection import Store

Period = Literal["day", "month"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CALMLY = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""The same examples every time, at whatever pace the machine has."""
MOMENTS = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def us(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def budget(usd: float, period: Period = "day") -> Bucket:
    most = round(usd * NANO)
    return Bucket("key", client_keys.new_id(), "usd", most, most, period)


def spend(store: Store, bucket: Bucket, usd: float, moment: datetime) -> str | None:
    """Reserve money; the reservation's id, None if it was refused."""
    turn, cost = new_turn_id(), {"usd": round(usd * NANO)}
    return turn if store.run(reserve(turn, [bucket], cost, us(moment))).granted else None


def left(store: Store, bucket: Bucket, moment: datetime) -> float:
    told = store.run(peek([bucket], {}, us(moment))).balances[0]
    return (told.remaining or -round(told.short)) / NANO


def renewal_after(moment: datetime, period: Period) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return midnight + timedelta(days=1)
    return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)


@settings(CALMLY, max_examples=150)
@given(moment=MOMENTS, period=st.sampled_from(["day", "month"]))
@example(moment=datetime(2028, 2, 29, 23, 59, 59, 999_999, UTC), period="month")
@example(moment=datetime(2027, 2, 28, 23, 59, 59, 999_999, UTC), period="month")
@example(moment=datetime(2100, 2, 28, 12, tzinfo=UTC), period="month")
@example(moment=datetime(2000, 2, 29, tzinfo=UTC), period="month")
@example(moment=datetime(2026, 12, 31, 23, 59, 59, 999_999, UTC), period="month")
@example(moment=datetime(2026, 12, 31, 23, 59, 59, 999_999, UTC), period="day")
@example(moment=datetime(2027, 1, 1, tzinfo=UTC), period="month")
def test_a_budget_renews_itself_when_its_period_ends_and_not_before(
    store: Store, moment: datetime, period: Period
) -> None:
    bucket, renewal = budget(1, period), renewal_after(moment, period)
    assert spend(store, bucket, 1, moment)
    refused = store.run(reserve(new_turn_id(), [bucket], {"usd": 1}, us(moment)))
    assert not refused.granted
    told = refused.balances[0]
    assert round(told.wait_s * MICRO) == round(told.full_s * MICRO) == us(renewal) - us(moment)
    assert not spend(store, bucket, 1, renewal - MICROSECOND)
    assert spend(store, bucket, 1, renewal)


@settings(CALMLY, max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.none() | st.integers(0, 60), st.integers(0, 7_200)),
        min_size=1,
        max_size=25,
    )
)
def test_reserves_never_take_a_budget_above_its_limit(
    store: Store, steps: list[tuple[int, int | None, int]]
) -> None:
    bucket, moment, spent, day = budget(1), NOON, 0, NOON.date()
    for reserved, used, pause_s in steps:
        moment += timedelta(seconds=pause_s)
        spent, day = (0 if moment.date() > day else spent), moment.date()
        turn, fits = new_turn_id(), spent + reserved <= 100 or not reserved
        cost = {"usd": reserved * NANO // 100}
        granted = store.run(reserve(turn, [bucket], cost, us(moment))).granted
        assert granted == fits
        if not granted:
            continue
        spent += reserved
        if used is not None:
            store.run(settle(turn, [bucket], {"usd": used * NANO // 100}, us(moment)))
            spent += used - reserved
        assert left(store, bucket, moment) == pytest.approx((100 - spent) / 100)


@pytest.mark.parametrize("period", ["day", "month"])
def test_a_request_that_ends_in_the_next_period_leaves_that_one_alone(
    store: Store, period: Period
) -> None:
    before = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    after = before + timedelta(seconds=2)
    bucket = budget(1, period)
    turn = spend(store, bucket, 0.5, before) or ""
    assert spend(store, bucket, 0.75, after)
    assert store.run(settle(turn, [bucket], {"usd": NANO}, us(after))).granted
    assert left(store, bucket, after) == 0.25


def test_a_request_that_ends_in_its_own_period_is_settled_to_what_it_cost(store: Store) -> None:
    bucket = budget(1)
    cheap, dear = (spend(store, bucket, 0.5, NOON) or "" for _ in range(2))
    assert not spend(store, bucket, 0.01, NOON)
    store.run(settle(cheap, [bucket], {"usd": NANO // 10}, us(NOON)))
    assert left(store, bucket, NOON) == pytest.approx(0.4)
    store.run(settle(dear, [bucket], {"usd": 2 * NANO}, us(NOON)))
    assert left(store, bucket, NOON) == pytest.approx(-1.1)
    assert not spend(store, bucket, 0.01, NOON)


def test_a_settlement_acts_once(store: Store) -> None:
    bucket = budget(1)
    turn = spend(store, bucket, 0.5, NOON) or ""
    for _ in range(3):
        store.run(settle(turn, [bucket], {}, us(NOON)))
    assert left(store, bucket, NOON) == 1


def test_a_bucket_that_refuses_costs_nothing(store: Store) -> None:
    money, empty = budget(1), new_bucket(60, 1)
    costs = {"usd": NANO // 2, "requests": 1}
    store.run(reserve(new_turn_id(), [empty], costs, us(NOON)))
    assert not store.run(reserve(new_turn_id(), [money, empty], costs, us(NOON))).granted
    assert not exists(store, keyspace.limits(money))


def test_a_budget_that_refuses_takes_no_request(store: Store) -> None:
    money, ample = budget(1), new_bucket(60, 9)
    costs = {"usd": 2 * NANO, "requests": 1}
    assert not store.run(reserve(new_turn_id(), [ample, money], costs, us(NOON))).granted
    assert not exists(store, keyspace.limits(ample))


@pytest.mark.parametrize(("usd", "remains"), [(3, 2.5), (0.75, 0.25), (0.25, -0.25)])
def test_a_changed_limit_keeps_what_was_spent(store: Store, usd: float, remains: float) -> None:
    bucket = budget(1)
    spend(store, bucket, 0.5, NOON)
    assert left(store, bucket._replace(burst=round(usd * NANO)), NOON) == pytest.approx(remains)


def test_a_day_that_becomes_a_month_keeps_what_was_spent(store: Store) -> None:
    bucket = budget(1)
    spend(store, bucket, 0.5, NOON)
    month = bucket._replace(period="month")
    assert left(store, month, NOON) == 0.5
    assert left(store, month, NOON + timedelta(days=9)) == 1


def test_what_is_given_back_after_the_period_changed_is_no_gift(store: Store) -> None:
    bucket = budget(1, "month")
    turn = spend(store, bucket, 0.5, NOON) or ""
    day = bucket._replace(period="day")
    store.run(settle(turn, [day], {}, us(NOON)))
    assert left(store, day, NOON) == 1


def test_a_clock_that_steps_back_over_midnight_renews_nothing(store: Store) -> None:
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    bucket = budget(1)
    spend(store, bucket, 1, midnight)
    back = midnight - timedelta(minutes=30)
    refused = store.run(reserve(new_turn_id(), [bucket], {"usd": 1}, us(back)))
    assert not refused.granted
    assert refused.balances[0].wait_s == timedelta(hours=24, minutes=30).total_seconds()
    assert not spend(store, bucket, 1, midnight + timedelta(hours=23))


def test_a_shadow_budget_counts_all_and_refuses_nobody(store: Store) -> None:
    bucket = budget(1)._replace(enforced=False)
    assert all(spend(store, bucket, 0.5, NOON) for _ in range(5))
    assert left(store, bucket, NOON) == -1.5
