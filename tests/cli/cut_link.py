"""A way to the service that breaks once, where a test says."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from tests.support.service import Service


class CutLink(socketserver.ThreadingTCPServer):
    """Passes connections on; the first that brings `mark` from the service ends right before it.

    Attributes:
        url: where it listens.
        cut: whether it has broken a connection.
    """

    daemon_threads = True

    def __init__(self, service: Service, mark: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.cut = False
        self.target = ("127.0.0.1", service.port)
        self._mark = mark
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def passable(self, waiting: bytes) -> bytes:
        """What of these bytes may go on: none of the mark, nor what may be its beginning."""
        if self.cut:
            return waiting
        whole, mark, _ = waiting.partition(self._mark)
        if mark:
            self.cut = True
            return whole
        beginnings = (self._mark[:length] for length in range(len(self._mark), 0, -1))
        begun = next((part for part in beginnings if waiting.endswith(part)), b"")
        return waiting.removesuffix(begun)


class _Connection(socketserver.BaseRequestHandler):
    """One connection, both ways."""

    server: CutLink

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as service:
            asking = threading.Thread(target=self._ask, args=(service,))
            asking.start()
            with contextlib.suppress(OSError):
                self._answer(service)
            _end(self.request)
            asking.join()

    def _ask(self, service: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := self.request.recv(65536):
                service.sendall(data)
        _end(service)

    def _answer(self, service: socket.socket) -> None:
        was_cut, waiting = self.server.cut, b""
        while data := service.recv(65536):
            waiting += data
            passed = self.server.passable(waiting)
            self.request.sendall(passed)
            if self.server.cut and not was_cut:
                return
            waiting = waiting.removeprefix(passed)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
