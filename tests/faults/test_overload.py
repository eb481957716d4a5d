"""More than a worker takes: refused at once, and nobody else starves."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.hostile import Crowd, dripping_bodies
from tests.faults.kept_connection import KeptConnection
from tests.streaming.listening import Stream, cancel, stream
from tests.support.service import Service
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from tests.conftest import NewKey
    from tests.support.service import Client
    from tests.support.simulator import Control

REQUESTS = 60
STREAMS = 10
CONNECTIONS = REQUESTS * 5 // 4 + 64
SILENT = {"fault": "silence", "after": 2}
LATE = b"HTTP/1.1 408 REQUEST TIMEOUT"
LATE_S = 5.0
"""How late an answer may be on a machine that is busy besides; what it guards against took 18 s."""


@pytest.fixture(scope="module")
def small(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """A service of one worker that takes little."""
    settings = {
        "PROXY_MAX_REQUESTS_PER_WORKER": str(REQUESTS),
        "PROXY_MAX_STREAMS_PER_WORKER": str(STREAMS),
        "PROXY_BODY_DEADLINE": "4",
        "PROXY_GRACEFUL_TIMEOUT": "1",
    }
    with Service(redis_server.url, simulator.url, **settings) as running:
        yield running


@pytest.fixture
def caller(small: Service, chatgpt: Control, new_key: NewKey) -> Client:
    return small.client(new_key(rpm=0, tpm=0))


def told(caller: Client, path: str = "/chat", **fields: Any) -> tuple[int, str | None]:
    """The status and code of an answer."""
    answer = caller.post(path, json=fields or {"message": "Hello"})
    if answer.status_code == 503:
        assert answer.headers["Retry-After"] == "1"
    return answer.status_code, answer.json().get("error", {}).get("code")


def well(caller: Client) -> bool:
    """Whether health checks are answered."""
    return all(caller.get(path).ok for path in ("/livez", "/readyz", "/metrics"))


def relay(caller: Client) -> Stream:
    body = {
        "model": "gpt-6-luna",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
    }
    return Stream(caller.post("/v1/chat/completions", json=body, stream=True))


def test_a_stream_too_many_is_refused_and_the_others_go_on(
    small: Service, caller: Client, chatgpt: Control
) -> None:
    chatgpt.defaults(**SILENT)
    with ExitStack() as open_streams:
        of_turns = [open_streams.enter_context(stream(caller)) for _ in range(STREAMS // 2)]
        for _ in range(STREAMS // 2):
            open_streams.enter_context(relay(caller))
        wait_until(lambda: chatgpt.stats()["open_streams"] == STREAMS, "the streams")
        chatgpt.reset()
        assert told(caller, message="Hello", stream=True) == (503, "overloaded")
        assert told(caller) == (200, None)
        assert well(caller)
        for one in of_turns:
            assert cancel(caller, one.turn_id).ok
            assert one.until("error")
    with stream(caller) as events:
        assert list(events)[-1].kind == "done"


@pytest.mark.soak
def test_a_refusal_takes_less_than_twenty_milliseconds(
    small: Service, caller: Client, chatgpt: Control
) -> None:
    chatgpt.defaults(total_chars=100_000, chunk_size=10, chunks_per_s=10)
    with ExitStack() as open_streams, KeptConnection(small, caller) as kept:
        for _ in range(STREAMS):
            open_streams.enter_context(stream(caller))
        body = json.dumps({"message": "Hello", "stream": True})
        took = []
        for _ in range(500):
            asked = time.monotonic()
            assert kept.ask("POST", "/chat", body).error["code"] == "overloaded"
            took.append((time.monotonic() - asked) * 1000)
        took.sort()
        print(f"\nrefused within {took[250]:.1f} ms in the median, {took[495]:.1f} ms of 99 %")
        assert took[495] < 20


def test_slow_bodies_starve_nobody(small: Service, caller: Client) -> None:
    with dripping_bodies(small, caller, 50) as crowd:
        assert told(caller) == (200, None)
        assert well(caller)
        assert crowd.answers() == [LATE] * 50
    assert told(caller) == (200, None)


def test_a_request_too_many_is_refused_and_health_checks_are_not(
    small: Service, caller: Client
) -> None:
    with dripping_bodies(small, caller, REQUESTS) as crowd:
        wait_until(lambda: told(caller) == (503, "overloaded"), "the worker to be full", 3)
        assert well(caller)
        assert LATE in crowd.answers()
    wait_until(lambda: told(caller) == (200, None), "the worker to have room again")


@pytest.mark.parametrize("sent", [b"", b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_connections_without_a_request_make_room(
    small: Service, caller: Client, sent: bytes
) -> None:
    with Crowd(small, CONNECTIONS + 50, sent, sent and b"a"):
        assert told(caller) == (200, None)
        assert well(caller)


def test_kept_connections_make_room_and_the_newest_stay(small: Service, caller: Client) -> None:
    asked = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    with Crowd(small, CONNECTIONS + 50, asked) as crowd:
        assert set(crowd.answers()) == {b"HTTP/1.1 200 OK"}
        assert told(caller) == (200, None)
        newest = crowd.connections[-1]
        newest.sendall(asked)
        with newest.makefile("rb") as answers:
            assert any(b"HTTP/1.1 200 OK" in line for line in answers)


@pytest.mark.parametrize("unit", ["[],", '{"a":1},', "1,"])
def test_a_body_of_many_values_holds_nobody_up(caller: Client, unit: str) -> None:
    many = 20_000_000 // len(unit)
    body = f'{{"model": "m", "messages": [{unit * many}1]}}'
    assert max(lags_while(caller, body.encode())) < LATE_S


def test_a_body_of_many_values_that_is_taken_holds_nobody_up(caller: Client) -> None:
    body = '{"model": "m", "messages": [' + "[]," * 140_000 + "1]}"
    assert max(lags_while(caller, body.encode())) < LATE_S


@pytest.mark.parametrize("unit", ["A", ",", '\\\\\\",'], ids=["letters", "commas", "escapes"])
def test_a_body_of_twenty_megabytes_holds_nobody_up(caller: Client, unit: str) -> None:
    image = unit * (20_000_000 // len(unit))
    body = f'{{"model": "m", "messages": [{{"role": "user", "content": "{image}"}}]}}'
    assert max(lags_while(caller, body.encode())) < LATE_S


def lags_while(caller: Client, body: bytes) -> Iterator[float]:
    """How long health checks take while this body is sent and understood."""
    headers = {"Content-Type": "application/json"}
    with ThreadPoolExecutor() as threads:
        sent = threads.submit(caller.post, "/v1/embeddings", data=body, headers=headers)
        while not sent.done():
            asked = time.monotonic()
            assert caller.get("/livez").ok
            yield time.monotonic() - asked
    assert sent.result().status_code < 500
