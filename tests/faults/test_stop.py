"""SIGTERM: nothing new begins, what is short ends well, what is long ends interrupted."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.kept_connection import KeptConnection
from tests.streaming.listening import code, kinds, listen_again, stream, turns, words
from tests.support.reservations import reservations
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from proxy.store.connection import Store
    from tests.conftest import NewKey, StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

SHORT = {"total_chars": 40, "chunk_size": 4, "chunks_per_s": 4}
LONG = {"total_chars": 100_000, "chunk_size": 4, "chunks_per_s": 10}


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as executor:
        yield executor


def drains(service: Service) -> bool:
    answer = service.client().get("/readyz")
    return answer.status_code == 503 and answer.json()["error"]["code"] == "draining"


def complete(caller: Client, *, streamed: bool) -> requests.Response:
    """A stateless request."""
    asked: dict[str, Any] = {"model": "gpt-6-luna", "stream": streamed}
    asked["messages"] = [{"role": "user", "content": "Hello"}]
    return caller.post("/v1/chat/completions", json=asked)


def test_it_begins_nothing_new_and_ends_what_runs(
    start_service: StartService, chatgpt: Control, new_key: NewKey, threads: ThreadPoolExecutor
) -> None:
    service = start_service(PROXY_GRACEFUL_TIMEOUT="60")
    caller = service.client(new_key())
    chatgpt.queue(**SHORT)
    with stream(caller) as events, KeptConnection(service, caller) as kept:
        events.until("delta")
        chatgpt.queue(delay_s=1)
        whole = threads.submit(caller.chat)
        wait_until(lambda: chatgpt.stats()["requests"] == 2, "the second turn to reach ChatGPT")
        service.tell(signal.SIGTERM)
        wait_until(lambda: drains(service), "the service to say that it drains", 5)
        refused = kept.chat()
        assert (refused.status, refused.error["code"]) == (503, "draining")
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["connection"] == "close"
        assert caller.get("/livez").status_code == 200
        assert list(events)[-1].kind == "done"
    assert whole.result().status_code == 200
    wait_until(lambda: not service.running, "the service to end", 20)
    assert chatgpt.stats()["requests"] == 2


def test_idle_connections_do_not_hold_it_up(start_service: StartService, new_key: NewKey) -> None:
    service = start_service(PROXY_GRACEFUL_TIMEOUT="300", WEB_CONCURRENCY="2")
    caller = service.client(new_key())
    with KeptConnection(service, caller), KeptConnection(service, caller):
        service.tell(signal.SIGTERM)
        wait_until(lambda: not service.running, "the service to end", 60)


@pytest.fixture
def stopped(
    start_service: StartService,
    chatgpt: Control,
    new_key: NewKey,
    redis_admin: Store,
    threads: ThreadPoolExecutor,
) -> dict[str, Any]:
    """What came of turns that ChatGPT never ended, when the service was stopped."""
    before = reservations(redis_admin)
    service = start_service(PROXY_GRACEFUL_TIMEOUT="4")
    key = new_key()
    caller = service.client(key)
    chatgpt.queue(**LONG)
    with stream(caller) as events:
        first = events.until("delta")
        chatgpt.defaults(**LONG)
        relayed = threads.submit(complete, caller, streamed=True)
        wait_until(lambda: chatgpt.stats()["open_streams"] == 2, "both streams")
        chatgpt.defaults(delay_s=60)
        whole = [
            threads.submit(caller.chat),
            threads.submit(complete, caller, streamed=False),
        ]
        wait_until(lambda: chatgpt.stats()["open_requests"] == 4, "all four to reach ChatGPT")
        service.tell(signal.SIGTERM)
        heard = [first, *events]
    wait_until(lambda: not service.running, "the service to end", 20)
    chatgpt.reset()
    return {
        "key": key,
        "session": events.session_id,
        "turn": events.turn_id,
        "heard": heard,
        "relayed": relayed.result(),
        "whole": [answer.result() for answer in whole],
        "log": service.log,
        "left": reservations(redis_admin) - before,
    }


def test_a_long_turn_ends_interrupted_and_its_session_goes_on(
    stopped: dict[str, Any], service: Service
) -> None:
    caller = service.client(stopped["key"])
    heard = stopped["heard"]
    assert code(heard[-1]) == "turn_interrupted"
    again = listen_again(caller, stopped["turn"])
    assert kinds(again) == ["start", "delta", "error"]
    assert words(again) == words(heard)
    assert caller.chat("Go on", session_id=stopped["session"]).status_code == 200
    held = turns(caller, stopped["session"])
    assert [turn["finish_reason"] for turn in held] == ["interrupted", "stop"]
    assert held[0]["reply"] == words(heard)
    # No other call was acknowledged, nothing is left of it, and nobody had to be killed.
    assert stopped["relayed"].text.count('"code":"turn_interrupted"') == 1
    assert "[DONE]" not in stopped["relayed"].text
    told = [(one.status_code, one.json()["error"]["code"]) for one in stopped["whole"]]
    assert told == [(502, "turn_interrupted")] * 2
    assert stopped["left"] == set()
    assert "SIGKILL" not in stopped["log"]
    assert "Traceback" not in stopped["log"]
