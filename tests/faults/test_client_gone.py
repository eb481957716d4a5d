"""Clients that go away, or stop reading: ChatGPT is left at once where nobody wants the answer."""

from __future__ import annotations

import random
import socket
import struct
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import orjson
import psutil
import pytest

from proxy.domain.limits import Bucket
from proxy.store.buckets import peek
from tests.streaming.listening import turns
from tests.support.keys import issue
from tests.support.reservations import reservations
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.conftest import NewKey, StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

AT_ONCE_S = 1.0
"""How soon ChatGPT is left; the tests that run by default allow a busy machine three times that."""
PLACES = 10_000
ASKED: dict[str, Any] = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hello"}]}
STATELESS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": ASKED,
    "/v1/responses": {"model": "gpt-6-luna", "input": "Hello"},
    "/v1/embeddings": {"model": "text-embedding-3-small", "input": "Hello"},
}
COMPLETIONS = next(iter(STATELESS))


def asking(port: int, caller: Client, path: str, **body: Any) -> socket.socket:
    """A connection over which a request was sent; nothing of its answer is read."""
    sent = orjson.dumps(body)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {caller.headers['Authorization']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(head.encode() + sent)
    return connection


def reset(connection: socket.socket) -> None:
    """Close it with an RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def left(chatgpt: Control) -> bool:
    stats = chatgpt.stats()
    return stats["requests"] > 0 and stats["open_requests"] == 0


@pytest.mark.parametrize("close", [socket.socket.close, reset], ids=["FIN", "RST"])
@pytest.mark.parametrize("path", STATELESS)
def test_a_stateless_call_that_nobody_waits_for_leaves_chatgpt(
    service: Service, api: Client, chatgpt: Control, path: str, close: Any
) -> None:
    chatgpt.queue(path=path, fault="silence")
    connection = asking(service.port, api, path, **STATELESS[path])
    wait_until(lambda: chatgpt.stats()["open_requests"], "ChatGPT to be asked")
    close(connection)
    wait_until(lambda: left(chatgpt), "ChatGPT to be left", 3 * AT_ONCE_S)


def test_a_turn_goes_on_without_its_caller(service: Service, api: Client, chatgpt: Control) -> None:
    session = api.post("/sessions", json={}).json()["id"]
    chatgpt.queue(delay_s=1)
    connection = asking(service.port, api, "/chat", message="Hello", session_id=session)
    wait_until(lambda: chatgpt.stats()["open_requests"], "ChatGPT to be asked")
    connection.close()
    wait_until(lambda: turns(api, session), "the turn to be stored")
    assert turns(api, session)[0]["finish_reason"] == "stop"


def test_a_keyed_call_goes_on_for_its_repeats(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(delay_s=1)
    headers = {"Idempotency-Key": "gone"}
    with pytest.raises(Exception, match="timed out"):
        api.post(COMPLETIONS, json=ASKED, headers=headers, timeout=0.3)
    again = api.post(COMPLETIONS, json=ASKED, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert chatgpt.stats()["requests"] == 1


def clients(service: Service) -> int:
    """Connections of clients that the workers hold."""
    held = [psutil.Process(pid).net_connections("tcp") for pid in service.workers]
    mine = [one for ends in held for one in ends if one.laddr.port == service.port]
    return sum(one.status == "ESTABLISHED" for one in mine)


def test_who_reads_no_more_is_let_go_also_where_nothing_streams(
    start_service: StartService, chatgpt: Control, new_key: NewKey
) -> None:
    service = start_service(PROXY_WRITE_TIMEOUT="1")
    caller = service.client(new_key(tpm=0))
    chatgpt.queue(total_chars=12_000_000)
    with asking(service.port, caller, COMPLETIONS, **ASKED):
        wait_until(lambda: left(chatgpt), "ChatGPT to have answered")
        wait_until(lambda: clients(service) == 0, "the connection to be closed")
    assert "Traceback" not in service.log


def aborted_at(chatgpt: Control, many: int, since: float) -> float:
    """Seconds until so many streams were left."""
    wait_until(lambda: chatgpt.stats()["aborted_streams"] >= many, "ChatGPT to be left", 60)
    return time.monotonic() - since


@pytest.mark.parametrize(
    ("streams", "limit_s"), [(50, 10.0), pytest.param(500, AT_ONCE_S, marks=pytest.mark.soak)]
)
def test_of_many_streams_a_fifth_goes_and_nothing_of_it_stays(
    start_service: StartService,
    chatgpt: Control,
    store: Store,
    redis_admin: Store,
    streams: int,
    limit_s: float,
) -> None:
    before = reservations(redis_admin)
    service = start_service(WEB_CONCURRENCY="2", PROXY_REDIS_TIMEOUT="5")
    key, token = issue(store, rpm=0, tpm=0, max_parallel=PLACES)
    caller = service.client(token)
    chatgpt.defaults(total_chars=1_000_000, chunk_size=10, chunks_per_s=1)
    with ExitStack() as opened:
        everybody = [
            asking(service.port, caller, COMPLETIONS, stream=True, **ASKED) for _ in range(streams)
        ]
        for one in everybody:
            opened.callback(one.close)
        wait_until(lambda: chatgpt.stats()["open_streams"] == streams, "all streams", 60)
        gone = random.sample(everybody, streams // 5)
        took = []
        for number, one in enumerate(gone, 1):
            since = time.monotonic()
            reset(one) if number % 2 else one.close()
            if number % 10 == 0:
                took.append(aborted_at(chatgpt, number, since))
        assert chatgpt.stats()["open_streams"] == streams - len(gone)
        print(f"\n{streams} streams, {len(gone)} left: after {max(took):.2f} s at the latest")
        assert max(took) <= limit_s
    wait_until(lambda: left(chatgpt), "ChatGPT to be left by all", 30)
    wait_until(lambda: reservations(redis_admin) <= before, "the reservations to be given back")
    places = Bucket("key", key.id, "concurrency", PLACES, PLACES)
    assert store.run(peek([places], {})).balances[0].remaining == PLACES
    wait_until(lambda: clients(service) == 0, "the connections to be closed")
