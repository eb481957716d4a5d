"""Limits and the buckets that hold them."""

from __future__ import annotations

from proxy.domain.limits import Balance, Bucket, Limits, binding


def balance(scope: str, resource: str, remaining: int) -> Balance:
    of = Bucket(scope, "x", resource, 10, 10)  # type: ignore[arg-type]
    return Balance(of, remaining, 0, 0)


def test_a_limit_of_nothing_is_no_bucket() -> None:
    none = Limits(rpm=0, tpm=0, burst=50, max_parallel=0, budget_usd=0)
    assert none.buckets("key", "k") == Limits().buckets("key", "k") == ()


def test_a_bucket_holds_a_minute_s_worth_unless_told_otherwise() -> None:
    assert [b.burst for b in Limits(rpm=90, tpm=80).buckets("key", "k")] == [90, 80]
    assert [b.burst for b in Limits(rpm=90, tpm=80, burst=5).buckets("key", "k")] == [5, 80]


def test_a_budget_is_counted_in_billionths_for_its_period() -> None:
    (budget,) = Limits(budget_usd=2.5, budget_period="day").buckets("team", "t")
    assert (budget.resource, budget.burst, budget.period) == ("usd", 2_500_000_000, "day")


def test_the_bucket_that_binds_is_the_one_that_runs_out_first() -> None:
    ample, short = balance("upstream", "requests", 9), balance("key", "requests", 3)
    assert binding([ample, balance("key", "tokens", 0), short], "requests") is short


def test_nothing_binds_where_nothing_limits() -> None:
    assert binding([balance("key", "tokens", 0)], "requests") is None
