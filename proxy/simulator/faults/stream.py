"""Faults of a stream's events; `after` counts the events that go well before."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import orjson
from flask import request

from proxy.simulator.connection import Connection, Cut
from proxy.simulator.outgoing import DONE, Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterator

_ERROR = {
    "message": "The server had an error while processing your request. Sorry about that!",
    "type": "server_error",
    "param": None,
    "code": None,
}


def cut_stream(outgoing: Outgoing) -> Outgoing:
    """The connection breaks after some events, two if not said."""
    return replace(outgoing, pieces=_then_cut(_first(outgoing, 2))).with_head_first()


def _then_cut(events: Iterator[bytes]) -> Iterator[bytes]:
    yield from events
    raise Cut


def error_event(outgoing: Outgoing) -> Outgoing:
    """After some events, two if not said, an event says what broke and the stream ends."""
    after = outgoing.reply.after
    error = _ERROR | outgoing.reply.error
    if request.path == "/v1/responses":
        number = {"sequence_number": 2 if after is None else after}
        event = b"event: error\ndata: " + orjson.dumps({"type": "error"} | _flat(error) | number)
    else:
        event = b"data: " + orjson.dumps({"error": error})
    return replace(outgoing, pieces=chain(_first(outgoing, 2), [event + b"\n\n"]))


def _flat(error: dict[str, Any]) -> dict[str, Any]:
    """An error as the Responses API has it in an event, where `type` is the event's own."""
    return {name: value for name, value in error.items() if name != "type"}


def malformed_event(outgoing: Outgoing) -> Outgoing:
    """After some events, two if not said, comes one that is not JSON; then it goes on."""
    garbage = b'data: {"id":"chatcmpl-\n\n'
    return replace(outgoing, pieces=chain(_first(outgoing, 2), [garbage], outgoing.pieces))


def no_done(outgoing: Outgoing) -> Outgoing:
    """The stream ends in good order but without [DONE]; with `after`, after so many events."""
    events = islice(outgoing.pieces, outgoing.reply.after)
    return replace(outgoing, pieces=(event for event in events if event != DONE))


def endless_stream(outgoing: Outgoing) -> Outgoing:
    """The second event, the first words, is repeated for ever at the script's pace."""
    events = _repeated(outgoing.pieces, outgoing.connection, outgoing.reply.interval_s)
    return replace(outgoing, pieces=events).with_headers({"content-length": None})


def _repeated(
    events: Iterator[bytes], connection: Connection, interval_s: float
) -> Iterator[bytes]:
    last = b""
    for last in islice(events, 2):
        yield last
    while True:
        connection.pause(interval_s)
        yield last


def crlf(outgoing: Outgoing) -> Outgoing:
    """Lines end with CR LF."""
    events = (event.replace(b"\n", b"\r\n") for event in outgoing.pieces)
    return replace(outgoing, pieces=events)


def comments(outgoing: Outgoing) -> Outgoing:
    """Comment lines before, within and behind each event."""
    events = (b": keep-alive\n\n:\n" + event + b": behind\n" for event in outgoing.pieces)
    return replace(outgoing, pieces=events)


def _first(outgoing: Outgoing, usually: int) -> Iterator[bytes]:
    after = outgoing.reply.after
    return islice(outgoing.pieces, usually if after is None else after)
