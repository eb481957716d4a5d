"""Faults of a stream's events; `after` counts the events that go well before."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import orjson

from proxy.simulator.connection import Cut
from proxy.simulator.outgoing import DONE, Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterator

_ERROR = {
    "message": "The server had an error while processing your request. Sorry about that!",
    "type": "server_error",
    "param": None,
    "code": None,
}


def cut_stream(outgoing: Outgoing) -> None:
    """The connection breaks after some events, two if not said."""
    outgoing.pieces = _then_cut(_first(outgoing, 2))


def _then_cut(events: Iterator[bytes]) -> Iterator[bytes]:
    yield from events
    raise Cut


def error_event(outgoing: Outgoing) -> None:
    """After some events, two if not said, an event says what broke and the stream ends."""
    error = orjson.dumps({"error": _ERROR | outgoing.reply.error})
    outgoing.pieces = _with_last(_first(outgoing, 2), b"data: " + error + b"\n\n")


def _with_last(events: Iterator[bytes], last: bytes) -> Iterator[bytes]:
    yield from events
    yield last


def malformed_event(outgoing: Outgoing) -> None:
    """After some events, two if not said, comes one that is not JSON; then it goes on."""
    outgoing.pieces = _with_garbage(outgoing.pieces, _after(outgoing, 2))


def _with_garbage(events: Iterator[bytes], after: int) -> Iterator[bytes]:
    yield from islice(events, after)
    yield b'data: {"id":"chatcmpl-\n\n'
    yield from events


def no_done(outgoing: Outgoing) -> None:
    """The stream ends in good order but without [DONE]; with `after`, after so many events."""
    events = outgoing.pieces if outgoing.reply.after is None else _first(outgoing, 0)
    outgoing.pieces = (event for event in events if event != DONE)


def endless_stream(outgoing: Outgoing) -> None:
    """The second event, the first words, is repeated for ever at the script's pace."""
    outgoing.pieces = _repeated(outgoing)


def _repeated(outgoing: Outgoing) -> Iterator[bytes]:
    yield next(outgoing.pieces)
    words = next(outgoing.pieces)
    while True:
        yield words
        outgoing.connection.pause(outgoing.reply.interval_s)


def crlf(outgoing: Outgoing) -> None:
    """Lines end with CR LF."""
    outgoing.pieces = (event.replace(b"\n", b"\r\n") for event in outgoing.pieces)


def comments(outgoing: Outgoing) -> None:
    """Comment lines before, within and behind each event."""
    outgoing.pieces = (b": keep-alive\n\n:\n" + event + b": behind\n" for event in outgoing.pieces)


def _first(outgoing: Outgoing, otherwise: int) -> Iterator[bytes]:
    return islice(outgoing.pieces, _after(outgoing, otherwise))


def _after(outgoing: Outgoing, otherwise: int) -> int:
    after = outgoing.reply.after
    return otherwise if after is None else after
