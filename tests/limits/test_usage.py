"""Who used what, end to end: each request is counted once, as what it was, whatever happens."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from proxy.settings import load
from proxy.store.connection import Store
from tests.openai.relaying import CHAT, EMBEDDINGS, RESPONSES, ask, listen
from tests.streaming.listening import cancel, stream
from tests.support.keys import form_team, issue
from tests.support.redis_server import RedisServer
from tests.support.service import CANARY, Client, Service
from tests.support.usage import used
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.domain.usage_report import Kind
    from proxy.simulator.process import SimulatedChatGPT
    from tests.support.simulator import Control

USED = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
ONE = {
    "requests": 1,
    "prompt_tokens": 100,
    "cached_tokens": 60,
    "completion_tokens": 20,
    "reasoning_tokens": 5,
    "total_tokens": 120,
}
PRICE = (40 * 0.10 + 60 * 0.01 + 20 * 0.50) / 1_000_000
"""What USED costs with gpt-6-luna."""
TIMES = ("latency", "first_word")
SECRET = "the-secret-that-signs-tokens-of-tests"


class Mix:
    """A service of two workers, and what was used of it."""

    def __init__(self, redis_url: str, upstream_url: str) -> None:
        self._redis_url, self._upstream_url = redis_url, upstream_url
        self.store = Store(load({"REDIS_URL": redis_url, "OPENAI_API_KEY": CANARY}))
        self.team = form_team(self.store)
        self.start()

    def start(self) -> None:
        self.service = Service(
            self._redis_url,
            self._upstream_url,
            WEB_CONCURRENCY="2",
            PROXY_TOKEN_SECRET=SECRET,
        )
        self.service.__enter__()

    def kill(self) -> None:
        """End it as a power cut would."""
        for process in (*psutil.Process(self.service.pid).children(recursive=True),):
            process.send_signal(signal.SIGKILL)
        os.kill(self.service.pid, signal.SIGKILL)
        self.service.__exit__()

    def caller(self, **limits: Any) -> tuple[str, Client]:
        """A key's id and its client."""
        key, token = issue(self.store, team=self.team, **limits)
        return key.id, self.service.client(token)

    def used(self, kind: Kind, name: str) -> dict[str, Any]:
        """The figures that are not zero, without times."""
        told = used(self.store, kind, name)
        return {part: value for part, value in told.items() if value and part not in TIMES}

    def times(self, name: str) -> tuple[bool, ...]:
        """Whether a latency and a time to the first word were counted for a key."""
        told = used(self.store, "key", name)
        return tuple(told[part]["p50_s"] is not None for part in TIMES)


@pytest.fixture(scope="module")
def mix(simulator: SimulatedChatGPT) -> Iterator[Mix]:
    with RedisServer() as redis:
        made = Mix(redis.url, simulator.url)
        yield made
        made.service.__exit__()
        made.store.close()


def times(number: int, **more: Any) -> dict[str, Any]:
    """What so many requests use that ChatGPT reports as USED."""
    used = {name: amount * number for name, amount in ONE.items()}
    return used | {"cost_usd": pytest.approx(number * PRICE)} | more


def test_every_way_to_ask_is_counted_once(mix: Mix, chatgpt: Control) -> None:
    key, api = mix.caller()
    for path in (CHAT, CHAT, CHAT, CHAT, RESPONSES, RESPONSES):
        chatgpt.queue(path=path, usage=USED)
    assert api.chat().ok
    with stream(api) as events:
        events.until("done")
    for path in (CHAT, RESPONSES):
        assert ask(api, path).ok
        assert listen(api, path).content
    assert mix.used("key", key) == times(6)
    assert mix.times(key) == (True, True)


def test_embeddings_are_counted_and_have_no_answer(mix: Mix, chatgpt: Control) -> None:
    key, api = mix.caller()
    tokens = ask(api, EMBEDDINGS, input="word " * 80).json()["usage"]["total_tokens"]
    told = mix.used("key", key)
    assert (told["requests"], told["prompt_tokens"], told["total_tokens"]) == (1, tokens, tokens)
    assert "completion_tokens" not in told


def test_a_repeat_of_a_request_is_not_counted_again(mix: Mix, chatgpt: Control) -> None:
    key, api = mix.caller()
    chatgpt.queue(usage=USED)
    for _ in range(3):
        body = {"message": "Hello"}
        assert api.post("/chat", json=body, headers={"Idempotency-Key": "once"}).ok
    assert mix.used("key", key) == times(1)


def test_refusals_of_ours_and_of_chatgpt_s_are_apart(mix: Mix, chatgpt: Control) -> None:
    key, api = mix.caller(rpm=1, burst=2)
    chatgpt.queue(usage=USED)
    assert api.chat().ok
    chatgpt.queue(status=429, headers={"retry-after": "90"})
    refused = ask(api, model="gpt-5.4-mini")
    assert refused.json()["error"]["code"] == "upstream_rate_limited"
    for _ in range(3):
        assert api.chat().json()["error"]["code"] == "rate_limit_exceeded"
    assert mix.used("key", key) == times(1, requests=2, refused_upstream=1, refused=3)


def test_what_fails_is_an_error_and_what_the_caller_did_wrong_is_none(
    mix: Mix, chatgpt: Control
) -> None:
    key, api = mix.caller()
    chatgpt.queue(status=500)
    chatgpt.queue(status=500)
    assert api.chat().status_code == 502
    chatgpt.queue(status=400)
    assert api.chat().status_code == 400
    assert api.post("/chat", json={}).status_code == 400
    assert mix.used("key", key) == {"requests": 2, "errors": 1}
    assert mix.times(key) == (False, False)


def test_a_stream_that_breaks_off_is_an_error_and_one_that_is_cancelled_is_none(
    mix: Mix, chatgpt: Control
) -> None:
    key, api = mix.caller()
    chatgpt.queue(fault="cut_stream", after=3)
    with stream(api) as events:
        events.until("error")
    chatgpt.queue(fault="silence", after=3)
    with stream(api) as events:
        events.until("delta")
        assert cancel(api, events.turn_id).ok
        events.until("error")
    told = mix.used("key", key)
    assert (told["requests"], told["errors"], told["estimated_requests"]) == (2, 1, 2)
    assert mix.times(key) == (False, True)


def test_a_caller_who_leaves_a_stream_is_counted(mix: Mix, chatgpt: Control) -> None:
    key, api = mix.caller()
    chatgpt.queue(fault="silence", after=3)
    with listen(api) as answer:
        next(answer.iter_content(None))
    wait_until(lambda: mix.used("key", key), "the request to be counted")
    told = mix.used("key", key)
    assert (told["requests"], told["estimated_requests"]) == (1, 1)
    assert "errors" not in told


def test_a_request_that_waits_is_counted_once_and_not_as_refused(
    mix: Mix, chatgpt: Control
) -> None:
    key, api = mix.caller(rpm=120, burst=1)
    for _ in range(3):
        chatgpt.queue(usage=USED)
        assert api.chat(wait=30).ok
    assert mix.used("key", key) == times(3)


def test_a_wait_in_vain_is_one_refusal(mix: Mix, chatgpt: Control) -> None:
    key, api = mix.caller(rpm=1, burst=1)
    chatgpt.queue(usage=USED)
    assert api.chat().ok
    assert api.chat(wait=0.5).status_code == 429
    assert mix.used("key", key) == times(1, refused=1)


def test_a_spent_budget_is_a_refusal_at_once_also_of_those_who_would_wait(
    mix: Mix, chatgpt: Control
) -> None:
    key, api = mix.caller(budget_usd=0.0005)
    usage = {"prompt_tokens": 100, "completion_tokens": 2_000, "total_tokens": 2_100}
    chatgpt.queue(usage=usage)
    assert api.chat().ok
    for wait in (None, 30):
        refused = api.chat(wait=wait)
        assert refused.json()["error"]["code"] == "insufficient_quota"
    told = mix.used("key", key)
    assert (told["requests"], told["refused"]) == (1, 2)


def test_what_a_shadow_limit_would_have_refused_is_told(mix: Mix, chatgpt: Control) -> None:
    key, api = mix.caller(rpm=1, burst=1, shadow=True)
    for _ in range(3):
        chatgpt.queue(usage=USED)
        assert api.chat().ok
    assert mix.used("key", key) == times(3, shadowed=2)


def test_a_price_that_is_not_known_is_counted_apart(mix: Mix, chatgpt: Control) -> None:
    key, api = mix.caller()
    chatgpt.queue(usage=USED)
    assert ask(api, model="o4-mini").ok
    assert mix.used("key", key) == ONE | {"unpriced_requests": 1}
    assert mix.used("model", "o4-mini") == ONE | {"unpriced_requests": 1}


def test_a_name_that_is_no_model_takes_no_place(mix: Mix, chatgpt: Control) -> None:
    _, api = mix.caller()
    before = mix.used("model", "other").get("requests", 0)
    for number in range(3):
        chatgpt.queue(status=404)
        assert ask(api, model=f"invented-{number}").status_code == 404
        assert mix.used("model", f"invented-{number}") == {}
    assert mix.used("model", "other")["requests"] == before + 3


def test_a_user_is_counted_with_its_key_and_team(mix: Mix, chatgpt: Control) -> None:
    key, api = mix.caller()
    before = mix.used("team", mix.team).get("requests", 0)
    minted = api.post("/tokens", json={"user": "ada"})
    assert minted.ok, minted.text
    chatgpt.queue(usage=USED)
    assert mix.service.client(minted.json()["token"]).chat().ok
    assert mix.used("user", f"{key}/ada") == mix.used("key", key) == times(1)
    assert mix.used("team", mix.team)["requests"] == before + 1


def test_what_was_answered_stays_counted_when_all_workers_are_killed(
    mix: Mix, chatgpt: Control
) -> None:
    key, api = mix.caller()
    for _ in range(4):
        chatgpt.queue(usage=USED)
        assert api.chat().ok
    chatgpt.queue(fault="silence", after=2)
    with stream(api) as events:
        events.until("delta")
        mix.kill()
    mix.start()
    api.url = mix.service.url
    for _ in range(2):
        chatgpt.queue(usage=USED)
        assert api.chat().ok
    assert mix.used("key", key) == times(6)
