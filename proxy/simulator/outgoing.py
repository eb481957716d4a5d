"""An answer on its way out: made whole, then perhaps spoilt by a fault, then sent and watched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson
from flask import Response

from proxy.simulator.connection import Connection, Cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxy.simulator.history import History, Record
    from proxy.simulator.script import Reply

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is about to be sent; a fault makes another of it.

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

    def with_body(self, body: bytes) -> Outgoing:
        """The same with this body, and its length."""
        return replace(self, pieces=iter([body])).with_headers({"content-length": str(len(body))})

    def with_headers(self, headers: Mapping[str, str | None]) -> Outgoing:
        """The same with these headers, and without those that are None."""
        merged = self.headers | {name.lower(): value for name, value in headers.items()}
        kept = {name: value for name, value in merged.items() if value is not None}
        return replace(self, headers=kept)

    def with_head_first(self) -> Outgoing:
        """The same, its status line and headers going out before there is a body."""
        return replace(self, pieces=_begun(self.pieces, self.connection))


def _begun(pieces: Iterator[bytes], connection: Connection) -> Iterator[bytes]:
    connection.begin()
    yield from pieces


def json_answer(
    content: dict[str, Any], reply: Reply, connection: Connection, status: int = 200
) -> Outgoing:
    """An answer that is one JSON object."""
    return Outgoing(
        status=status,
        headers={"content-type": "application/json"},
        pieces=iter(()),
        streamed=False,
        reply=reply,
        connection=connection,
    ).with_body(orjson.dumps(content))


def stream_answer(events: Iterator[bytes], reply: Reply, connection: Connection) -> Outgoing:
    """An answer that is a stream of events, at the pace of the script."""
    if reply.interval_s or reply.first_token_delay_s:
        events = _paced(events, reply, connection)
    return Outgoing(
        status=200,
        headers={"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"},
        pieces=events,
        streamed=True,
        reply=reply,
        connection=connection,
    )


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
