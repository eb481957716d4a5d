"""A reader that stops reading while 2 MB come: it costs little, and holds nobody up."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.streaming.listening import kinds, listen, listen_again, turns, words
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import NewKey, StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

LETTERS = 1_900_000
"""Nearly as many as an answer may have."""
MB = 1_048_576


@pytest.fixture
def quick(start_service: StartService) -> Service:
    return start_service(PROXY_WRITE_TIMEOUT="2", PROXY_GRACEFUL_TIMEOUT="1")


@contextmanager
def stalled(caller: Client, port: int, session: str) -> Iterator[socket.socket]:
    """A client that asks for a stream and never reads it."""
    body = json.dumps({"message": "Go on", "stream": True, "session_id": session}).encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(
            b"POST /chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (caller.headers["Authorization"].encode(), len(body), body)
        )
        yield connection


def peak(service: Service) -> int:
    """The most memory that the worker ever had, in bytes."""
    status = psutil.Process(service.workers[0])
    with open(f"/proc/{status.pid}/status") as lines:  # noqa: PTH123
        line = next(line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def stored(caller: Client, session: str) -> bool:
    """Whether the session holds a turn, without reading it."""
    listed = caller.get("/sessions").json()["data"]
    return any(one["id"] == session and one["turn_count"] == 1 for one in listed)


def connections(service: Service) -> int:
    """Connections of clients that the worker holds."""
    held = psutil.Process(service.workers[0]).net_connections(kind="tcp")
    return sum(one.status == "ESTABLISHED" and one.laddr.port == service.port for one in held)


def test_a_reader_that_stops_reading_costs_little_and_loses_nothing(
    quick: Service, chatgpt: Control, new_key: NewKey
) -> None:
    caller = quick.client(new_key(tpm=0))
    long = {"total_chars": LETTERS, "chunk_size": 4000}
    for _ in range(2):
        chatgpt.queue(**long)
        assert kinds(listen(caller, "A reader that reads")) == ["start", "delta", "done"]
    read = peak(quick)

    session = caller.post("/sessions", json={}).json()["id"]
    chatgpt.queue(**long)
    with stalled(caller, quick.port, session):
        wait_until(lambda: chatgpt.stats()["requests"] == 3, "ChatGPT to be asked")
        assert kinds(listen(caller, "Somebody else")) == ["start", "delta", "done"]
        wait_until(lambda: stored(caller, session), "the turn to be stored", seconds=60)
        wait_until(lambda: connections(quick) == 0, "the stalled reader to be let go")
    assert peak(quick) - read <= 10 * MB

    (turn,) = turns(caller, session)
    again = listen_again(caller, turn["turn_id"])
    assert words(again) == turn["reply"]
    assert len(turn["reply"]) == LETTERS
