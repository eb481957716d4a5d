"""ChatGPT's own limits: what it told pulls a bucket down, with the time passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.domain.identifiers import new_turn_id
from proxy.domain.upstream_limits import Told, UpstreamLimits
from proxy.store import keyspace, learned
from proxy.store.buckets import Reserved, peek, reserve, settle
from proxy.store.packed_limits import MICRO
from tests.store.samples import exists, ttl_ms
from tests.support.learned import forget

if TYPE_CHECKING:
    from proxy.store.connection import Store

START = 1_750_000_000_000_000
SECOND = MICRO
SHARE = 0.9
"""Of what ChatGPT allows a tenth is left as a cushion."""


class Learned:
    """A model whose limits are told and used, at times in seconds from the start."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.model = f"model-{new_turn_id()}"
        self.buckets = learned.buckets(self.model)

    def told(
        self,
        limit: int | None = None,
        remaining: int = 0,
        *,
        tokens: Told | None = None,
        pause_s: float | None = None,
        rate: float | None = None,
        at: float = 0,
    ) -> None:
        requests = Told(limit, remaining, rate or limit) if limit else None
        news = UpstreamLimits(requests, tokens)
        self.store.run(learned.learn(self.model, news, SHARE, pause_s, _us(at)))

    def take(
        self, name: str = "", *, requests: int = 1, tokens: int = 0, at: float = 0
    ) -> Reserved:
        costs = {"requests": requests, "tokens": tokens}
        return self.store.run(reserve(name or new_turn_id(), self.buckets, costs, _us(at)))

    def settle(self, name: str, *, requests: int = 1, tokens: int = 0, at: float = 0) -> None:
        costs = {"requests": requests, "tokens": tokens}
        self.store.run(settle(name, self.buckets, costs, _us(at)))

    def left(self, at: float = 0) -> dict[str, int]:
        looked = self.store.run(peek(self.buckets, {}, _us(at)))
        return {balance.bucket.resource: balance.remaining for balance in looked.balances}


def _us(seconds: float) -> int:
    return START + round(seconds * SECOND)


@pytest.fixture
def model(store: Store) -> Learned:
    forget(store)
    return Learned(store)


def test_what_is_not_known_holds_nobody_up_and_keeps_nothing(store: Store, model: Learned) -> None:
    taken = [model.take() for _ in range(100)]
    assert all(reserved.granted and not reserved.balances for reserved in taken)
    assert not exists(store, *map(keyspace.limits, model.buckets))


def test_what_remains_less_the_cushion_can_be_used_and_no_more(model: Learned) -> None:
    model.told(100, 15)
    assert model.left() == {"requests": 5}
    assert [model.take().granted for _ in range(6)] == [True] * 5 + [False]


def test_the_wait_is_until_chatgpt_would_answer_with_the_cushion_left(model: Learned) -> None:
    model.told(60, 0)
    (requests,) = model.take().balances
    assert requests.wait_s == 7
    assert not model.take(at=6.99).granted
    assert model.take(at=7).granted


def test_a_limit_is_told_with_its_rate_and_what_of_it_is_ours(model: Learned) -> None:
    model.told(100, 100)
    (balance,) = model.take().balances
    assert (balance.bucket.rate, balance.bucket.burst, balance.remaining) == (100, 90, 89)


def test_what_remains_raises_no_balance(model: Learned) -> None:
    model.told(100, 50)
    for _ in range(10):
        model.take()
    model.told(100, 100)
    assert model.left() == {"requests": 30}


def test_news_in_any_order_leave_the_least(store: Store) -> None:
    news = [(100, 80), (100, 30), (100, 60)]
    ends = []
    for order in (news, news[::-1], news[1:] + news[:1]):
        model = Learned(store)
        for limit, remaining in order:
            model.told(limit, remaining)
        ends.append(model.left())
    assert ends == [{"requests": 20}] * 3


def test_another_program_on_the_account_pulls_the_balance_down(model: Learned) -> None:
    model.told(100, 99)
    assert model.take().granted
    model.told(100, 11)
    assert model.left() == {"requests": 1}


def test_the_balance_may_go_below_zero_and_comes_back(model: Learned) -> None:
    model.told(60, 3)
    assert model.left() == {"requests": 0}
    assert model.left(at=3) == {"requests": 0}
    assert model.left(at=5) == {"requests": 2}


def test_what_was_taken_before_the_limit_was_known_is_not_given_back(model: Learned) -> None:
    model.take("before" + model.model)
    model.told(100, 90)
    model.settle("before" + model.model, requests=0)
    assert model.left() == {"requests": 80}


def test_what_chatgpt_has_seen_is_not_given_back(model: Learned) -> None:
    name = new_turn_id()
    model.told(100, 100, tokens=Told(1000, 1000, 1000.0))
    model.take(name, tokens=500)
    model.settle(name, tokens=10)
    assert model.left() == {"requests": 89, "tokens": 400}


@pytest.mark.parametrize(("used", "left"), [(0, 900), (700, 200)])
def test_what_costs_nothing_is_given_back_and_what_costs_more_is_charged(
    model: Learned, used: int, left: int
) -> None:
    name = new_turn_id()
    model.told(tokens=Told(1000, 1000, 1000.0))
    model.take(name, tokens=500)
    model.settle(name, tokens=used)
    assert model.left() == {"tokens": left}


def test_a_request_larger_than_the_limit_takes_all_of_it(model: Learned) -> None:
    model.told(tokens=Told(1000, 1000, 1000.0))
    assert model.take(tokens=5000).granted
    assert model.left() == {"tokens": 0}


@pytest.mark.parametrize(("limit", "left"), [(200, 20), (10, 9)], ids=["more", "less"])
def test_a_limit_that_changes_keeps_its_balance_as_far_as_it_holds_it(
    model: Learned, limit: int, left: int
) -> None:
    model.told(100, 30)
    model.told(limit, limit)
    assert model.left() == {"requests": left}


def test_a_limit_of_a_day_is_gained_over_the_day(model: Learned) -> None:
    model.told(1440, 144, rate=1.0)
    assert [model.left(at=minutes * 60)["requests"] for minutes in (0, 1, 10, 1440)] == [
        0, 1, 10, 1296,
    ]  # fmt: skip


def test_a_pause_refuses_all_until_it_is_over(model: Learned) -> None:
    model.told(100, 100)
    model.told(pause_s=20)
    waits = [model.take(at=at).balances[0].wait_s for at in (0, 5, 19.5)]
    assert waits == [20, 15, 0.5]
    assert model.take(at=20).granted


def test_the_longest_pause_counts(model: Learned) -> None:
    model.told(pause_s=20)
    model.told(pause_s=5, at=1)
    assert model.store.run(learned.paused_until(model.model)) == _us(20)


def test_a_pause_holds_where_no_limit_was_ever_told(model: Learned) -> None:
    model.told(pause_s=20)
    refused = model.take()
    assert not refused.granted
    assert [balance.wait_s for balance in refused.balances] == [20]
    assert model.take(at=20).granted


def test_a_model_that_nobody_refused_is_not_paused(store: Store, model: Learned) -> None:
    assert store.run(learned.paused_until(model.model)) == 0
    model.told(100, 100)
    assert store.run(learned.paused_until(model.model)) == 0


def test_the_models_are_known_by_name_for_a_day(store: Store, model: Learned) -> None:
    other = Learned(store)
    model.told(100, 100)
    other.told(100, 100, at=86_000)
    assert store.run(learned.models()) == [model.model, other.model]
    other.told(100, 100, at=86_401)
    assert store.run(learned.models()) == [other.model]
    assert 0 < ttl_ms(store, keyspace.limits(model.buckets[0])) <= 86_400_000
    assert 0 < ttl_ms(store, keyspace.learned_models()) <= 86_400_000


def test_names_that_callers_invent_do_not_fill_redis(store: Store, model: Learned) -> None:
    model.told(100, 100)
    many = UpstreamLimits(Told(100, 100, 100.0))
    names = [f"invented-{number}" for number in range(learned.MOST_MODELS + 10)]
    store.run_all(*(learned.learn(name, many, SHARE, None, START + 1) for name in names))
    assert len(store.run(learned.models())) == learned.MOST_MODELS
    assert not exists(store, *map(keyspace.limits, learned.buckets(names[-1])))
    model.told(100, 11)
    assert model.left() == {"requests": 1}
    forget(store)


def test_news_told_twice_are_told_once(model: Learned) -> None:
    for _ in range(2):
        model.told(100, 50, pause_s=3)
    assert model.left() == {"requests": 40}
