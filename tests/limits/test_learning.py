"""ChatGPT's own limits: learned from its answers, kept by all, and never run into."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from proxy.store.connection import time_us
from tests.support.service import CANARY, Client
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.simulator.process import SimulatedChatGPT
    from proxy.store.connection import Store
    from tests.conftest import NewKey, StartService
    from tests.support.service import Service
    from tests.support.simulator import Control

MODEL = "gpt-6-luna"
SETTINGS = {"WEB_CONCURRENCY": "2", "PROXY_GRACEFUL_TIMEOUT": "1"}


@pytest.fixture
def two_workers(start_service: StartService, chatgpt: Control) -> Service:
    """Nobody is limited but by what ChatGPT tells."""
    return start_service(**SETTINGS)


@pytest.fixture
def caller(two_workers: Service, new_key: NewKey) -> Client:
    return two_workers.client(new_key(rpm=0, tpm=0))


def refused_by_chatgpt(chatgpt: Control) -> int:
    return sum(request.status == 429 for request in chatgpt.requests())


def figures(client: Client) -> dict[str, float]:
    """What /metrics shows, by name and labels."""
    lines = client.get("/metrics").text.splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")
    }


def left(client: Client, resource: str = "requests") -> float:
    named = f'chat_proxy_upstream_remaining{{model="{MODEL}",resource="{resource}"}}'
    return figures(client).get(named, -1)


def pushed(
    caller: Client, store: Store, *, demand: int = 1, **fields: Any
) -> list[requests.Response]:
    """The answers to eight callers who ask as fast as they are answered.

    They do for six seconds at least, and until they have asked `demand` times as much as they got.
    """
    end = store.run(time_us()) + 6_000_000
    answers: list[requests.Response] = []

    def ask(_: int) -> None:
        granted = 0
        while store.run(time_us()) < end or granted * demand > len(answers):
            answers.append(caller.chat(**fields))
            granted = sum(answer.ok for answer in answers)

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(ask, range(8)))
    return answers


@pytest.mark.parametrize(
    ("limits", "fields"),
    [
        ({"requests": 240}, {}),
        ({"tokens": 60_000}, {"max_tokens": 200}),
        ({"requests": 600, "tokens": 20_000}, {"max_tokens": 90, "message": "word " * 40}),
    ],
    ids=["requests", "tokens", "both"],
)
def test_after_its_first_answer_chatgpt_never_has_to_refuse(
    caller: Client,
    chatgpt: Control,
    store: Store,
    limits: dict[str, Any],
    fields: dict[str, Any],
) -> None:
    chatgpt.limits(**limits, enforce=True)
    assert caller.chat(**fields).ok
    answers = pushed(caller, store, demand=3, **fields)
    codes = {a.json()["error"]["code"] for a in answers if not a.ok}
    assert refused_by_chatgpt(chatgpt) == 0
    assert codes == {"rate_limit_exceeded"}
    assert sum(a.ok for a in answers) * 3 <= len(answers)


def test_what_chatgpt_allows_is_used(caller: Client, chatgpt: Control, store: Store) -> None:
    chatgpt.limits(requests=120, enforce=True)
    assert caller.chat().ok
    before = store.run(time_us())
    answers = pushed(caller, store)
    minutes = (store.run(time_us()) - before) / 60_000_000
    cushion, burst = 6, 120
    assert sum(a.ok for a in answers) >= burst - 1 - cushion + int(minutes * 120) - 2


def test_our_refusal_is_true(caller: Client, chatgpt: Control) -> None:
    chatgpt.limits(requests=20, enforce=True)
    answers = [caller.chat() for _ in range(20)]
    refused = answers[-1]
    assert [a.status_code for a in answers] == [200] * 19 + [429]
    assert refused.headers["x-ratelimit-limit-requests"] == "19"
    wait_ms = int(refused.headers["retry-after-ms"])
    assert 0 < wait_ms <= 3_300
    assert caller.chat(wait=wait_ms / 1000 + 1).ok


def test_a_refusal_of_chatgpt_pauses_all_workers_until_then(
    caller: Client, chatgpt: Control
) -> None:
    assert caller.chat().ok
    chatgpt.queue(status=429, error={"code": "rate_limit_exceeded"}, headers={"retry-after": "6"})
    told = caller.chat()
    assert (told.status_code, told.json()["error"]["code"]) == (429, "upstream_rate_limited")
    asked = len(chatgpt.requests())
    with ThreadPoolExecutor(8) as callers:
        refusals = list(callers.map(lambda _: caller.chat(), range(16)))
    assert {r.json()["error"]["code"] for r in refusals} == {"rate_limit_exceeded"}
    assert all(0 < int(r.headers["Retry-After"]) <= 8 for r in refusals)
    assert len(chatgpt.requests()) == asked
    assert figures(caller)[f'chat_proxy_upstream_paused_seconds{{model="{MODEL}"}}'] > 0
    assert caller.chat(wait=20).ok


def test_a_pause_holds_also_for_an_upstream_that_tells_no_limits(
    caller: Client, chatgpt: Control
) -> None:
    chatgpt.limits()
    chatgpt.queue(status=429, headers={"retry-after": "30"})
    assert caller.chat().json()["error"]["code"] == "upstream_rate_limited"
    refused = caller.chat()
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert MODEL in refused.json()["error"]["message"]
    assert 25 < int(refused.headers["Retry-After"]) <= 37
    assert not [name for name in refused.headers if name.lower().startswith("x-ratelimit-")]


def test_a_pause_of_one_model_leaves_the_others_alone(caller: Client, chatgpt: Control) -> None:
    chatgpt.queue(status=429, headers={"retry-after": "30"})
    assert caller.chat().status_code == 429
    assert caller.chat(model="gpt-6-sol").ok


def test_another_program_on_the_account_pulls_everybody_down(
    caller: Client, chatgpt: Control, simulator: SimulatedChatGPT
) -> None:
    chatgpt.limits(requests=60, enforce=True)
    assert caller.chat().ok
    for _ in range(50):
        _spend_elsewhere(simulator)
    assert left(caller) > 50
    assert caller.chat().ok
    assert left(caller) <= 8
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: caller.chat(), range(24)))
    assert 429 in {a.status_code for a in answers}
    assert refused_by_chatgpt(chatgpt) == 0


def _spend_elsewhere(simulator: SimulatedChatGPT) -> None:
    answer = requests.post(
        f"{simulator.url}/chat/completions",
        json={"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]},
        headers={"Authorization": f"Bearer {CANARY}"},
        timeout=30,
    )
    answer.raise_for_status()


def test_what_was_learned_outlives_the_workers(
    start_service: StartService, chatgpt: Control, new_key: NewKey
) -> None:
    key = new_key(rpm=0, tpm=0)
    chatgpt.limits(requests=12, enforce=True)
    first = start_service()
    assert [first.client(key).chat().ok for _ in range(11)] == [True] * 11
    (worker,) = first.workers
    first.kill_worker(worker)
    wait_until(lambda: first.workers not in ([], [worker]), "a new worker")
    answers = (first.client(key).chat() for _ in range(12))  # a slow machine has one more, or two
    assert any(a.status_code == 429 for a in answers)
    assert refused_by_chatgpt(chatgpt) == 0


@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions"])
def test_a_stream_s_limits_are_known_before_it_ends(
    caller: Client, chatgpt: Control, path: str
) -> None:
    chatgpt.limits(requests=100)
    chatgpt.queue(first_token_delay_s=20)
    body = {"message": "Hello", "messages": [{"role": "user", "content": "Hello"}]}
    wanted = {"/chat": {"message"}, "/v1/chat/completions": {"messages"}}[path]
    fields = {name: body[name] for name in wanted} | {"model": MODEL, "stream": True}
    with caller.request("POST", path, json=fields, stream=True) as streaming:
        assert streaming.ok
        wait_until(lambda: left(caller) > 0, "the stream's limits to be known", 15)


@pytest.mark.parametrize(
    "limits",
    [{"requests": 100, "tokens": 1000}, {"requests": 100}, {"tokens": 1000}, {}],
    ids=["both", "requests", "tokens", "none"],
)
def test_whatever_part_is_told_is_shown(
    caller: Client, chatgpt: Control, limits: dict[str, Any]
) -> None:
    chatgpt.limits(**limits)
    assert caller.chat(max_tokens=10).ok
    shown = figures(caller)
    ours = {
        re.sub(r".*resource=\"(\w+)\".*", r"\1", name): value
        for name, value in shown.items()
        if name.startswith("chat_proxy_upstream_limit{")
    }
    assert ours == {name: value * 0.95 for name, value in limits.items()}


def test_a_dated_name_is_its_model(caller: Client, chatgpt: Control) -> None:
    chatgpt.limits(requests=50)
    body = {"model": f"{MODEL}-2026-05-01", "messages": [{"role": "user", "content": "Hello"}]}
    caller.post("/v1/chat/completions", json=body)
    assert left(caller) >= 0
    assert not [name for name in figures(caller) if "2026" in name]


def test_names_that_no_key_may_hold_are_answered_and_not_learned(
    caller: Client, chatgpt: Control
) -> None:
    caller.post(
        "/v1/chat/completions",
        json={"model": "{x} y", "messages": [{"role": "user", "content": "Hello"}]},
    )
    assert caller.chat().ok
    assert not [name for name in figures(caller) if "{x}" in name]
