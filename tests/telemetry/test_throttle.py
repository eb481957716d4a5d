"""A flood of lines is cut to so many in any second, and none is left out without being counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.telemetry.throttle import Throttle


def test_so_many_of_a_kind_pass_in_a_second_and_the_next_tells_how_many_did_not() -> None:
    throttle = Throttle(2)
    told = [throttle.passes("redis", now) for now in (0, 0.5, 0.6, 0.9, 1.0, 1.1, 1.5)]
    assert told == [0, 0, None, None, 2, None, 1]


def test_each_kind_is_counted_for_itself() -> None:
    throttle = Throttle(1)
    assert [throttle.passes(kind, 0) for kind in ("redis", "upstream", "redis")] == [0, 0, None]


def test_a_state_can_be_told_once_in_a_time_of_its_own() -> None:
    throttle = Throttle(10)
    told = [throttle.passes("full", now, every_s=60) for now in (0, 1, 59.9, 60, 61)]
    assert told == [0, None, None, 2, None]


@given(
    st.integers(1, 4),
    st.lists(st.integers(0, 20), max_size=40).map(sorted),
)
def test_no_second_lets_more_pass_and_every_line_is_counted(most: int, tenths: list[int]) -> None:
    throttle = Throttle(most)
    answers = [(now, throttle.passes("x", now / 10)) for now in tenths]
    passed = [now for now, left_out in answers if left_out is not None]
    assert all(sum(start <= now < start + 10 for now in passed) <= most for start in passed)
    told = len(passed) + sum(left_out or 0 for _, left_out in answers)
    assert told + _untold(answers) == len(tenths)


def _untold(answers: list[tuple[int, int | None]]) -> int:
    """Those that are left out behind the last that passed."""
    count = 0
    for _, left_out in reversed(answers):
        if left_out is not None:
            break
        count += 1
    return count
