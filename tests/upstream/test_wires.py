"""Connections to ChatGPT: used again after a whole answer, never with anything left on them."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from urllib3.exceptions import HTTPError, NewConnectionError

from proxy.upstream.wires import Wires
from tests.support.service import free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = {"Authorization": "Bearer sk-x"}
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Scripted:
    """Answers each request on any connection with the next of these bytes; b"" hangs up.

    Attributes:
        heard: the requests.
        connections: how many were made.
    """

    def __init__(self, *answers: bytes) -> None:
        self.heard: list[bytes] = []
        self.connections = 0
        self._answers = iter(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            while asked := client.recv(65_536):
                self.heard.append(asked)
                answer = next(self._answers)
                if not answer:
                    return
                client.sendall(answer)


@contextmanager
def wires_to(port: int) -> Iterator[Wires]:
    with closing(
        Wires(
            f"http://127.0.0.1:{port}/v1",
            {"Accept": "application/json"},
            verify=True,
            connect_timeout=30,
            read_timeout=30,
        )
    ) as wires:
        yield wires


def asked(wires: Wires) -> bytes:
    """The whole answer to a request."""
    wire = wires.ask("POST", "/chat/completions", KEY, b"{}")
    body = b"".join(iter(wire.read, b""))
    wires.give_back(wire)
    return body


def test_a_request_is_sent_as_http_wants_it() -> None:
    server = Scripted(WHOLE)
    with wires_to(server.port) as wires:
        asked(wires)
    assert server.heard == [
        b"POST /v1/chat/completions HTTP/1.1\r\n"
        b"Host: 127.0.0.1:%d\r\nAccept: application/json\r\n"
        b"Authorization: Bearer sk-x\r\nContent-Length: 2\r\n\r\n{}" % server.port
    ]


def test_a_connection_is_used_again() -> None:
    server = Scripted(WHOLE, WHOLE, WHOLE)
    with wires_to(server.port) as wires:
        assert [asked(wires) for _ in range(3)] == [b"ok"] * 3
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        WHOLE + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret",
        WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        WHOLE.replace(b"1.1", b"1.0"),
    ],
    ids=["more behind it", "close", "HTTP/1.0"],
)
def test_a_connection_that_may_hold_more_is_not_used_again(answer: bytes) -> None:
    server = Scripted(answer, WHOLE)
    with wires_to(server.port) as wires:
        assert [asked(wires), asked(wires)] == [b"ok", b"ok"]
    assert server.connections == 2


def test_one_whose_answer_was_not_read_is_not_used_again() -> None:
    server = Scripted(WHOLE, WHOLE)
    with wires_to(server.port) as wires:
        wires.give_back(wires.ask("POST", "/x", KEY, b"{}"))
        assert asked(wires) == b"ok"
    assert server.connections == 2


def test_one_that_was_closed_while_idle_is_replaced_unseen() -> None:
    server = Scripted(WHOLE, WHOLE)
    with wires_to(server.port) as wires:
        wire = wires.ask("POST", "/x", KEY, b"{}")
        assert wire.read() == b"ok"
        wire._socket.shutdown(socket.SHUT_WR)
        wait_until(lambda: not wire.quiet, "the end of the connection")
        wires.give_back(wire)
        assert asked(wires) == b"ok"


def test_heads_that_are_no_answer_yet_are_passed_over() -> None:
    server = Scripted(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + WHOLE)
    with wires_to(server.port) as wires:
        assert asked(wires) == b"ok"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"x" * 70_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ],
    ids=["nothing", "no end", "never an answer", "no length"],
)
def test_what_is_no_answer_is_refused(answer: bytes) -> None:
    server = Scripted(answer)
    with wires_to(server.port) as wires, pytest.raises(HTTPError):
        asked(wires)


def test_where_nothing_listens_no_connection_is_made() -> None:
    with wires_to(free_port()) as wires, pytest.raises(NewConnectionError):
        asked(wires)
