"""Events to a client: server-sent events or plain text, and who goes away while they come."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import gevent
import gevent.socket
import orjson
from flask import Response, request

from proxy.web import responses

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from proxy.store.live import LiveTurn

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}
"""No cache and no buffer on the way: nginx obeys the last one."""
HEARTBEAT = b": still here\n\n"


def of_turn(live: LiveTurn, events: Iterator[bytes], write_timeout: float) -> Response:
    """A turn that begins, in the form the caller asks for."""
    headers = {"X-Session-ID": live.session_id, "X-Turn-ID": live.turn_id}
    if live.dropped:
        headers["X-Dropped-Params"] = ", ".join(live.dropped)
    if responses.wants_text():
        headers |= HEADERS | {"Content-Type": "text/plain; charset=utf-8"}
        return Response(_bounded(_text(events), write_timeout), headers=headers)
    return of_events(events, write_timeout, headers)


def of_events(
    events: Iterator[bytes], write_timeout: float, headers: dict[str, str] | None = None
) -> Response:
    """A response of server-sent events.

    Args:
        events: bytes to send; nothing (``b""``) becomes a comment that shows life.
        write_timeout: seconds after which a client that does not read is let go.
        headers: more headers.
    """
    alive = (event or HEARTBEAT for event in events)
    return Response(
        _bounded(alive, write_timeout), headers=HEADERS | (headers or {}), direct_passthrough=True
    )


def when_gone(act: Callable[[], None]) -> gevent.Greenlet:
    """Act once the client of this request closes its connection; kill it when it need not any more.

    Without it a client that is gone is noticed at the second write after.
    """
    return gevent.spawn(_watch, request.environ["gunicorn.socket"], act)


def _watch(connection: socket.socket, act: Callable[[], None]) -> None:
    try:
        gevent.socket.wait_read(connection.fileno())
        if connection.recv(1, gevent.socket.MSG_PEEK):
            return  # a pipelined request: the client is there
    except OSError:
        pass
    act()


def _bounded(events: Iterator[bytes], write_timeout: float) -> Iterator[bytes]:
    """Let a client go that does not read: a write to its socket fails after the timeout."""
    connection = request.environ.get("gunicorn.socket")
    return _with_timeout(events, connection, write_timeout) if connection else events


def _with_timeout(
    events: Iterator[bytes], connection: socket.socket, write_timeout: float
) -> Iterator[bytes]:
    before = connection.gettimeout()
    connection.settimeout(write_timeout)
    try:
        yield from events
    finally:
        connection.settimeout(before)


def _text(events: Iterator[bytes]) -> Iterator[bytes]:
    """The words alone, and a newline; an error is a line, and then the connection breaks."""
    for batch in events:
        for kind, data in parsed(batch):
            if kind == b"delta":
                yield str(orjson.loads(data).get("text", "")).encode()
            elif kind == b"done":
                yield b"\n"
            elif kind == b"error":
                yield b"\nerror: " + orjson.loads(data)["error"]["message"].encode() + b"\n"
                raise BrokenPipeError(errno.EPIPE, "the turn failed")


def parsed(batch: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and the data of each event of a turn's."""
    for frame in batch.split(b"\n\n")[:-1]:
        _, kind, data = frame.split(b"\n", 2)
        yield kind.removeprefix(b"event: "), data.removeprefix(b"data: ")
