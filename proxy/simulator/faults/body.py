"""Faults of a body's bytes and of the headers that describe it."""

from __future__ import annotations

import gzip
import re
from itertools import repeat
from typing import TYPE_CHECKING

from flask import request

from proxy.simulator.connection import Cut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.outgoing import Outgoing

_WORDS = re.compile(rb'"(?:content|delta|text)": ?"')
_BLOCK = 64 * 1024
_GZIP_BLOCK = 1024 * 1024


def cut_body(outgoing: Outgoing) -> None:
    """The connection breaks after some bytes of the body, 20 if not said."""
    after = outgoing.reply.after
    outgoing.pieces = cut_after(outgoing.pieces, 20 if after is None else after)


def cut_after(pieces: Iterator[bytes], length: int) -> Iterator[bytes]:
    """The first bytes of a body, then the end of the connection."""
    for piece in pieces:
        if len(piece) > length:
            yield piece[:length]
            break
        yield piece
        length -= len(piece)
    raise Cut


def malformed_json(outgoing: Outgoing) -> None:
    """The body is cut in half, and its headers say that this is all."""
    body = b"".join(outgoing.pieces)
    outgoing.replace_body(body[: len(body) // 2])


def invalid_utf8(outgoing: Outgoing) -> None:
    """Words begin with bytes that are not UTF-8, in every event after `after`, 1 if not said."""
    if outgoing.streamed:
        after = outgoing.reply.after
        outgoing.pieces = _spoilt(outgoing.pieces, 1 if after is None else after)
    else:
        outgoing.replace_body(_spoil(b"".join(outgoing.pieces)))


def _spoilt(events: Iterator[bytes], after: int) -> Iterator[bytes]:
    for position, event in enumerate(events):
        yield event if position < after else _spoil(event)


def _spoil(piece: bytes) -> bytes:
    return _WORDS.sub(lambda found: found.group() + b"\xff\xfe", piece, count=1)


def enormous_line(outgoing: Outgoing) -> None:
    """The first words are preceded by `size` letters, without the end of a line."""
    if "content-length" in outgoing.headers:
        length = int(outgoing.headers["content-length"]) + outgoing.reply.size
        outgoing.headers["content-length"] = str(length)
    outgoing.pieces = _swollen(outgoing)


def _swollen(outgoing: Outgoing) -> Iterator[bytes]:
    if outgoing.streamed:
        yield next(outgoing.pieces)
    piece = next(outgoing.pieces)
    words = _WORDS.search(piece)
    start = words.end() if words else len(piece)
    yield piece[:start]
    yield from _filling(b"x", outgoing.reply.size)
    yield piece[start:]
    yield from outgoing.pieces


def _filling(letter: bytes, size: int) -> Iterator[bytes]:
    blocks, rest = divmod(size, _BLOCK)
    yield from repeat(letter * _BLOCK, blocks)
    yield letter * rest


def gzip_bomb(outgoing: Outgoing) -> None:
    """The body is compressed and opens with at least `size` bytes of blanks, which compress well.

    They are meaningless but allowed: before a JSON body, or in a comment line of a stream.
    """
    outgoing.headers["content-encoding"] = "gzip"
    outgoing.headers.pop("content-length", None)
    outgoing.pieces = _compressed(outgoing)


def _compressed(outgoing: Outgoing) -> Iterator[bytes]:
    blank = gzip.compress(b" " * _GZIP_BLOCK)
    yield gzip.compress(b":" if outgoing.streamed else b" ")
    yield from repeat(blank, -(-outgoing.reply.size // _GZIP_BLOCK))
    yield gzip.compress(b"\n")
    for piece in outgoing.pieces:
        yield gzip.compress(piece)


def wrong_content_length(outgoing: Outgoing) -> None:
    """The headers promise `after` bytes, 100 too many if not said.

    When that is too many the connection breaks at the body's end; when it is too few the rest of
    the body follows, as if it were the next answer.
    """
    body = b"".join(outgoing.pieces)
    after = outgoing.reply.after
    promised = len(body) + 100 if after is None else after
    outgoing.headers["content-length"] = str(promised)
    outgoing.pieces = cut_after(iter([body]), promised) if promised > len(body) else iter([body])


def redirect(outgoing: Outgoing) -> None:
    """307 to the same place, or to the `location` of the script's headers."""
    outgoing.status = 307
    outgoing.headers.setdefault("location", request.url)
    outgoing.replace_body(b"")
