"""Faults below HTTP: the answer is written to the socket by hand, and the connection then ends."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from itertools import chain, islice
from typing import TYPE_CHECKING

from proxy.simulator.connection import Connection, Cut
from proxy.simulator.faults.body import cut_after

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.outgoing import Outgoing

_FOR_EVER_S = 1e8


def no_status_line(outgoing: Outgoing) -> Outgoing:
    """The connection ends before a single byte."""
    return _by_hand(outgoing, iter(()))


def silence(outgoing: Outgoing) -> Outgoing:
    """Nothing is ever sent; with `after`, the head and so many events and then nothing more."""
    after = outgoing.reply.after
    events = islice(outgoing.pieces, after or 0)
    silent = replace(outgoing, pieces=_then_nothing(events, outgoing.connection))
    return silent if after is None else silent.with_head_first()


def _then_nothing(events: Iterator[bytes], connection: Connection) -> Iterator[bytes]:
    yield from events
    connection.pause(_FOR_EVER_S)


def raw(outgoing: Outgoing) -> Outgoing:
    """The script's bytes are sent in place of an answer: at once, or at its pace as in `drip`."""
    writes = iter([outgoing.reply.raw.encode("latin-1")])
    return _by_hand(outgoing, _drops(writes, outgoing) if outgoing.reply.interval_s else writes)


def close_delimited(outgoing: Outgoing) -> Outgoing:
    """A body whose end is the connection's; with `after` that comes after so many bytes."""
    after = outgoing.reply.after
    pieces = outgoing.pieces if after is None else cut_after(outgoing.pieces, after)
    head = _head(outgoing.with_headers({"content-length": None}))
    return _by_hand(outgoing, chain([head], pieces))


def drip(outgoing: Outgoing) -> Outgoing:
    """From the status line on, one byte at a time; with `after`, so many bytes go at once."""
    if outgoing.streamed:
        head = _head(outgoing.with_headers({"transfer-encoding": "chunked"}))
        writes = chain([head], _chunked(outgoing.pieces))
    else:
        writes = chain([_head(outgoing)], outgoing.pieces)
    return _by_hand(outgoing, _drops(writes, outgoing))


def _by_hand(outgoing: Outgoing, writes: Iterator[bytes]) -> Outgoing:
    """Send these bytes past the server."""
    return replace(outgoing, pieces=_sent(writes, outgoing.connection))


def _sent(writes: Iterator[bytes], connection: Connection) -> Iterator[bytes]:
    """Send each, and nothing through the server, which counts the empty pieces."""
    for data in writes:
        connection.send(data)
        yield b""
    raise Cut


def _head(outgoing: Outgoing) -> bytes:
    status = HTTPStatus(outgoing.status)
    headers = outgoing.headers | {"connection": "close"}
    lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _chunked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def _drops(writes: Iterator[bytes], outgoing: Outgoing) -> Iterator[bytes]:
    whole = outgoing.reply.after or 0
    for data in writes:
        yield data[:whole]
        for value in data[whole:]:
            yield bytes((value,))
            outgoing.connection.pause(outgoing.reply.interval_s)
        whole = max(0, whole - len(data))
