"""What a request is counted as, and what percentiles and sums are made of it."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.conversation import Usage
from proxy.domain.usage import (
    BOUNDS,
    FIRST_BOUND_S,
    METRICS,
    asked,
    figures,
    nano,
    percentile,
    step,
    summed,
)
from proxy.errors import (
    ApiError,
    TurnCancelled,
    UpstreamBroken,
    UpstreamQuotaExhausted,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamTimeout,
)

TIMES = st.floats(0, 10_000, allow_nan=False)
METRIC = st.dictionaries(st.sampled_from(METRICS), st.integers(0, 10**12))


def bounds(number: int) -> tuple[float, float]:
    """Above which and up to which time a step counts."""
    end = FIRST_BOUND_S * 2.0**number if number < BOUNDS else float("inf")
    return (FIRST_BOUND_S * 2.0 ** (number - 1) if number else -1, end)


def test_an_answer_counts_all_that_it_used() -> None:
    used = Usage(100, 20, cached_tokens=60, reasoning_tokens=5)
    assert asked(used, 0.0012, None, 0.3, 0.07) == {
        "requests": 1,
        "prompt_tokens": 100,
        "cached_tokens": 60,
        "completion_tokens": 20,
        "reasoning_tokens": 5,
        "cost_nano": 1_200_000,
        "seconds_3": 1,
        "first_word_1": 1,
    }


def test_a_price_that_is_not_known_is_not_zero() -> None:
    assert asked(Usage(1), None, None, 0, None)["unpriced"] == 1
    assert "unpriced" not in asked(Usage(), None, None, 0, None)


@pytest.mark.parametrize(
    ("failure", "counted"),
    [
        (UpstreamRateLimited("Slow"), {"refused_upstream": 1}),
        (UpstreamQuotaExhausted("Out"), {"refused_upstream": 1}),
        (UpstreamBroken("Cut"), {"errors": 1}),
        (UpstreamTimeout("Late"), {"errors": 1}),
        (ApiError("A defect"), {"errors": 1}),
        (UpstreamRefused(400, "What?", code="invalid_value"), {}),
        (UpstreamRefused(404, "Which?", code="model_not_found"), {}),
        (TurnCancelled(), {}),
    ],
    ids=["rate", "quota", "broken", "late", "defect", "refused", "unknown", "cancelled"],
)
def test_a_failure_counts_as_what_it_is_and_not_in_the_latency(
    failure: ApiError, counted: dict[str, int]
) -> None:
    assert asked(Usage(), 0.0, failure, 5, None) == {"requests": 1} | counted


@given(TIMES)
def test_a_time_is_counted_in_the_step_that_holds_it(seconds: float) -> None:
    above, up_to = bounds(step(seconds))
    assert above < seconds <= up_to


@given(st.lists(TIMES, min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_percentile_lies_in_the_step_of_the_true_one(times: list[float], share: float) -> None:
    counts = [0] * (BOUNDS + 1)
    for seconds in times:
        counts[step(seconds)] += 1
    true = sorted(times)[max(0, ceil(share * len(times)) - 1)]
    above, up_to = bounds(step(true))
    told = percentile(counts, share)
    assert told is not None
    assert above - 0.0001 <= told <= up_to + 0.0001


@given(st.lists(st.integers(0, 1000), min_size=BOUNDS + 1, max_size=BOUNDS + 1))
def test_percentiles_grow_with_their_share(counts: list[int]) -> None:
    told = [percentile(counts, share) for share in (0.5, 0.95, 0.99)]
    if sum(counts):
        assert told == sorted(told, key=lambda seconds: seconds or 0)
    else:
        assert told == [None, None, None]


def test_a_percentile_is_interpolated_within_its_step() -> None:
    assert percentile([0, 0, 10], 0.5) == 0.15
    assert percentile([10, 10], 0.95) == 0.095


@given(st.lists(METRIC))
def test_sums_are_sums(all_metrics: list[dict[str, int]]) -> None:
    sums = summed(all_metrics)
    for name in METRICS:
        assert sums.get(name, 0) == sum(metrics.get(name, 0) for metrics in all_metrics)


@given(METRIC)
def test_figures_are_complete_and_in_their_units(metrics: dict[str, int]) -> None:
    told = figures(metrics)
    assert told.keys() == figures({}).keys()
    parts = [metrics.get(name, 0) for name in ("prompt_tokens", "completion_tokens")]
    assert told["total_tokens"] == sum(parts)
    assert nano(told["cost_usd"]) == pytest.approx(metrics.get("cost_nano", 0), abs=1)
