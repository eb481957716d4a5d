"""Faults of a body's bytes and of the headers that describe it."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING

from flask import request

from proxy.simulator.connection import Cut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.outgoing import Outgoing

_WORDS = re.compile(rb'"(?:content|delta|text)":"')
_BLOCK = 64 * 1024
_GZIP_BLOCK = 1024 * 1024


def cut_body(outgoing: Outgoing) -> Outgoing:
    """The connection breaks after some bytes of the body, 20 if not said."""
    after = outgoing.reply.after
    pieces = cut_after(outgoing.pieces, 20 if after is None else after)
    return replace(outgoing, pieces=pieces).with_head_first()


def cut_after(pieces: Iterator[bytes], length: int) -> Iterator[bytes]:
    """The first bytes of a body, then the end of the connection."""
    for piece in pieces:
        if len(piece) > length:
            yield piece[:length]
            break
        yield piece
        length -= len(piece)
    raise Cut


def malformed_json(outgoing: Outgoing) -> Outgoing:
    """The body is cut in half, and its headers say that this is all."""
    body = b"".join(outgoing.pieces)
    return outgoing.with_body(body[: len(body) // 2])


def invalid_utf8(outgoing: Outgoing) -> Outgoing:
    """Words begin with bytes that are not UTF-8; in a stream from its second event on."""
    if not outgoing.streamed:
        return outgoing.with_body(_spoil(b"".join(outgoing.pieces)))
    first = islice(outgoing.pieces, 1)
    return replace(outgoing, pieces=chain(first, map(_spoil, outgoing.pieces)))


def _spoil(piece: bytes) -> bytes:
    return _WORDS.sub(lambda found: found.group() + b"\xff\xfe", piece, count=1)


def enormous_line(outgoing: Outgoing) -> Outgoing:
    """The first words are preceded by `size` letters, without the end of a line."""
    size = outgoing.reply.size
    first = islice(outgoing.pieces, 1 if outgoing.streamed else 0)
    swollen = replace(outgoing, pieces=chain(first, _swollen(outgoing.pieces, size)))
    if outgoing.streamed:
        return swollen
    declared = outgoing.headers.get("content-length")
    length = None if declared is None else str(int(declared) + size)
    return swollen.with_headers({"content-length": length})


def _swollen(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    piece = next(pieces, b"")
    words = _WORDS.search(piece)
    start = words.end() if words else len(piece)
    yield piece[:start]
    yield from repeat(b"x" * _BLOCK, size // _BLOCK)
    yield b"x" * (size % _BLOCK)
    yield piece[start:]
    yield from pieces


def gzip_bomb(outgoing: Outgoing) -> Outgoing:
    """The body is compressed and opens with at least `size` bytes of blanks, which compress well.

    They are meaningless but allowed: before a JSON body, or in a comment line of a stream.
    """
    blanks = repeat(gzip.compress(b" " * _GZIP_BLOCK), -(-outgoing.reply.size // _GZIP_BLOCK))
    opening = gzip.compress(b":" if outgoing.streamed else b" ")
    compressed = map(gzip.compress, chain([b"\n"], outgoing.pieces))
    bomb = replace(outgoing, pieces=chain([opening], blanks, compressed))
    return bomb.with_headers({"content-encoding": "gzip", "content-length": None})


def wrong_content_length(outgoing: Outgoing) -> Outgoing:
    """The headers promise `after` bytes, 100 too many if not said.

    When that is too many the connection breaks at the body's end; when it is too few the rest of
    the body follows, as if it were the next answer.
    """
    body = b"".join(outgoing.pieces)
    after = outgoing.reply.after
    promised = len(body) + 100 if after is None else after
    pieces = cut_after(iter([body]), promised) if promised > len(body) else iter([body])
    return replace(outgoing, pieces=pieces).with_headers({"content-length": str(promised)})


def redirect(outgoing: Outgoing) -> Outgoing:
    """307 to the same place, or to the `location` of the script's headers."""
    location = outgoing.headers.get("location", request.url)
    empty = replace(outgoing, status=307).with_body(b"")
    return empty.with_headers({"location": location})
