"""When a second try is worth it, and how many there may be."""

from __future__ import annotations

import pytest

from proxy.errors import (
    ApiError,
    UpstreamBroken,
    UpstreamError,
    UpstreamQuotaExhausted,
    UpstreamRateLimited,
    UpstreamUnreachable,
)
from proxy.upstream.retry import RetryBudget, dearer, pause


def test_a_worker_begins_with_ten_retries() -> None:
    budget = RetryBudget()
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]


def test_ten_requests_earn_one_retry() -> None:
    budget = RetryBudget()
    while budget.spend():
        pass
    for _ in range(11):  # tenths are not exact in binary
        budget.earn()
    assert [budget.spend(), budget.spend()] == [True, False]


def test_no_more_than_ten_retries_are_saved() -> None:
    budget = RetryBudget()
    for _ in range(1_000):
        budget.earn()
    assert sum(budget.spend() for _ in range(20)) == 10


def test_under_full_failure_few_calls_are_made_beyond_the_requests() -> None:
    budget = RetryBudget()
    retries = 0
    for _ in range(1_000):
        budget.earn()
        retries += budget.spend()
    assert 100 <= retries <= 110


def test_a_failure_is_tried_again_after_a_quarter_to_half_a_second() -> None:
    waits = [pause(UpstreamError("failed")) for _ in range(200)]
    assert all(wait is not None and 0.25 <= wait <= 0.5 for wait in waits)
    assert len(set(waits)) > 100


def test_the_wait_that_chatgpt_asks_for_is_kept_to_and_spread() -> None:
    waits = [pause(UpstreamRateLimited("slow", retry_after=2)) for _ in range(200)]
    assert all(wait is not None and 2 <= wait <= 2.2 for wait in waits)
    assert len(set(waits)) > 100


@pytest.mark.parametrize("seconds", [5.01, 60, 86_400])
def test_a_long_wait_is_the_caller_s_own(seconds: float) -> None:
    assert pause(UpstreamRateLimited("slow", retry_after=seconds)) is None


def test_what_no_retry_can_mend_is_not_tried_again() -> None:
    assert pause(UpstreamQuotaExhausted("empty")) is None


@pytest.mark.parametrize(
    ("first", "second", "charge"),
    [
        (UpstreamBroken("cut"), UpstreamUnreachable("gone"), "prompt"),
        (UpstreamUnreachable("gone"), UpstreamBroken("cut"), "prompt"),
        (UpstreamError("failed"), UpstreamUnreachable("gone"), "request"),
        (UpstreamUnreachable("gone"), UpstreamUnreachable("gone"), "nothing"),
    ],
)
def test_two_failures_cost_what_the_dearer_of_them_does(
    first: ApiError, second: ApiError, charge: str
) -> None:
    told = dearer(first, second)
    assert (told, told.charge) == (second, charge)
