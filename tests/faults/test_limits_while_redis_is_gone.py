"""Redis is killed: stateless requests go on within each worker's share, if the settings say so."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from proxy.web.auth import CACHE_S
from tests.faults.fragile import Fragile, begun, refused
from tests.openai.relaying import (
    ASKS,
    CHAT,
    EMBEDDINGS,
    RESPONSES,
    ask,
    data,
    failed,
    listen,
    words,
)
from tests.support.figures import scraped
from tests.support.keys import form_team
from tests.support.service import Service
from tests.support.usage import key_of, spent, used
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import ThreadPoolExecutor

    import requests

    from proxy.simulator.process import SimulatedChatGPT
    from tests.support.service import Client
    from tests.support.simulator import Control


TOLD = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


@pytest.fixture(scope="module")
def local(fragile: Fragile, simulator: SimulatedChatGPT) -> Iterator[Fragile]:
    """A worker that goes on without Redis."""
    with Service(fragile.way.url, simulator.url, PROXY_ON_STORE_FAILURE="local") as service:
        yield Fragile(fragile.redis, fragile.way, fragile.store, fragile.admin, service)


@pytest.fixture
def two(fragile: Fragile, simulator: SimulatedChatGPT) -> Iterator[Fragile]:
    """Two workers that do."""
    settings = {"PROXY_ON_STORE_FAILURE": "local", "WEB_CONCURRENCY": "2"}
    with Service(fragile.way.url, simulator.url, **settings) as service:
        yield Fragile(fragile.redis, fragile.way, fragile.store, fragile.admin, service)


@contextmanager
def gone(fragile: Fragile, *callers: Client) -> Iterator[None]:
    """Redis is dead and the worker knows it; these callers were there before."""
    for caller in callers:
        assert caller.get("/v1/models").ok
    with fragile.killed():
        stranger = fragile.service.client("sk-proxy-nobody-nothing")
        wait_until(lambda: refused(stranger.get("/sessions")) and fragile.outage, "the outage")
        yield


def degraded(answer: requests.Response) -> bool:
    return answer.headers.get("X-Degraded") == "limits"


@pytest.mark.parametrize("path", [CHAT, RESPONSES, EMBEDDINGS])
def test_a_stateless_request_is_answered_and_says_that_it_is_degraded(
    local: Fragile, chatgpt: Control, path: str
) -> None:
    caller = local.caller()
    before = ask(caller, path)
    with gone(local, caller):
        answer = ask(caller, path)
    assert answer.ok
    assert answer.json().keys() == before.json().keys()
    assert degraded(answer)
    assert not degraded(before)


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
def test_a_stream_is_answered_to_its_end(local: Fragile, chatgpt: Control, path: str) -> None:
    caller = local.caller()
    with gone(local, caller):
        answer = ask(caller, path, stream=True)
    assert degraded(answer)
    if path == CHAT:
        assert words(answer.content) == 'You said: "Hello"'
        assert answer.content.endswith(b"data: [DONE]\n\n")
    else:
        assert data(answer.content)[-1]["type"] == "response.completed"


def test_over_its_share_a_request_is_refused_with_a_true_wait(
    local: Fragile, chatgpt: Control
) -> None:
    caller = local.caller(rpm=12, burst=2)
    with gone(local, caller):
        passed = [ask(caller), ask(caller)]
        begun = time.monotonic()
        over = ask(caller)
        told_s = int(over.headers["retry-after-ms"]) / 1000
        wait_until(lambda: ask(caller).ok, "the wait to be over")
        waited_s = time.monotonic() - begun
    assert [answer.status_code for answer in (*passed, over)] == [200, 200, 429]
    assert [one.headers["x-ratelimit-remaining-requests"] for one in passed] == ["1", "0"]
    assert degraded(over)
    assert over.json()["error"]["code"] == "rate_limit_exceeded"
    assert 0 < told_s <= waited_s + 0.001
    assert told_s <= 5


def test_a_share_is_charged_what_was_really_used(local: Fragile, chatgpt: Control) -> None:
    caller = local.caller(tpm=60)
    chatgpt.queue(text="many words " * 40)
    with gone(local, caller):
        assert ask(caller).ok
        over = ask(caller)
    assert over.status_code == 429
    assert over.json()["error"]["type"] == "tokens"
    assert int(over.headers["retry-after-ms"]) > 60_000


def test_all_workers_together_let_no_more_pass_than_the_limit(
    two: Fragile, chatgpt: Control
) -> None:
    caller = two.caller(rpm=2, burst=8)
    with gone(two, *[caller] * 20):
        answers = [ask(caller) for _ in range(40)]
    counted = Counter(answer.status_code for answer in answers)
    assert 4 <= counted[200] <= 8
    assert counted[200] == chatgpt.stats()["requests"] - 20
    assert counted[429] > 0


def test_places_in_flight_are_limited_and_come_back(
    local: Fragile, chatgpt: Control, threads: ThreadPoolExecutor
) -> None:
    caller = local.caller(max_parallel=1)
    with gone(local, caller):
        chatgpt.queue(delay_s=3)
        running = begun(threads, chatgpt, caller, path=CHAT, json=ASKS[CHAT])
        over = ask(caller)
        assert running.result().ok
        assert ask(caller).ok
    assert (over.status_code, over.json()["error"]["type"]) == (429, "concurrency")


@pytest.mark.parametrize("of", ["key", "team"])
def test_a_caller_with_a_budget_is_refused(local: Fragile, chatgpt: Control, of: str) -> None:
    budget: dict[str, Any] = {"budget_usd": 5.0}
    if of == "team":
        budget = {"team": form_team(local.store, **budget)}
    caller = local.caller(**budget)
    with gone(local, caller):
        before = chatgpt.stats()["requests"]
        answers = [ask(caller), ask(caller, stream=True), ask(caller, EMBEDDINGS)]
        assert all(map(refused, answers))
        assert not any(map(degraded, answers))
        assert chatgpt.stats()["requests"] == before


def test_a_key_that_was_not_seen_is_refused_and_a_wrong_one_that_was_is_unknown(
    local: Fragile, chatgpt: Control
) -> None:
    unseen, wrong = local.caller(), local.service.client("sk-proxy-nobody-wrong")
    assert ask(wrong).status_code == 401
    with gone(local):
        assert refused(ask(unseen))
        assert failed(ask(wrong))[:2] == (401, "invalid_api_key")
    assert ask(unseen).ok


def test_a_key_is_believed_for_longer_than_it_is_cached_but_not_once_it_expires(
    local: Fragile, chatgpt: Control
) -> None:
    caller, other = local.caller(expires_at=int(time.time()) + 7), local.caller()
    with gone(local, caller, other):
        seen = time.monotonic()
        wait_until(lambda: ask(caller).status_code == 401, "the key to expire")
        wait_until(lambda: time.monotonic() - seen > CACHE_S, "the cache to be old")
        assert ask(other).ok
        assert refused(other.post("/tokens", json={"user": "ada"}))


def test_a_browser_user_is_held_to_limits_of_its_own(local: Fragile, chatgpt: Control) -> None:
    caller = local.caller()
    minted = caller.post("/tokens", json={"user": "ada", "limits": {"rpm": 1}}).json()
    user = local.service.client(minted["token"])
    with gone(local, caller, user):
        assert [ask(user).status_code for _ in range(2)] == [200, 429]
        assert ask(caller).ok


def test_a_stream_that_redis_s_return_finds_under_way_goes_on_to_its_end(
    local: Fragile, chatgpt: Control
) -> None:
    caller = local.caller(max_parallel=1)
    chatgpt.queue(text="word " * 20, chunk_size=5, first_token_delay_s=3)
    with gone(local, caller):
        listening = listen(caller)
    with listening as answer:
        assert answer.content.endswith(b"data: [DONE]\n\n")
    assert degraded(answer)
    wait_until(lambda: spent(local.store, caller)[0] == 1, "the usage to be counted")
    assert ask(caller).ok


def test_what_is_stateful_is_refused(local: Fragile, chatgpt: Control) -> None:
    caller = local.caller()
    session_id = caller.chat().json()["session_id"]
    with gone(local, caller):
        before = chatgpt.stats()["requests"]
        assert refused(ask(caller, headers={"X-Session-ID": session_id}))
        assert refused(ask(caller, headers={"Idempotency-Key": "once"}))
        assert refused(ask(caller, headers={"Idempotency-Key": "once"}, stream=True))
        assert refused(caller.chat())
        assert refused(caller.get("/sessions"))
        assert chatgpt.stats()["requests"] == before


def test_once_redis_is_back_the_next_request_is_ordinary(local: Fragile, chatgpt: Control) -> None:
    caller = local.caller()
    with gone(local, caller):
        assert degraded(ask(caller))
    answer = ask(caller)
    assert answer.ok
    assert not degraded(answer)


def test_what_was_used_meanwhile_is_counted_when_redis_is_back(
    local: Fragile, chatgpt: Control
) -> None:
    team = form_team(local.store)
    caller = local.caller(rpm=3, burst=3, team=team)
    for _ in range(3):
        chatgpt.queue(path=CHAT, usage=TOLD)
    with gone(local, caller):
        passed = [ask(caller), ask(caller), ask(caller, stream=True)]
        assert [answer.status_code for answer in (*passed, ask(caller))] == [200, 200, 200, 429]
    wait_until(lambda: used(local.store, "team", team)["requests"] == 3, "the usage")
    for counted in (used(local.store, "team", team), used(local.store, "key", key_of(caller))):
        assert counted["total_tokens"] == 3 * 120
        assert (counted["refused"], counted["cost_usd"] > 0) == (1, True)
        assert counted["latency"]["p50_s"] is not None


def test_the_metrics_tell_for_how_long_and_how_many(local: Fragile, chatgpt: Control) -> None:
    caller = local.caller(rpm=1, burst=1)
    before = scraped(caller)
    with gone(local, caller):
        assert ask(caller).ok
        assert ask(caller).status_code == 429
    after = scraped(caller)

    def more(*name: str) -> float:
        return after[name] - before[name]

    assert more("chat_proxy_degraded_requests_total", "admitted") == 1
    assert more("chat_proxy_degraded_requests_total", "refused") == 1
    assert more("chat_proxy_degraded_seconds_total") > 0


def test_a_closed_service_refuses_all(fragile: Fragile, chatgpt: Control) -> None:
    caller = fragile.caller()
    with gone(fragile, caller):
        before = chatgpt.stats()["requests"]
        answers = [ask(caller), ask(caller, stream=True), ask(caller, EMBEDDINGS)]
        assert all(map(refused, answers))
        assert not any(map(degraded, answers))
        assert chatgpt.stats()["requests"] == before
        figures = scraped(caller)
    assert figures["chat_proxy_degraded_seconds_total",] == 0
