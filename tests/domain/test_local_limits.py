"""Limits in a worker's memory: exact to the fraction, a share of the whole, bounded."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.limits import Bucket
from proxy.domain.local_limits import MICRO, LocalLimits

if TYPE_CHECKING:
    from proxy.domain.local_limits import Held

COSTS = {"requests": 1, "tokens": 10, "concurrency": 1}
SECOND = MICRO
STEPS = st.lists(
    st.tuples(st.integers(0, 90 * SECOND), st.integers(0, 40), st.integers(0, 60)), max_size=25
)
"""Microseconds that go by, tokens that are reserved, tokens that are used in the end."""


def bucket(resource: str, rate: int, burst: int, name: str = "k", **more: bool) -> Bucket:
    return Bucket("key", name, resource, rate, burst, **more)  # type: ignore[arg-type]


@given(rate=st.integers(1, 1000), burst=st.integers(1, 40), steps=STEPS)
def test_a_bucket_holds_what_exact_fractions_say(
    rate: int, burst: int, steps: list[tuple[int, int, int]]
) -> None:
    limits, whole = LocalLimits(1, 10), bucket("tokens", rate, burst)
    exact, now = Fraction(burst * MICRO), 0
    for elapsed, cost, used in steps:
        now += elapsed
        exact = min(Fraction(burst * MICRO), exact + Fraction(elapsed * rate, 60))
        answer = limits.reserve((whole,), {"tokens": cost}, now)
        (balance,) = answer.balances
        missing = min(cost, burst) * MICRO - exact
        assert (answer.held is None) == (missing > 0)
        assert balance.wait_s == max(0, ceil(missing * 60 / rate)) / MICRO
        if answer.held:
            exact = min(Fraction(burst * MICRO), exact - used * MICRO)
            (balance,) = limits.settle(answer.held, {"tokens": used}, now)
        assert balance.remaining == max(0, floor(exact / MICRO))
        assert balance.full_s == ceil((burst * MICRO - exact) * 60 / rate) / MICRO


@given(limit=st.integers(1, 10_000), workers=st.integers(1, 64))
def test_all_workers_together_let_no_more_pass_than_the_limit_or_one_each(
    limit: int, workers: int
) -> None:
    whole = bucket("requests", limit, limit)
    share = LocalLimits(workers, 10).reserve((whole,), COSTS, 0).balances[0].bucket
    assert 1 <= share.burst == share.rate
    assert share.burst * workers <= max(limit, workers)


def test_all_limits_give_or_none_does() -> None:
    limits = LocalLimits(1, 10)
    many, one = bucket("tokens", 60, 100), bucket("requests", 60, 1)
    assert limits.reserve((many, one), COSTS, 0).held
    refused = limits.reserve((many, one), COSTS, 0)
    assert refused.held is None
    assert [balance.remaining for balance in refused.balances] == [90, 0]
    assert [balance.wait_s for balance in refused.balances] == [0, 1]


def test_a_request_larger_than_a_share_needs_all_of_it_and_owes_the_rest() -> None:
    limits, whole = LocalLimits(4, 10), bucket("tokens", 240, 240)
    assert limits.reserve((whole,), {"tokens": 100}, 0).held
    refused = limits.reserve((whole,), {"tokens": 100}, 0).balances[0]
    assert (refused.remaining, refused.short, refused.wait_s) == (0, 40, 100)
    assert limits.reserve((whole,), {"tokens": 100}, 100 * SECOND).held


def test_places_in_flight_come_back_when_requests_end() -> None:
    limits, places = LocalLimits(2, 10), bucket("concurrency", 4, 4)
    held = [limits.reserve((places,), COSTS, 0).held for _ in range(3)]
    assert [bool(took) for took in held] == [True, True, False]
    assert limits.reserve((places,), COSTS, 0).balances[0].wait_s == 1
    for took in held[:2]:
        assert took
        limits.settle(took, {}, 0)
    assert limits.reserve((places,), COSTS, 0).held
    assert len(limits) == 1


def test_a_shadow_limit_refuses_nobody_and_owes_a_burst_at_the_most() -> None:
    limits, shadow = LocalLimits(1, 10), bucket("tokens", 60, 20, enforced=False)
    answers = [limits.reserve((shadow,), COSTS, 0) for _ in range(6)]
    assert all(answer.held for answer in answers)
    assert [answer.balances[0].short for answer in answers] == [0, 0, 10, 20, 20, 20]


def test_a_clock_that_steps_back_stands_still() -> None:
    limits, whole = LocalLimits(1, 10), bucket("requests", 60, 1)
    assert limits.reserve((whole,), COSTS, 10 * SECOND).held
    assert limits.reserve((whole,), COSTS, 0).balances[0].wait_s == 1
    assert limits.reserve((whole,), COSTS, 11 * SECOND).held


def test_what_is_kept_is_bounded_and_a_bucket_that_is_full_again_is_forgotten() -> None:
    limits = LocalLimits(1, 3)

    def held(name: str, now: int) -> Held | None:
        return limits.reserve((bucket("requests", 60, 1, name),), COSTS, now).held

    assert all(held(name, 0) for name in "abc")
    assert limits.reserve((bucket("requests", 60, 1, "d"),), COSTS, 0).full
    assert len(limits) == 3
    assert held("d", SECOND)
    assert len(limits) == 1
