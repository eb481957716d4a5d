"""Budgets over HTTP: parallel requests do not overshoot, and a spent one says when it renews."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from proxy.domain.limits import NANO, Limits
from proxy.store.buckets import peek
from tests.support.keys import form_team, issue

if TYPE_CHECKING:
    import requests

    from proxy.store.connection import Store
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

PARALLEL, FIT = 50, 10
ANSWER = 10_000
OUTPUT_USD = 0.50 / 1_000_000
"""A token of gpt-6-luna's answer."""
EACH_USD = ANSWER * OUTPUT_USD
BUDGET_USD = EACH_USD * (FIT + 0.5)


def usage(completion_tokens: int) -> dict[str, int]:
    total = 10 + completion_tokens
    return {
        "prompt_tokens": 10,
        "completion_tokens": completion_tokens,
        "total_tokens": total,
    }


def at_once(clients: list[Client]) -> list[requests.Response]:
    with ThreadPoolExecutor(len(clients)) as callers:
        asked = [callers.submit(client.chat, max_tokens=ANSWER) for client in clients]
        return [answer.result() for answer in asked]


@pytest.mark.parametrize("used", [ANSWER, ANSWER // 2, ANSWER * 3 // 2], ids=["as", "less", "more"])
@pytest.mark.parametrize("period", ["day", "month"])
@pytest.mark.parametrize("scope", ["key", "team"])
def test_fifty_at_once_never_spend_more_than_ten_that_fit(
    service: Service, chatgpt: Control, store: Store, scope: str, period: str, used: int
) -> None:
    chatgpt.defaults(usage=usage(used), delay_s=1)
    budget: dict[str, Any] = {"budget_usd": BUDGET_USD, "budget_period": period}
    if scope == "key":
        key, token = issue(store, tpm=0, **budget)
        clients, owner = [service.client(token)] * PARALLEL, key.id
    else:
        owner = form_team(store, **budget)
        tokens = [issue(store, tpm=0, team=owner)[1] for _ in range(5)]
        clients = [service.client(tokens[number % 5]) for number in range(PARALLEL)]

    answers = at_once(clients)
    granted = [answer for answer in answers if answer.ok]
    refused = [answer for answer in answers if not answer.ok]
    assert len(granted) >= FIT if used < ANSWER else 0 < len(granted) <= FIT
    spent = sum(answer.json()["cost_usd"] for answer in granted)
    difference = max(0.0, (used - ANSWER) * OUTPUT_USD)
    assert spent <= BUDGET_USD + FIT * difference
    for answer in refused:
        assert answer.status_code == 429, answer.text
        error = answer.json()["error"]
        assert (error["code"], error["type"]) == ("insufficient_quota", "insufficient_quota")
        assert answer.headers["x-should-retry"] == "false"
    (bucket,) = Limits(budget_usd=BUDGET_USD, budget_period=period).buckets(scope, owner)  # type: ignore[arg-type]
    told = store.run(peek([bucket], {})).balances[0]
    left_usd = told.remaining / NANO - told.short / NANO
    assert left_usd == pytest.approx(BUDGET_USD - spent, abs=1e-7)


@pytest.mark.parametrize("period", ["day", "month"])
def test_a_spent_budget_says_when_it_renews_itself(
    service: Service, chatgpt: Control, store: Store, period: str
) -> None:
    chatgpt.defaults(usage=usage(ANSWER))
    spent = {"budget_usd": EACH_USD * 1.5, "budget_period": period}
    client = service.client(issue(store, tpm=0, **spent)[1])
    assert client.chat(max_tokens=ANSWER).ok
    refused = client.chat(max_tokens=ANSWER, wait=30)
    at = datetime.now(UTC) + timedelta(seconds=int(refused.headers["Retry-After"]))
    midnight = (at + timedelta(minutes=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert abs(at - midnight) < timedelta(minutes=1)
    named = re.search(r"renews itself at (\d{4}-\d\d-\d\d) 00:00 UTC", refused.text)
    assert named
    assert named[1] == f"{midnight:%Y-%m-%d}"
    if period == "month":
        assert midnight.day == 1


@pytest.mark.parametrize("shadow", [False, True])
def test_a_model_of_unknown_price_is_never_asked_under_a_budget(
    service: Service, chatgpt: Control, store: Store, *, shadow: bool
) -> None:
    client = service.client(issue(store, budget_usd=1, shadow=shadow)[1])
    answer = client.chat(model="a-model-without-a-price")
    assert answer.status_code == (404 if shadow else 403), answer.text
    assert chatgpt.stats()["requests"] == int(shadow)


def test_a_request_that_no_budget_would_ever_hold_is_wrong(
    service: Service, chatgpt: Control, store: Store
) -> None:
    client = service.client(issue(store, tpm=0, budget_usd=EACH_USD / 2)[1])
    answer = client.chat(max_tokens=ANSWER)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "max_tokens")
    assert chatgpt.stats()["requests"] == 0


def test_a_refused_request_under_a_budget_waits_for_nobody(
    service: Service, chatgpt: Control, store: Store
) -> None:
    team = form_team(store, budget_usd=EACH_USD * 1.5)
    clients = [service.client(issue(store, tpm=0, team=team)[1]) for _ in range(4)]
    chatgpt.defaults(usage=usage(ANSWER))
    assert clients[0].chat(max_tokens=ANSWER).ok
    answers = [client.chat(max_tokens=ANSWER, wait=60) for client in clients]
    assert {answer.json()["error"]["code"] for answer in answers} == {"insufficient_quota"}
    assert clients[3].chat("Short", max_tokens=16).ok


def test_five_long_prompts_at_once_are_reserved_at_the_price_of_long_prompts(
    service: Service, chatgpt: Control, store: Store
) -> None:
    """The case of LiteLLM's pull request 40002, which tells of 4 admitted, 0.60 USD of 0.45."""
    tokens, budget_usd = 300_000, 0.45
    chatgpt.defaults(
        usage={"prompt_tokens": tokens, "completion_tokens": 16, "total_tokens": tokens + 16},
        delay_s=1,
    )
    client = service.client(issue(store, tpm=0, budget_usd=budget_usd)[1])
    body = {
        "model": "gpt-5.6-luna",
        "messages": [{"role": "user", "content": "word " * tokens}],
        "max_completion_tokens": 16,
    }
    with ThreadPoolExecutor(5) as callers:
        asked = [callers.submit(client.post, "/v1/chat/completions", json=body) for _ in range(5)]
        answers = [answer.result() for answer in asked]
    granted = sum(answer.ok for answer in answers)
    price_usd = (2 * tokens * 0.20 + 1.5 * 16 * 1.20) / 1_000_000
    assert 1 <= granted <= 3
    assert granted * price_usd <= budget_usd
    assert {answer.json()["error"]["code"] for answer in answers if not answer.ok} == {
        "insufficient_quota"
    }
