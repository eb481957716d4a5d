"""A valid stream gives the same words wherever it is split, and is whole only with its end."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import orjson
import pytest

from proxy.upstream.assembly import Assembly
from proxy.upstream.sse import Parser

if TYPE_CHECKING:
    from collections.abc import Iterable

TEXT = "Grüße,\n 世界 🙂"
CHUNKS = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
    *({"choices": [{"index": 0, "delta": {"content": letter}}]} for letter in TEXT),
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
]
USAGE = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 12}}


def written(line_end: str, *, comments: bool) -> tuple[bytes, int]:
    """A stream of these, and how much of it tells that it is whole."""
    comment = f": keep-alive{line_end}" if comments else ""
    events = [
        f"{comment}data: {orjson.dumps(chunk).decode()}{line_end}{line_end}".encode()
        for chunk in (*CHUNKS, USAGE)
    ]
    whole = len(b"".join(events[:-1])) - len(line_end) + 1  # a CR of a CRLF ends the line too
    return b"".join(events) + f"data: [DONE]{line_end}{line_end}".encode(), whole


STREAMS = [
    written(line_end, comments=comments)
    for line_end in ("\n", "\r\n", "\r")
    for comments in (False, True)
]


def heard(pieces: Iterable[bytes]) -> Assembly:
    parser, assembly = Parser(100_000), Assembly()
    for piece in pieces:
        for event in parser.feed(piece):
            assembly.add(event.data)
    return assembly


@pytest.mark.parametrize(("stream", "_whole"), STREAMS)
def test_split_at_every_byte_it_gives_the_same_words(stream: bytes, _whole: int) -> None:
    expected = heard([stream])
    assert expected.message()["content"] == TEXT
    for at in range(len(stream) + 1):
        assembly = heard([stream[:at], stream[at:]])
        assert assembly.message() == expected.message(), at
        assert (assembly.whole, assembly.usage) == (True, expected.usage), at


@pytest.mark.parametrize(("stream", "whole"), STREAMS)
def test_cut_at_every_byte_it_gives_the_words_so_far_and_is_whole_only_with_its_end(
    stream: bytes, whole: int
) -> None:
    for at in range(len(stream) + 1):
        assembly = heard([stream[:at]])
        assert TEXT.startswith(assembly.message()["content"] or ""), at
        assert assembly.whole == (at >= whole), at


@pytest.mark.parametrize(("stream", "_whole"), STREAMS)
def test_byte_by_byte_it_gives_the_same_words(stream: bytes, _whole: int) -> None:
    assembly = heard(bytes((byte,)) for byte in stream)
    assert (assembly.message()["content"], assembly.whole) == (TEXT, True)


@pytest.mark.parametrize(("stream", "_whole"), STREAMS)
def test_event_by_event_it_gives_the_same_words(stream: bytes, _whole: int) -> None:
    ends = [at.end() for at in re.finditer(rb"\n\n|\r\n\r\n|\r\r", stream)]
    assembly = heard(stream[a:b] for a, b in pairwise([0, *ends]))
    assert (assembly.message()["content"], assembly.whole) == (TEXT, True)
