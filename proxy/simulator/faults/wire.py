"""Faults below HTTP: the answer is written to the socket by hand, and the connection then ends."""

from __future__ import annotations

from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING

from proxy.simulator.connection import Cut
from proxy.simulator.faults.body import cut_after

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.outgoing import Outgoing


def no_status_line(outgoing: Outgoing) -> None:
    """The connection ends before a single byte."""
    outgoing.pieces = _by_hand(outgoing, iter(()))


def silence(outgoing: Outgoing) -> None:
    """Nothing is ever sent; with `after`, so many events and then nothing more."""
    outgoing.pieces = _then_nothing(outgoing)


def _then_nothing(outgoing: Outgoing) -> Iterator[bytes]:
    yield from islice(outgoing.pieces, outgoing.reply.after or 0)
    outgoing.connection.pause(None)


def raw(outgoing: Outgoing) -> None:
    """The script's bytes are sent in place of an answer."""
    outgoing.pieces = _by_hand(outgoing, iter([outgoing.reply.raw.encode("latin-1")]))


def close_delimited(outgoing: Outgoing) -> None:
    """A body whose end is the connection's; with `after` that comes after so many bytes."""
    pieces = outgoing.pieces
    if outgoing.reply.after is not None:
        pieces = cut_after(pieces, outgoing.reply.after)
    outgoing.headers.pop("content-length", None)
    outgoing.pieces = _by_hand(outgoing, _with_head(outgoing, pieces))


def drip(outgoing: Outgoing) -> None:
    """From the status line on, one byte at a time; with `after`, so many bytes go at once."""
    pieces = outgoing.pieces
    if "content-length" not in outgoing.headers:
        outgoing.headers["transfer-encoding"] = "chunked"
        pieces = _chunked(pieces)
    outgoing.pieces = _by_hand(outgoing, _drops(outgoing, _with_head(outgoing, pieces)))


def _by_hand(outgoing: Outgoing, writes: Iterator[bytes]) -> Iterator[bytes]:
    """Send these bytes past the server; the empty pieces let it count and send nothing."""
    for data in writes:
        outgoing.connection.send(data)
        yield b""
    raise Cut


def _with_head(outgoing: Outgoing, pieces: Iterator[bytes]) -> Iterator[bytes]:
    status = HTTPStatus(outgoing.status)
    headers = outgoing.headers | {"connection": "close"}
    lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    yield ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    yield from pieces


def _chunked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def _drops(outgoing: Outgoing, writes: Iterator[bytes]) -> Iterator[bytes]:
    whole = outgoing.reply.after or 0
    for data in writes:
        if whole:
            yield data[:whole]
        for value in data[whole:]:
            yield bytes((value,))
            outgoing.connection.pause(outgoing.reply.interval_s)
        whole = max(0, whole - len(data))
