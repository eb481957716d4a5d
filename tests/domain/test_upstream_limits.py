"""What the headers of ChatGPT's answers tell of its limits."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.upstream_limits import LARGEST, Told, UpstreamLimits, learnable, parse

NAMES = [
    f"x-ratelimit-{what}-{resource}"
    for what in ("limit", "remaining", "reset")
    for resource in ("requests", "tokens")
]
USELESS = ["", "-1", "0.5", "1e3", "+5", " 5", "\uff15", "nan", "inf", "many", "9" * 30]


def headers(limit: object, remaining: object, reset: str = "") -> dict[str, str]:
    told = {"limit": str(limit), "remaining": str(remaining), "reset": reset}
    return {f"x-ratelimit-{what}-requests": value for what, value in told.items()}


def test_both_limits_are_told() -> None:
    told = headers(500, 499, "120ms") | {
        "x-ratelimit-limit-tokens": "200000",
        "x-ratelimit-remaining-tokens": "199000",
        "x-ratelimit-reset-tokens": "300ms",
    }
    assert parse(told) == UpstreamLimits(Told(500, 499, 500.0), Told(200_000, 199_000, 200_000.0))


def test_an_answer_without_such_headers_tells_nothing() -> None:
    assert not parse({"content-type": "application/json"})


@pytest.mark.parametrize("missing", ["limit", "remaining"])
def test_what_is_half_told_is_not_told(missing: str) -> None:
    told = headers(500, 499)
    del told[f"x-ratelimit-{missing}-requests"]
    assert not parse(told)


@pytest.mark.parametrize("value", USELESS, ids=range(len(USELESS)))
def test_a_number_that_is_none_is_ignored(value: str) -> None:
    assert not parse(headers(value, 1))
    assert not parse(headers(10, value))


@pytest.mark.parametrize("limit", [0, LARGEST + 1])
def test_a_limit_that_is_none_is_ignored(limit: int) -> None:
    assert not parse(headers(limit, 0))


def test_no_more_is_left_than_the_limit_holds() -> None:
    assert parse(headers(10, 12)).requests == Told(10, 10, 10.0)


@pytest.mark.parametrize("reset", ["", "soon", "-1", "6", "1m30s", "12ms", "60s", "0s"])
def test_a_limit_is_a_minute_s_unless_it_takes_longer_to_fill(reset: str) -> None:
    assert parse(headers(10, 5, reset)).requests == Told(10, 5, 10.0)


def test_a_limit_of_a_day_is_gained_in_a_day() -> None:
    told = parse(headers(200, 199, "7m12s")).requests
    assert told
    assert told.rate * 24 * 60 == pytest.approx(200)


@pytest.mark.parametrize("reset", ["720h0m0s", "999999h", "99999999s"])
def test_nothing_is_gained_more_slowly_than_in_a_day(reset: str) -> None:
    told = parse(headers(1440, 1439, reset)).requests
    assert told
    assert told.rate == 1.0


@given(st.fixed_dictionaries({}, optional={name: st.text(max_size=40) for name in NAMES}))
def test_any_headers_are_understood_or_ignored(told: dict[str, str]) -> None:
    parse(told)


@given(
    limit=st.integers(1, LARGEST),
    remaining=st.integers(0, LARGEST),
    minutes=st.integers(0, 10**9),
    seconds=st.floats(0, 60).map("{:.3f}".format),
)
def test_what_is_told_can_be_reckoned_with(
    limit: int, remaining: int, minutes: int, seconds: str
) -> None:
    told = parse(headers(limit, remaining, f"{minutes}m{seconds}s")).requests
    assert told
    assert 0 <= told.remaining <= told.limit == limit
    assert 0 < told.rate <= told.limit
    assert math.isfinite(told.rate)


@pytest.mark.parametrize(
    "model", ["gpt-6-luna", "gpt-6-luna-2026-05-01", "ft:gpt-4o-mini:org:x:1", "org/model@v1.2+q"]
)
def test_names_of_models_are_learnable(model: str) -> None:
    assert learnable(model)


@pytest.mark.parametrize("model", ["", " ", "a b", "{x}", "a\nb", "a\n", "ä", "*", "x" * 129, "-x"])
def test_what_may_not_stand_in_a_key_is_not(model: str) -> None:
    assert not learnable(model)
