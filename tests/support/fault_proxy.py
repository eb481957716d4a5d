"""A TCP proxy between the service and Redis or ChatGPT that counts, delays, loses and cuts."""

from __future__ import annotations

import re
import select
import socket
import struct
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 65_536
_POLL_S = 0.02
_COMMAND = re.compile(rb"^\*[0-9]+\r\n", re.MULTILINE)
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class FaultProxy:
    """Passes bytes on between a port of its own and the server at `target`.

    A round trip is what a client writes until the server answers.

    Attributes:
        url: `target`'s URL with the proxy's address in place of the server's.
        connections: how many were made.
        ended: how many of them are closed.
        round_trips: how many were begun.
        sent: bytes to the server.
        received: bytes from it.
        latency_s: how long answers are held back.
        blackhole: whether everything is taken and nothing passed on.
        refusal: an error of Redis that each command is answered with, in place of passing it on.
        cut_after: bytes of answers until the connection is cut; None for never.
    """

    def __init__(self, target: str) -> None:
        """Nothing is listened on yet; `target` is a URL of http, redis or unix."""
        self._target = urlsplit(target)
        self.connections = self.ended = self.round_trips = self.sent = self.received = 0
        self.latency_s = 0.0
        self.blackhole = False
        self.refusal = ""
        self.cut_after: int | None = None
        self._lost: int | None = None
        self._generation = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self.reset()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    @property
    def url(self) -> str:
        host, port = self._listener.getsockname()
        user, at, _ = self._target.netloc.rpartition("@")
        address = f"{user}{at}{host}:{port}"
        if self._target.scheme == "unix":
            return f"redis://{address}/0"
        return urlunsplit(self._target._replace(netloc=address))

    def swallow(self, number: int = 1) -> None:
        """Lose the answer to the round trip of this number, counted from now; the first is 1."""
        with self._lock:
            self._lost = self.round_trips + number

    def reset(self) -> None:
        """Break all connections with an RST."""
        self._generation += 1

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    @property
    def _address(self) -> tuple[str, int]:
        return str(self._target.hostname), self._target.port or 80

    def _accept(self) -> None:
        while not self._closed.is_set():
            if select.select([self._listener], [], [], _POLL_S)[0]:
                client, _ = self._listener.accept()
                self.connections += 1
                self._start(self._relay, client, self._generation)

    def _relay(self, client: socket.socket, generation: int) -> None:
        on_socket = self._target.scheme == "unix"
        server = socket.socket(socket.AF_UNIX if on_socket else socket.AF_INET)
        with suppress(OSError), closing(client), closing(server):
            server.connect(self._target.path if on_socket else self._address)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number, answered = 0, True
            while generation == self._generation:
                readable, _, _ = select.select([client, server], [], [], _POLL_S)
                if client in readable:
                    number, answered = self._ask(client, server, number, answered), False
                if server in readable:
                    self._answer(server, client, number)
                    answered = True
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        with self._lock:
            self.ended += 1

    def _ask(
        self, client: socket.socket, server: socket.socket, number: int, answered: bool
    ) -> int:
        """Pass a request on, or a part of it; answers the number of its round trip."""
        chunk = _received(client)
        with self._lock:
            self.sent += len(chunk)
            if answered:
                self.round_trips += 1
                number = self.round_trips
        if self.refusal:
            commands = len(_COMMAND.findall(chunk))
            client.sendall(f"-{self.refusal}\r\n".encode() * commands)
        elif not self.blackhole:
            server.sendall(chunk)
        return number

    def _answer(self, server: socket.socket, client: socket.socket, number: int) -> None:
        """Pass an answer on, or what is to be left of it."""
        chunk = _received(server)
        self._closed.wait(self.latency_s)
        with self._lock:
            self.received += len(chunk)
            left = self.cut_after
            if left is not None:
                self.cut_after = max(0, left - len(chunk))
        if self.blackhole or number == self._lost:
            return
        client.sendall(chunk[:left])
        if left is not None and left <= len(chunk):
            raise ConnectionAbortedError


def _received(end: socket.socket) -> bytes:
    chunk = end.recv(_CHUNK)
    if not chunk:
        raise ConnectionAbortedError
    return chunk
