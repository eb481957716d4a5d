"""Clients that hold connections: silent ones, and ones that send a byte now and then."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from tests.support.service import Client, Service

_PAUSE_S = 0.05


class Crowd:
    """Many connections that have all sent `head`, and then drip `drop` for ever."""

    def __init__(self, service: Service, many: int, head: bytes, drop: bytes = b"") -> None:
        self._address = ("127.0.0.1", service.port)
        self._many = many
        self._head = head
        self._drop = drop
        self._enough = threading.Event()
        self._dripper = threading.Thread(target=self._drip)
        self.connections: list[socket.socket] = []

    def __enter__(self) -> Self:
        for _ in range(self._many):
            connection = socket.create_connection(self._address, timeout=60)
            self.connections.append(connection)
            connection.sendall(self._head)
        self._dripper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._dripper.join()
        for connection in self.connections:
            connection.close()

    def answers(self) -> list[bytes]:
        """The status line that each got, or nothing where the connection was closed."""
        return [_first_line(connection) for connection in self.connections]

    def _drip(self) -> None:
        while self._drop and not self._enough.wait(_PAUSE_S):
            for connection in self.connections:
                with suppress(OSError):  # the service has closed it
                    connection.sendall(self._drop)


def dripping_bodies(service: Service, caller: Client, many: int) -> Crowd:
    """Questions whose bodies never come to their end."""
    head = (
        "POST /chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: {caller.headers['Authorization']}\r\nContent-Length: 100000\r\n\r\n"
    )
    return Crowd(service, many, head.encode(), b" ")


def _first_line(connection: socket.socket) -> bytes:
    with suppress(OSError):
        return connection.recv(4096).partition(b"\r\n")[0]
    return b""
