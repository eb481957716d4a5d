"""Server-sent events come out the same however their bytes are cut, and never grow without end."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamBroken
from proxy.upstream.sse import Event, Parser

LINE_ENDS = (b"\n", b"\r", b"\r\n")

texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=8)
events = st.builds(
    Event,
    st.sampled_from([b"", b"error", b"response.created"]),
    st.lists(texts, min_size=1, max_size=3).map(lambda lines: "\n".join(lines).encode()),
)


def feed(pieces: list[bytes], most_bytes: int = 10_000) -> list[Event]:
    parser = Parser(most_bytes)
    return [event for piece in pieces for event in parser.feed(piece)]


def written(event: Event, line_end: bytes, space: bytes) -> bytes:
    lines = [b"data:" + space + line for line in event.data.split(b"\n")]
    if event.name:
        lines.append(b"event:" + space + event.name)
    return line_end.join([b": a comment", *lines, b"id: 7", b"retry", b"", b""])


@given(st.lists(events, max_size=4), st.sampled_from(LINE_ENDS), st.data())
def test_a_stream_cut_anywhere_gives_the_same_events(
    expected: list[Event], line_end: bytes, data: st.DataObject
) -> None:
    stream = b"".join(written(event, line_end, b" ") for event in expected)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert feed(pieces) == expected


@pytest.mark.parametrize("line_end", LINE_ENDS)
@given(st.lists(events, max_size=3))
def test_a_stream_that_comes_byte_by_byte_gives_the_same_events(
    line_end: bytes, expected: list[Event]
) -> None:
    stream = b"".join(written(event, line_end, b" ") for event in expected)
    assert feed([bytes((byte,)) for byte in stream]) == expected


@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_an_event_is_given_as_soon_as_its_empty_line_is_there(line_end: bytes) -> None:
    stream = b"data: [DONE]" + line_end + line_end
    assert feed([stream]) == [Event(b"", b"[DONE]")]


def test_only_one_space_behind_the_colon_is_left_out() -> None:
    assert feed([b"data:  two\ndata:none\n\n"]) == [Event(b"", b" two\nnone")]


def test_an_event_that_is_not_complete_is_none() -> None:
    assert feed([b"data: 1\n\ndata: 2\n"]) == [Event(b"", b"1")]


@pytest.mark.parametrize("piece", [b"data: xxxx\n", b"data:\n", b"data: x", b"event: x"])
def test_an_event_over_the_bound_is_refused(piece: bytes) -> None:
    with pytest.raises(UpstreamBroken, match="larger than the service takes"):
        feed([piece] * 1_001, most_bytes=1_000)


def test_the_bound_is_one_of_an_event_and_not_of_a_stream() -> None:
    assert len(feed([b"data: xxxx\n\n"] * 1_001, most_bytes=1_000)) == 1_001


def test_a_huge_line_in_small_pieces_takes_linear_time() -> None:
    small, large = (_seconds_for(count) for count in (20_000, 160_000))
    assert large < small * 8 * 4


def _seconds_for(pieces: int) -> float:
    """CPU seconds to read one line of so many pieces, the best of three."""

    def once() -> float:
        parser = Parser(pieces * 64 + 64)
        started = time.process_time()
        for _ in range(pieces):
            parser.feed(b"x" * 64)
        parser.feed(b"\n")
        return time.process_time() - started

    return min(once() for _ in range(3))


@pytest.mark.parametrize(
    ("before", "event"),
    [
        (b"event: error\n", Event(b"error", b"two")),
        (b"data: one\n", Event(b"", b"one\ntwo")),
        (b"data: one\r", Event(b"", b"one\ntwo")),
        (b": comm", None),
    ],
    ids=["its name", "its first line", "its first line, half of whose end is to come", "a comment"],
)
def test_what_looks_like_an_event_alone_belongs_to_what_came_before(
    before: bytes, event: Event | None
) -> None:
    assert feed([before, b"data: two\n\n"]) == ([event] if event else [])
