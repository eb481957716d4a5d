"""Connections to ChatGPT: a request is one write, its answer is read from the bare socket.

requests makes a connection (the address, the certificate), its socket is used without it: an
exchange costs a worker 49 us of CPU in place of 385.
"""

from __future__ import annotations

import select
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import gevent
import requests
from gevent.monkey import get_original
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ProtocolError

from proxy.idle_timeout import IdleTimeout
from proxy.upstream.framing import Body, Head, body_of, parse_head

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_BYTES = 65_536
_MOST_HEAD = 65_536
_MOST_HEADS = 8
"""Heads that are no answer yet (of status 1xx) and the one that is."""
_MOST_IDLE = 256
_READ = 1
"""To gevent's loop: wait until there is something to read."""
_new_adapter: Any = HTTPAdapter  # its stubs know half of it
_new_poll = get_original("select", "poll")
"""The system's own: it is only asked what is so already, which takes no turn of gevent's loop."""


class Wire:
    """One connection, and the answer that comes on it.

    Attributes:
        head: the answer's.
    """

    head: Head
    _body: Body

    def __init__(self, connection: Any, connect_timeout: float, read_timeout: float) -> None:
        """Connect.

        Args:
            connection: one of urllib3's, not connected yet.
            connect_timeout: seconds; likewise how long to wait for the next byte.
            read_timeout: seconds.

        Raises:
            urllib3.exceptions.HTTPError, OSError: there is no way, or it leads to somebody else.
        """
        connection.timeout = connect_timeout
        connection.connect()
        self._connection = connection
        self._socket = connection.sock
        self._socket.settimeout(read_timeout)
        self._reader: gevent.Greenlet | None = None
        self._idle_timeout = IdleTimeout(read_timeout, self._end_silence)
        self._encrypted = hasattr(self._socket, "pending")
        self._came = b""
        self._hub = gevent.get_hub()
        self._readable = self._hub.loop.io(self._socket.fileno(), _READ)
        self._poll = _new_poll()
        self._poll.register(self._socket, select.POLLIN)

    @property
    def quiet(self) -> bool:
        """Whether nothing has come that nobody asked for: neither bytes nor the end."""
        return not (self._encrypted and self._socket.pending()) and not self._poll.poll(0)

    @property
    def spent(self) -> bool:
        """Whether the answer was read to its end, with nothing behind it; another may follow."""
        return self.head.persists and self._body.ended and not self._came and not self._body.rest

    @property
    def declared(self) -> int | None:
        """How many bytes the body has, where the head tells it."""
        return self._body.declared

    def ask(self, request: bytes) -> None:
        """Send a request; read the head of its answer.

        Raises:
            urllib3.exceptions.HTTPError, OSError: no answer came, or what came is none.
        """
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before it was all sent
            self._socket.sendall(request)
        raw = b""
        for _ in range(_MOST_HEADS):
            while (end := raw.find(b"\r\n\r\n")) < 0:
                if len(raw) > _MOST_HEAD:
                    raise ProtocolError("an endless head")
                came = self._socket.recv(_MOST_BYTES)
                if not came:
                    raise ProtocolError("no answer")
                raw += came
            self.head, raw = parse_head(raw[:end]), raw[end + 4 :]
            if self.head.status >= 200:
                self._body, self._came = body_of(self.head), raw
                return
        raise ProtocolError("no end of heads")

    def read(self) -> bytes:
        """Some of the body as it came; nothing at its end.

        Raises:
            urllib3.exceptions.HTTPError, OSError: it broke off.
        """
        body = self._body
        while not body.ended:
            came, self._came = self._came or self._next(), b""
            if not came:
                body.cut()
            elif taken := body.take(came):
                return taken
        return b""

    def _next(self) -> bytes:
        """What comes next; waited for first: to try in vain is a system call and an exception."""
        self._reader = gevent.getcurrent()
        self._idle_timeout.begin()
        try:
            if not (self._encrypted and self._socket.pending()):
                self._hub.wait(self._readable)
            came: bytes = self._socket.recv(_MOST_BYTES)
            return came
        finally:
            self._idle_timeout.end()
            self._reader = None

    def interrupt(self, error: Exception) -> None:
        """End a read that waits with this error; called in gevent's hub."""
        if self._reader is not None:
            self._reader.throw(error)

    def _end_silence(self) -> None:
        self.interrupt(TimeoutError("no byte in time"))

    def close(self) -> None:
        """End it."""
        self._idle_timeout.close()
        self._readable.close()
        self._connection.close()


class Wires:
    """The connections that wait for the next request; the one that was used last is used next."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        verify: str | bool,
        connect_timeout: float,
        read_timeout: float,
    ) -> None:
        """Nothing is connected yet.

        Args:
            base_url: where ChatGPT is.
            headers: what every request carries.
            verify: a file of certificates to trust, or True for the usual ones.
            connect_timeout: as for a `Wire`, as is read_timeout.
            read_timeout: seconds.
        """
        self._adapter = _new_adapter(max_retries=0)
        where = requests.Request("GET", base_url).prepare()
        self._pool = self._adapter.get_connection_with_tls_context(where, verify, proxies={})
        self._adapter.cert_verify(self._pool, base_url, verify, None)
        self._timeouts = connect_timeout, read_timeout
        url = urlsplit(base_url)
        self._path = url.path
        self._head = f" HTTP/1.1\r\nHost: {url.netloc}\r\n{_lines(headers)}"
        self._idle: list[Wire] = []

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Wire:
        """Send a request; the connection on which its answer has begun, to be given back.

        Args:
            method: GET or POST.
            path: behind the base URL.
            headers: this request's own.
            body: what is sent.

        Raises:
            urllib3.exceptions.HTTPError, OSError: as `Wire` does.
        """
        own = f"{_lines(headers)}Content-Length: {len(body)}\r\n\r\n"
        head = f"{method} {self._path}{path}{self._head}{own}".encode("latin-1")
        wire = self._ready()
        try:
            wire.ask(head + body)
        except BaseException:
            wire.close()
            raise
        return wire

    def _ready(self) -> Wire:
        while self._idle:
            wire = self._idle.pop()
            if wire.quiet:
                return wire
            wire.close()
        return Wire(self._pool._new_conn(), *self._timeouts)  # noqa: SLF001 - it has no other name

    def give_back(self, wire: Wire) -> None:
        """Keep a connection for the next request if nothing of this answer is left on it."""
        if wire.spent and len(self._idle) < _MOST_IDLE:
            self._idle.append(wire)
        else:
            wire.close()

    def close(self) -> None:
        """Close those that wait."""
        while self._idle:
            self._idle.pop().close()
        self._adapter.close()


def _lines(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())
