"""Both ends of many streams in one cheap loop: a ChatGPT that talks at a pace, and who listens.

Raw sockets and epoll, no HTTP library: it costs little beside the service between its two ends.
"""

from __future__ import annotations

import heapq
import selectors
import socket
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = (
    b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,'
    b'"model":"gpt-6-luna","service_tier":"default","system_fingerprint":"fp_bench",'
    b'"choices":[{"index":0,"delta":{%b},"logprobs":null,"finish_reason":%b}],"usage":%b}\n\n'
)
_USAGE = b'{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}'
WORD = _CHUNK % (b'"content":" word"', b"null", b"null")
_LAST = (_CHUNK % (b"", b'"stop"', b"null"), _CHUNK % (b"", b"null", _USAGE), b"data: [DONE]\n\n")


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_WORD = _framed(WORD)
_END = b"".join(map(_framed, _LAST)) + b"0\r\n\r\n"
SHORT = _HEAD + _WORD + _END
"""A whole answer of one word."""


@dataclass
class Listener:
    """A client's connection.

    Attributes:
        opened: when its answer began, 0 before.
        heard: when something last came.
        gap: the longest silence between two pieces of its answer, in seconds.
        pieces: how often something came.
        data: the last that came.
    """

    connection: socket.socket
    opened: float = 0.0
    heard: float = 0.0
    gap: float = 0.0
    pieces: int = 0
    data: bytes = b""

    @property
    def ended(self) -> bool:
        """Whether the chunk that ends the body came."""
        return self.data.endswith(b"\r\n0\r\n\r\n")


@dataclass
class Load:
    """A ChatGPT on 127.0.0.1, and the clients of a service that asks it.

    Attributes:
        interval: seconds between two words of a stream; 0 answers with one word at once.
        sent: words sent so far, by the first part of the path they were asked for with.
        listeners: the clients.
        talking: whether streams go on; when not, each ends in good order.
    """

    interval: float = 0.1
    sent: Counter[str] = field(default_factory=Counter)
    talking: bool = True
    listeners: list[Listener] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen."""
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int]] = []
        self._streams: dict[int, tuple[socket.socket, str]] = {}
        self._requests: dict[int, bytes] = {}
        self._server = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._server.settimeout(0)
        self._watch(self._server, self._accept)
        self.port = int(self._server.getsockname()[1])

    def url(self, name: str) -> str:
        """The base URL for a service of this name."""
        return f"http://127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        """Close everything."""
        for listener in self.listeners:
            listener.connection.close()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def ask(self, port: int, request: bytes) -> Listener:
        """Send a request to a service; its answer is counted as it comes."""
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(request)
        connection.settimeout(0)
        listener = Listener(connection)
        self.listeners.append(listener)
        self._watch(connection, lambda: self._hear(listener))
        return listener

    def leave(self, listener: Listener) -> None:
        """Close a client's connection."""
        with suppress(KeyError):  # it is not watched any more once the service closed it
            self._selector.unregister(listener.connection)
        listener.connection.close()
        self.listeners.remove(listener)

    def run(self, until: Callable[[], bool]) -> None:
        """Talk and listen until something holds; looked at every few milliseconds."""
        while not until():
            self._turn()

    def run_for(self, seconds: float) -> None:
        """Talk and listen for so long."""
        end = time.monotonic() + seconds
        self.run(lambda: time.monotonic() >= end)

    def _turn(self) -> None:
        now = time.monotonic()
        wait = 0.01
        if self._due:
            wait = min(wait, max(0.0, self._due[0][0] - now))
        for key, _ in self._selector.select(wait):
            key.data()
        now = time.monotonic()
        while self._due and (self._due[0][0] <= now or not self.talking):
            due, number = heapq.heappop(self._due)
            if number in self._streams:
                self._speak(due, number)

    def _watch(self, connection: socket.socket, act: Callable[[], None]) -> None:
        self._selector.register(connection, selectors.EVENT_READ, act)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except BlockingIOError:
                return
            connection.settimeout(0)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._requests[connection.fileno()] = b""
            self._watch(connection, partial(self._read, connection))

    def _read(self, connection: socket.socket) -> None:
        """Take a request in; begin to answer when it is whole."""
        number = connection.fileno()
        data = _received(connection)
        if not data:
            self._selector.unregister(connection)
            self._streams.pop(number, None)
            connection.close()
            return
        request = self._requests[number] + data
        head, found, body = request.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not found or len(body) < int(length or 0):
            self._requests[number] = request
            return
        self._requests[number] = b""
        if not self.interval:
            connection.sendall(SHORT)
            return
        connection.sendall(_HEAD)
        self._streams[number] = connection, head.split(b"/", 2)[1].decode()
        heapq.heappush(self._due, (time.monotonic() + self.interval, number))

    def _speak(self, due: float, number: int) -> None:
        connection, name = self._streams[number]
        if not self.talking:
            del self._streams[number]
            connection.sendall(_END)
            return
        connection.send(_WORD)
        self.sent[name] += 1
        heapq.heappush(self._due, (due + self.interval, number))

    def _hear(self, listener: Listener) -> None:
        data = _received(listener.connection)
        now = time.monotonic()
        if not data:
            self._selector.unregister(listener.connection)
            return
        if listener.pieces:
            listener.gap = max(listener.gap, now - listener.heard)
        else:
            listener.opened = now
        listener.heard = now
        listener.pieces += 1
        listener.data = data if len(data) >= 64 else listener.data[-64:] + data


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except OSError:
        return b""
