"""Connections to a Redis server: a batch is one write and one read, and a pool keeps them.

redis-py makes a connection (TLS, the user, the database), its socket is used without it: three
commands cost a worker 34 us of CPU in place of 92.
"""

from __future__ import annotations

import select
import threading
import time
from typing import TYPE_CHECKING, Any

import hiredis
import redis
from gevent.monkey import get_original
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.settings import Settings

Argument = str | bytes | int | float
Batch = list[tuple[Argument, ...]]

_MOST_BYTES = 65_536
_UNFINISHED = object()
_packed: Any = hiredis.pack_command  # its stub knows commands of one word alone
_new_poll = get_original("select", "poll")
"""The system's own: it is only asked what is so already, which takes no turn of gevent's loop."""


class Wire:
    """One connection."""

    def __init__(self, connection: Any) -> None:
        """Connect.

        Args:
            connection: one of redis-py's, not connected yet.

        Raises:
            redis.RedisError: there is no way to the server, or it does not let us in.
        """
        connection.connect()
        self._connection = connection
        self._socket = connection._sock  # noqa: SLF001 - it has no other name
        self._encrypted = hasattr(self._socket, "pending")
        self._reader = hiredis.Reader(
            protocolError=redis.InvalidResponse,
            replyError=connection._parser.parse_error,  # noqa: SLF001 - likewise
            notEnoughData=_UNFINISHED,
        )
        self._poll = _new_poll()
        self._poll.register(self._socket, select.POLLIN)

    @property
    def quiet(self) -> bool:
        """Whether nothing has come that nobody asked for: neither a reply nor the end."""
        unread = self._reader.has_data() or (self._encrypted and self._socket.pending())
        return not unread and not self._poll.poll(0)

    def send(self, batch: Batch) -> None:
        """Write all these commands.

        Raises:
            OSError: the connection is broken.
        """
        self._socket.sendall(b"".join(map(_packed, batch)))

    def replies(self, many: int) -> list[Any]:
        """So many replies; one that is an error is a value, the ones behind it are read as well.

        Raises:
            redis.ConnectionError: the server has closed the connection, or takes nobody now.
            redis.RedisError: what came makes no sense.
            OSError: likewise, or nothing came in time.
        """
        replies: list[Any] = []
        while len(replies) < many:
            reply = self._reader.gets()
            if reply is not _UNFINISHED:
                replies.append(reply)
            elif came := self._socket.recv(_MOST_BYTES):
                self._reader.feed(came)
            else:
                raise redis.ConnectionError("Redis has closed the connection.")
        for reply in replies:
            if isinstance(reply, redis.ConnectionError):
                raise reply
        return replies

    def close(self) -> None:
        """End it."""
        self._connection.disconnect()


class Wires:
    """A bounded pool of connections; the one that was used last is used next."""

    def __init__(
        self, url: str, settings: Settings, before: Callable[[], None] = lambda: None
    ) -> None:
        """Nothing is connected yet.

        Args:
            url: where the server is.
            settings: how many connections there may be, and how long they are waited for.
            before: is called before each connection is made, and may object to it.
        """
        self._before = before
        told: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
        self._class = told.pop("connection_class", redis.Connection)
        self._options = told | {
            "protocol": 2,
            "socket_connect_timeout": settings.redis_connect_timeout,
            "socket_timeout": settings.redis_timeout,
            "retry": Retry(NoBackoff(), 0),
            "client_name": "chat-proxy",
            "driver_info": None,  # sends CLIENT SETINFO, which Redis before 7.2 does not know
        }
        self._timeout = settings.redis_timeout
        self._places = threading.BoundedSemaphore(settings.redis_max_connections)
        self._idle: list[Wire] = []
        self._closed = False
        self._answered = 0.0

    def take(self) -> Wire:
        """A connection on which nothing is under way, to be given back or dropped.

        Raises:
            redis.RedisError: there is no way to the server, or all are taken and none has had its
                replies for as long as they may take. A server that answers others is well, however
                many wait.
        """
        since = time.monotonic()
        while not self._places.acquire(timeout=max(0, since + self._timeout - time.monotonic())):
            if self._answered <= since:
                raise redis.ConnectionError("All connections are taken.")
            since = self._answered
        try:
            while self._idle:
                wire = self._idle.pop()
                if wire.quiet:
                    return wire
                wire.close()
            self._before()
            return Wire(self._class(**self._options))
        except BaseException:
            self._places.release()
            raise

    def give_back(self, wire: Wire) -> None:
        """Keep a connection for the next: all replies were read."""
        self._answered = time.monotonic()
        if self._closed:
            wire.close()
        else:
            self._idle.append(wire)
        self._places.release()

    def drop(self, wire: Wire) -> None:
        """Close a connection: what comes on it may be somebody else's reply."""
        wire.close()
        self._places.release()

    def close(self) -> None:
        """Close those that are idle, and each other one when it is given back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()
