"""`wait`: in place of a refusal, bounded, and given up by who goes away."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests

from proxy.waiting import LEASE_MS
from tests.limits.sharing import NOTHING, RPM, asked_of, flows_waiting, set_level
from tests.streaming.listening import kinds, listen, stream, turns
from tests.support.keys import issue
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.embedded import EmbeddedRedis
    from proxy.store.connection import Store
    from tests.conftest import StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

Start = "Callable[..., Service]"


@pytest.fixture
def start_shared(
    start_service: StartService, own_redis: EmbeddedRedis, own_store: Store, chatgpt: Control
) -> Callable[..., Service]:
    """Starts a service whose callers share ten requests a second, and have none now."""
    chatgpt.limits(None, None)
    set_level(own_store, NOTHING)

    def start(**settings: str) -> Service:
        shared = {"REDIS_URL": own_redis.url, "PROXY_UPSTREAM_RPM": str(RPM)}
        return start_service(**shared, **settings)

    return start


def unlimited(service: Service, store: Store) -> Client:
    """A caller with a new key that nothing limits but what all share."""
    return service.client(issue(store, rpm=0, tpm=0)[1])


@pytest.mark.parametrize("how", ["field", "header", "text", "openai"])
def test_a_request_that_waits_is_answered_when_its_turn_comes(
    start_shared: Callable[..., Service], own_store: Store, how: str
) -> None:
    client = unlimited(start_shared(), own_store)
    prefer = {"Prefer": "wait=30"}
    completion = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hello"}]}
    ways: dict[str, Callable[[], requests.Response]] = {
        "field": lambda: client.chat(wait=30),
        "header": lambda: client.post("/chat", json={"message": "Hello"}, headers=prefer),
        "text": lambda: client.post(
            "/chat?wait=30", data="Hello", headers={"Content-Type": "text/plain"}
        ),
        "openai": lambda: client.post("/v1/chat/completions", json=completion, headers=prefer),
    }
    assert client.chat().status_code == 429
    with ThreadPoolExecutor(1) as other:
        answer = other.submit(ways[how])
        wait_until(lambda: flows_waiting(own_store) == 1, "the request to wait")
        set_level(own_store, 1)
        assert answer.result().status_code == 200
    applied = answer.result().headers.get("Preference-Applied")
    assert applied == ("wait=30" if how in {"header", "openai"} else None)
    assert flows_waiting(own_store) == 0


def test_positions_and_times_to_wait_only_shrink(
    start_shared: Callable[..., Service], own_store: Store
) -> None:
    client = unlimited(start_shared(), own_store)
    set_level(own_store, -20)  # two seconds, and then ten requests a second
    with ThreadPoolExecutor(25) as callers:
        streams = list(callers.map(lambda _: listen(client, wait=30), range(25)))
    queues = [[e.data for e in events if e.kind == "queue"] for events in streams]
    for events, queue in zip(streams, queues, strict=True):
        assert kinds(events) == ["start", "queue", "delta", "done"]
        positions = [told["position"] for told in queue]
        assert positions == sorted(positions, reverse=True)
        assert all(told["eta_s"] >= 0 for told in queue)
        assert queue[-1]["eta_s"] <= queue[0]["eta_s"]
    assert max(queue[0]["position"] for queue in queues) > 10
    assert max(len(queue) for queue in queues) > 1


@pytest.mark.parametrize("form", ["json", "stream"])
def test_a_waiter_that_leaves_gives_its_place_up(
    start_shared: Callable[..., Service], own_store: Store, chatgpt: Control, form: str
) -> None:
    service = start_shared()
    leaver = unlimited(service, own_store)
    if form == "json":
        with pytest.raises(requests.Timeout):
            leaver.post("/chat", json={"message": "Leaving", "wait": 60}, timeout=2)
    else:
        with stream(leaver, "Leaving", wait=60) as events:
            events.until("queue")
    wait_until(lambda: flows_waiting(own_store) == 0, "the waiter to be gone")
    set_level(own_store, RPM)
    assert unlimited(service, own_store).chat("Staying").ok
    assert leaver.chat("Again").ok
    assert asked_of(chatgpt) == ["Staying", "Again"]


def test_waiters_of_a_killed_worker_hold_others_up_for_a_lease_at_most(
    start_shared: Callable[..., Service], own_store: Store, chatgpt: Control
) -> None:
    doomed, living = start_shared(), start_shared()
    (worker,) = doomed.workers
    with ThreadPoolExecutor(20) as callers:
        lost = [
            callers.submit(unlimited(doomed, own_store).chat, "Lost", wait=60) for _ in range(9)
        ]
        waiter = callers.submit(unlimited(living, own_store).chat, "Living", wait=60)
        wait_until(lambda: flows_waiting(own_store) == 10, "all to wait")
        doomed.kill_worker(worker)
        for answer in lost:
            with pytest.raises(requests.ConnectionError):
                answer.result()
        set_level(own_store, 1)
        begun = time.monotonic()
        assert waiter.result().ok
        assert time.monotonic() - begun < LEASE_MS / 1000 + 5  # the machine may be slow
    assert asked_of(chatgpt) == ["Living"]


def test_patience_is_bounded_by_the_service(
    start_shared: Callable[..., Service], own_store: Store
) -> None:
    client = unlimited(start_shared(PROXY_WAIT_MAX="0.5"), own_store)
    answer = client.post("/chat", json={"message": "Hello"}, headers={"Prefer": "wait=3000"})
    assert answer.status_code == 429
    assert answer.headers["Preference-Applied"] == "wait=0.5"
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    assert float(answer.headers["retry-after-ms"]) > 0
    assert flows_waiting(own_store) == 0


@pytest.mark.parametrize("bound", ["PER_CALLER", "PER_WORKER"])
def test_who_finds_no_place_to_wait_is_refused_at_once(
    start_shared: Callable[..., Service], own_store: Store, bound: str
) -> None:
    service = start_shared(**{f"PROXY_WAIT_MAX_{bound}": "3"})
    one = unlimited(service, own_store)
    clients = [one if bound == "PER_CALLER" else unlimited(service, own_store) for _ in range(12)]
    with ThreadPoolExecutor(12) as callers:
        answers = [callers.submit(client.chat, wait=60) for client in clients]
        wait_until(lambda: sum(answer.done() for answer in answers) == 9, "nine to be refused")
        assert {a.result().status_code for a in answers if a.done()} == {429}
        set_level(own_store, RPM)
        assert sorted(answer.result().status_code for answer in answers) == [200] * 3 + [429] * 9


def test_a_full_room_of_one_caller_is_open_to_another(
    start_shared: Callable[..., Service], own_store: Store
) -> None:
    service = start_shared(PROXY_WAIT_MAX_PER_CALLER="1")
    with ThreadPoolExecutor(2) as callers:
        answers = [callers.submit(unlimited(service, own_store).chat, wait=60) for _ in range(2)]
        wait_until(lambda: flows_waiting(own_store) == 2, "both to wait")
        set_level(own_store, RPM)
        assert {answer.result().status_code for answer in answers} == {200}


def test_a_request_waits_for_its_session(api: Client, chatgpt: Control) -> None:
    session = api.chat("First").json()["session_id"]
    chatgpt.queue(delay_s=2)
    with ThreadPoolExecutor(3) as others:
        running = others.submit(api.chat, "Slowly", session_id=session)
        wait_until(lambda: chatgpt.stats()["requests"] == 2, "ChatGPT to have the message")
        impatient = others.submit(api.chat, "Impatient", session_id=session, wait=0.2)
        patient = others.submit(api.chat, "Patient", session_id=session, wait=60)
        assert impatient.result().status_code == 409
        assert running.result().ok
        assert patient.result().ok
    asked = [turn["message"] for turn in turns(api, session)]
    assert asked == ["First", "Slowly", "Patient"]
