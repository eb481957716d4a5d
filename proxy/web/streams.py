"""Events to a client: server-sent events or plain text, and who goes away while they come."""

from __future__ import annotations

import errno
from contextlib import contextmanager
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


def of_turn(live: LiveTurn, events: Iterator[bytes]) -> Response:
    """A turn that begins, in the form the caller asks for."""
    headers = {"X-Session-ID": live.session_id, "X-Turn-ID": live.turn_id}
    if live.dropped:
        headers["X-Dropped-Params"] = ", ".join(live.dropped)
    if responses.wants_text():
        headers |= HEADERS | {"Content-Type": "text/plain; charset=utf-8"}
        return Response(_text(events), headers=headers)
    return of_events(events, headers)


def of_events(events: Iterator[bytes], headers: dict[str, str] | None = None) -> Response:
    """A response of server-sent events.

    Args:
        events: bytes to send; nothing (``b""``) becomes a comment that shows life.
        headers: more headers.
    """
    alive = (event or HEARTBEAT for event in events)
    return Response(alive, headers=HEADERS | (headers or {}), direct_passthrough=True)


def when_gone(act: Callable[[], None]) -> gevent.Greenlet:
    """Act once the client of this request closes its connection; kill it when it need not any more.

    Without it a client that is gone is noticed at the second write after.
    """
    return gevent.spawn(_watch, request.environ["gunicorn.socket"], act)


@contextmanager
def watched(act: Callable[[], None]) -> Iterator[None]:
    """As `when_gone`, while this runs."""
    watcher = when_gone(act)
    try:
        yield
    finally:
        watcher.kill(block=False)


def _watch(connection: socket.socket, act: Callable[[], None]) -> None:
    try:
        gevent.socket.wait_read(connection.fileno())
        if connection.recv(1, gevent.socket.MSG_PEEK):
            return  # a pipelined request: the client is there
    except OSError:
        pass
    act()


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
