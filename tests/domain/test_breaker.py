"""Who fails again and again is left alone for a while, then tried by one, then asked by all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.breaker import Breaker


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(failures=3, first_s=1, longest_s=4)


def fail(breaker: Breaker, times: int, now: float = 0) -> None:
    for _ in range(times):
        breaker.failed(now)


def test_as_many_failures_in_a_row_as_it_takes_open_it(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert (breaker.wait_s(0), breaker.state(0)) == (0, "closed")
    fail(breaker, 1)
    assert (breaker.wait_s(0), breaker.wait_s(0.75), breaker.state(0.75)) == (1, 0.25, "open")


def test_a_success_between_them_begins_the_row_anew(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    assert breaker.wait_s(0) == 0


def test_after_its_while_one_may_ask_and_the_others_wait_on(breaker: Breaker) -> None:
    fail(breaker, 3)
    assert breaker.state(1) == "half_open"
    assert [breaker.wait_s(1), breaker.wait_s(1), breaker.wait_s(1.5)] == [0, 1, 0.5]
    assert breaker.state(1.5) == "half_open"


def test_the_trial_s_success_closes_it(breaker: Breaker) -> None:
    fail(breaker, 3)
    breaker.wait_s(1)
    breaker.succeeded()
    assert [breaker.wait_s(1), breaker.wait_s(1), breaker.state(1)] == [0, 0, "closed"]


def test_each_trial_that_fails_doubles_the_while_up_to_the_longest(breaker: Breaker) -> None:
    fail(breaker, 3)
    now, waits = 0.0, []
    for _ in range(5):
        waits.append(breaker.wait_s(now))
        now += waits[-1]
        assert breaker.wait_s(now) == 0
        breaker.failed(now)
    assert waits == [1, 2, 4, 4, 4]


def test_failures_of_those_who_asked_before_it_opened_change_nothing(breaker: Breaker) -> None:
    fail(breaker, 3)
    fail(breaker, 50, now=0.5)
    assert breaker.wait_s(0.5) == 0.5


def test_a_trial_that_is_never_heard_of_makes_place_for_another(breaker: Breaker) -> None:
    fail(breaker, 3)
    assert [breaker.wait_s(1), breaker.wait_s(1.9) > 0, breaker.wait_s(2)] == [0, True, 0]


@given(st.lists(st.tuples(st.sampled_from(["ask", "fail", "answer"]), st.floats(0, 3))))
def test_nobody_waits_longer_than_the_longest_while(steps: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(2, 1, 4), 0.0
    for step, passed in steps:
        now += passed
        if step == "ask":
            assert 0 <= breaker.wait_s(now) <= 4
        elif step == "fail":
            breaker.failed(now)
        else:
            breaker.succeeded()
            assert breaker.wait_s(now) == 0
