"""HTTP/1.1 as an answer of ChatGPT's comes: its head, and where its body ends (RFC 9112).

Strict: what is not plainly one answer is none, so that no byte of it is taken for another's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from urllib3.exceptions import ProtocolError

_STATUS = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: .*)?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NUMBER = re.compile(r"[0-9]{1,18}")
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}[ \t]*(?:;.*)?")
_BARE_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")
_BODILESS = {204, 304}
_MOST_LINE = 8_192
"""Bytes of a line that tells a chunk's size, or of all the lines behind the last chunk."""


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before a body.

    Attributes:
        headers: by their names in lower case; of a name that comes twice both values.
        persists: whether the connection stays open behind the answer.
    """

    status: int
    headers: dict[str, str]
    persists: bool


def parse_head(raw: bytes) -> Head:
    """Understand a head, without the empty line behind it.

    Raises:
        ProtocolError: it is none.
    """
    first, *lines = raw.decode("latin-1").split("\r\n")
    status = _STATUS.fullmatch(first)
    if status is None or raw.count(b"\n") > len(lines):
        raise ProtocolError("no head of an HTTP/1.1 answer")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if not _NAME.fullmatch(name):  # a folded line neither
            raise ProtocolError("no header")
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    unclear = "transfer-encoding" in headers and "content-length" in headers
    options = headers.get("connection", "").lower()
    persists = status[1] == "1" and "close" not in options and not unclear
    return Head(int(status[2]), headers, persists)


class Body(Protocol):
    """Finds a body in what comes.

    Attributes:
        ended: whether all of it came.
        rest: what came behind its end.
        declared: its size, if the head tells it.
    """

    ended: bool
    rest: bytes
    declared: int | None

    def take(self, came: bytes) -> bytes:
        """What of these bytes is the body's."""

    def cut(self) -> None:
        """The connection ended; raises ProtocolError unless the body may end so."""


def body_of(head: Head) -> Body:
    """The body that this head announces.

    Raises:
        ProtocolError: it does not say clearly where that ends.
    """
    coding, size = head.headers.get("transfer-encoding"), head.headers.get("content-length")
    if head.status in _BODILESS:
        return Sized(0)
    if coding is not None:
        if coding.lower() != "chunked":
            raise ProtocolError("an unknown transfer coding")
        return Chunked()
    if size is None:
        return Sized(None)
    if not _NUMBER.fullmatch(size):
        raise ProtocolError("no content length")
    return Sized(int(size))


class Sized:
    """A body of so many bytes, or one that ends with its connection."""

    def __init__(self, declared: int | None) -> None:
        self.declared = declared
        self.ended = declared == 0
        self.rest = b""
        self._left = declared

    def take(self, came: bytes) -> bytes:
        """As a `Body`."""
        if self._left is None:
            return came
        taken, self.rest = came[: self._left], came[self._left :]
        self._left -= len(taken)
        self.ended = self._left == 0
        return taken

    def cut(self) -> None:
        """As a `Body`."""
        if self._left is not None:
            raise ProtocolError("the connection ended before the answer")
        self.ended = True


class Chunked:
    """A body in chunks."""

    def __init__(self) -> None:
        self.declared: int | None = None
        self.ended = False
        self.rest = b""
        self._left = 0
        self._inside = self._last = False
        self._trailing = 0

    def take(self, came: bytes) -> bytes:
        """As a `Body`."""
        return self._alone(came) or self._among_others(came)

    def _alone(self, came: bytes) -> bytes:
        """The data of a chunk that came whole and alone, as nearly all of a stream do: 2 us less.

        Nothing if it came otherwise.
        """
        if self.rest or self._left or self._inside or self._last:
            return b""
        size = _BARE_SIZE.match(came)
        if size is None:
            return b""
        begin, end = size.end(), size.end() + int(size[1], 16)
        return came[begin:end] if came[end:] == b"\r\n" else b""

    def _among_others(self, came: bytes) -> bytes:
        raw, at, data = self.rest + came, 0, []
        while not self.ended:
            if self._left:
                piece = raw[at : at + self._left]
                data.append(piece)
                at += len(piece)
                self._left -= len(piece)
            end = -1 if self._left else raw.find(b"\r\n", at)
            if end < 0:
                break
            self._line(raw[at:end])
            at = end + 2
        self.rest = raw[at:]
        if len(self.rest) > _MOST_LINE and not self.ended:
            raise ProtocolError("an endless line")
        return b"".join(data)

    def _line(self, line: bytes) -> None:
        """The end of a chunk, the size of the next, or what comes behind the last."""
        if self._inside:
            if line:
                raise ProtocolError("a chunk longer than its size")
            self._inside = False
        elif self._last:
            self._trailing += len(line) + 2
            if self._trailing > _MOST_LINE:
                raise ProtocolError("endless trailers")
            self.ended = not line
        elif not _SIZE.fullmatch(line):
            raise ProtocolError("no size of a chunk")
        else:
            self._left = int(line.partition(b";")[0], 16)
            self._inside, self._last = self._left > 0, not self._left

    def cut(self) -> None:
        """As a `Body`."""
        raise ProtocolError("the connection ended before the answer")
