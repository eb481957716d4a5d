"""Limits and the buckets that hold them."""

from __future__ import annotations

from proxy.domain.limits import Balance, Bucket, binding, bucket


def balance(scope: str, resource: str, remaining: int) -> Balance:
    of = Bucket(scope, "x", resource, 10, 10)  # type: ignore[arg-type]
    return Balance(of, remaining, 0, 0)


def test_a_limit_of_nothing_is_no_bucket() -> None:
    assert bucket("key", "k", "requests", 0, 50) == []


def test_a_bucket_holds_a_minute_s_worth_unless_told_otherwise() -> None:
    assert bucket("key", "k", "tokens", 90, 0)[0].burst == 90
    assert bucket("key", "k", "tokens", 90, 5)[0].burst == 5


def test_the_bucket_that_binds_is_the_one_that_runs_out_first() -> None:
    ample, short = balance("upstream", "requests", 9), balance("key", "requests", 3)
    assert binding([ample, balance("key", "tokens", 0), short], "requests") is short


def test_nothing_binds_where_nothing_limits() -> None:
    assert binding([balance("key", "tokens", 0)], "requests") is None
