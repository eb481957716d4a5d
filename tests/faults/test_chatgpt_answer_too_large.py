"""ChatGPT answers without end or measure: cut at the bound, in little memory, and nobody waits."""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.streaming.listening import code, kinds, listen
from tests.support.service import Service
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from tests.conftest import NewKey, StartService
    from tests.support.service import Client
    from tests.support.simulator import Control

CHUNKED: dict[str, Any] = {"headers": {"content-length": None}}
WHOLE: list[dict[str, Any]] = [
    {"fault": "enormous_line", "size": 200_000_000},
    {"fault": "enormous_line", "size": 200_000_000, **CHUNKED},
    {"fault": "gzip_bomb", "size": 200_000_000},
    {"fault": "wrong_content_length"},
    {"fault": "wrong_content_length", "after": 10},
    {"status": 500, "fault": "enormous_line", "size": 200_000_000, **CHUNKED},
]
STREAMED: list[dict[str, Any]] = [
    {"fault": "enormous_line", "size": 100_000_000},
    {"fault": "gzip_bomb", "size": 200_000_000},
    {"fault": "endless_stream"},
    {"fault": "endless_stream", "total_chars": 2_000_000, "chunk_size": 900_000},
]
USUAL_MIB, STRICT_MIB = 40, 20
USUAL_S, STRICT_S = 5, 0.25
KEPT_MIB = 10
"""Without glibc told to give it back, a worker kept 20."""


def named(reply: dict[str, Any]) -> str:
    return "-".join(str(reply[name]) for name in ("fault", "after", "status") if name in reply)


@pytest.fixture(scope="module")
def service(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """One worker with the bounds as they are shipped."""
    never = {"PROXY_UPSTREAM_BREAKER_FAILURES": "1000"}
    with Service(redis_server.url, simulator.url, **never) as running:
        yield running


@pytest.fixture
def client(service: Service, chatgpt: Control, new_key: NewKey) -> Client:
    client = service.client(new_key(rpm=0, tpm=0))
    assert client.chat().ok
    assert listen(client)[-1].kind == "done"
    return client


def memory(pid: int) -> dict[str, float]:
    """What a process holds now (VmRSS) and held at most (VmHWM), in MiB."""
    told = Path(f"/proc/{pid}/status").read_text()
    return {name: int(size) / 1024 for name, size in re.findall(r"(Vm\w+):\s+(\d+) kB", told)}


@contextmanager
def held(service: Service, most_mib: float) -> Iterator[None]:
    """The worker takes at most so much more memory meanwhile."""
    (pid,) = service.workers
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the most that it held is counted anew
    before = memory(pid)["VmRSS"]
    yield
    assert memory(pid)["VmHWM"] - before <= most_mib


@contextmanager
def nobody_waits(service: Service, longest_s: float) -> Iterator[None]:
    """The worker turns to others meanwhile, none of whom waits much longer than its answer takes.

    They ask for what needs neither ChatGPT, which is as busy here as the worker, nor Redis.
    """
    ended, waits = threading.Event(), list[float]()

    def ask() -> None:
        with requests.Session() as session:
            while not ended.is_set():
                begun = time.monotonic()
                assert session.get(service.url + "/livez", timeout=60).ok
                waits.append(time.monotonic() - begun)

    others = threading.Thread(target=ask)
    others.start()
    wait_until(lambda: len(waits) > 2, "the others to begin")
    try:
        yield
    finally:
        ended.set()
        others.join()
    assert max(waits) <= longest_s


@pytest.mark.parametrize("reply", WHOLE, ids=named)
def test_a_whole_answer_is_cut_with_a_502(
    service: Service, client: Client, chatgpt: Control, reply: dict[str, Any]
) -> None:
    chatgpt.defaults(**reply)
    with held(service, USUAL_MIB):
        answer = client.chat()
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    assert len(answer.content) < 1_000


@pytest.mark.parametrize("reply", WHOLE[:3], ids=named)
def test_under_v1_what_cannot_be_bounded_is_cut_too(
    service: Service, client: Client, chatgpt: Control, reply: dict[str, Any]
) -> None:
    chatgpt.defaults(**reply)
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
    with held(service, USUAL_MIB):
        answer = client.post("/v1/chat/completions", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")


@pytest.mark.parametrize("reply", STREAMED, ids=named)
def test_a_stream_is_cut_with_an_error(
    service: Service, client: Client, chatgpt: Control, reply: dict[str, Any]
) -> None:
    chatgpt.defaults(**reply)
    with held(service, USUAL_MIB):
        events = listen(client)
    assert code(events[-1]) == "upstream_error"
    assert "done" not in kinds(events)
    wait_until(lambda: chatgpt.stats()["open_streams"] == 0, "the stream to be closed")


@pytest.mark.parametrize("reply", [WHOLE[1], STREAMED[0], STREAMED[2]], ids=named)
def test_others_are_answered_meanwhile(
    service: Service, client: Client, chatgpt: Control, reply: dict[str, Any]
) -> None:
    chatgpt.defaults(**reply)
    with nobody_waits(service, USUAL_S):
        client.chat(stream=reply in STREAMED)


@pytest.mark.soak
@pytest.mark.parametrize("reply", [*WHOLE, *STREAMED], ids=named)
def test_strictly_nobody_waits_and_little_memory_is_taken(
    service: Service, client: Client, chatgpt: Control, reply: dict[str, Any]
) -> None:
    chatgpt.defaults(**reply)
    with held(service, STRICT_MIB), nobody_waits(service, STRICT_S):
        client.chat(stream=reply in STREAMED)


def test_the_memory_of_large_answers_is_given_back(
    start_service: StartService, chatgpt: Control
) -> None:
    service = start_service(PROXY_UPSTREAM_BREAKER_FAILURES="1000", PROXY_AUTH="open")
    client = service.client()
    assert all(client.chat().ok for _ in range(5))
    (pid,) = service.workers
    before = memory(pid)["VmRSS"]
    chatgpt.defaults(fault="enormous_line", size=2_000_000)
    assert all(client.chat().ok for _ in range(10))
    assert memory(pid)["VmRSS"] - before < KEPT_MIB
