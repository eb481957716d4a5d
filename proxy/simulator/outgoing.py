"""An answer on its way out: made whole, then perhaps spoilt by a fault, then sent and watched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from flask import Response

from proxy.simulator.connection import Connection, Cut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.history import History, Record
    from proxy.simulator.script import Reply

DONE = b"data: [DONE]\n\n"


@dataclass(slots=True)
class Outgoing:
    """What is about to be sent; a fault changes it in place.

    Attributes:
        status: the HTTP status.
        headers: names in lower case; without a content-length the body is chunked.
        pieces: the body: an event each of a stream, or the whole JSON.
        streamed: whether it is a stream.
        reply: how it was scripted.
        connection: the socket it goes to.
    """

    status: int
    headers: dict[str, str]
    pieces: Iterator[bytes]
    streamed: bool
    reply: Reply
    connection: Connection

    def replace_body(self, body: bytes) -> None:
        """Send this body, with its length."""
        self.headers["content-length"] = str(len(body))
        self.pieces = iter([body])


def json_answer(
    content: dict[str, Any], reply: Reply, connection: Connection, status: int = 200
) -> Outgoing:
    """An answer that is one JSON object."""
    headers = {"content-type": "application/json"}
    outgoing = Outgoing(status, headers, iter(()), False, reply, connection)  # noqa: FBT003
    outgoing.replace_body(orjson.dumps(content))
    return outgoing


def stream_answer(events: Iterator[bytes], reply: Reply, connection: Connection) -> Outgoing:
    """An answer that is a stream of events, at the pace of the script."""
    headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
    if reply.interval_s or reply.first_token_delay_s:
        events = _paced(events, reply, connection)
    return Outgoing(200, headers, events, True, reply, connection)  # noqa: FBT003


def _paced(events: Iterator[bytes], reply: Reply, connection: Connection) -> Iterator[bytes]:
    yield next(events)
    wait_s = reply.first_token_delay_s
    for event in events:
        connection.pause(wait_s)
        yield event
        wait_s = reply.interval_s


def deliver(outgoing: Outgoing, record: Record, history: History) -> Response:
    """The response that sends it and writes into the record how that went."""
    record.status = outgoing.status
    record.streamed = outgoing.streamed
    return Response(
        _watched(outgoing, record, history),
        status=outgoing.status,
        headers=outgoing.headers,
        direct_passthrough=True,
    )


def _watched(outgoing: Outgoing, record: Record, history: History) -> Iterator[bytes]:
    history.open(record)
    try:
        if outgoing.reply.delay_s:
            outgoing.connection.pause(outgoing.reply.delay_s)
        for piece in outgoing.pieces:
            yield piece
            record.chunks_sent += 1
        record.finished = True
    except Cut:
        raise
    except (GeneratorExit, OSError):
        record.client_gone = True
        raise
    finally:
        history.close(record)
