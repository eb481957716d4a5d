"""Where an answer ends: the same however it is split, and refused where that is unclear."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import ProtocolError

from proxy.upstream.framing import Body, Chunked, Sized, body_of, parse_head

TEXTS = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
CUTS = st.lists(st.integers(1, 9), min_size=1, max_size=8)


def chunk(text: bytes, extension: bytes) -> bytes:
    return b"%x%b\r\n%b\r\n" % (len(text), extension, text)


def chunked(texts: list[bytes], trailer: bytes = b"", extension: bytes = b";x=y") -> bytes:
    chunks = b"".join(chunk(text, extension) for text in texts)
    return chunks + b"0\r\n" + trailer + b"\r\n"


def taken(body: Body, stream: bytes, cuts: list[int]) -> bytes:
    """What a body takes of a stream that comes in pieces of these sizes, and then as one."""
    data, at = b"", 0
    for cut in cuts:
        data, at = data + body.take(stream[at : at + cut]), at + cut
    return data + body.take(stream[at:])


def head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines]).encode()


def test_a_head_tells_status_headers_and_that_the_connection_stays() -> None:
    told = parse_head(head("X-Request-ID:  req_1 ", "a: 1", "A: 2"))
    assert (told.status, told.persists) == (200, True)
    assert told.headers == {"x-request-id": "req_1", "a": "1, 2"}


@pytest.mark.parametrize(
    "raw",
    [
        head("Connection: close"),
        head("Connection: TE, Close"),
        head("Content-Length: 1", "Transfer-Encoding: chunked"),
        b"HTTP/1.0 200 OK",
    ],
)
def test_a_connection_that_ends_or_is_unclear_is_not_used_again(raw: bytes) -> None:
    assert not parse_head(raw).persists


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/2 200 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1  200 OK",
        b"SSH-2.0-OpenSSH_9.2",
        head("no colon"),
        head("A: 1", " folded"),
        head("A : 1"),
        head(": 1"),
        head("A: 1\nB: 2"),
    ],
)
def test_what_is_no_head_is_refused(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_head(raw)


@pytest.mark.parametrize(
    "line",
    [
        "Content-Length: -1",
        "Content-Length: 1, 2",
        "Content-Length: 0x1",
        "Content-Length: ",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, gzip",
    ],
)
def test_a_body_whose_end_is_unclear_is_refused(line: str) -> None:
    with pytest.raises(ProtocolError):
        body_of(parse_head(head(line)))


EXTENSIONS = st.sampled_from([b"", b";x=y"])


@given(TEXTS, CUTS, st.sampled_from([b"", b"x-trailer: 1\r\n"]), EXTENSIONS)
def test_chunks_are_joined_wherever_they_are_split(
    texts: list[bytes], cuts: list[int], trailer: bytes, extension: bytes
) -> None:
    body = Chunked()
    stream = chunked(texts, trailer, extension) + b"next"
    assert taken(body, stream, cuts) == b"".join(texts)
    assert (body.ended, body.rest) == (True, b"next")


@given(TEXTS, EXTENSIONS)
def test_chunks_that_come_one_by_one_are_taken_one_by_one(
    texts: list[bytes], extension: bytes
) -> None:
    body = Chunked()
    assert [body.take(chunk(text, extension)) for text in texts] == texts
    assert (body.take(b"0\r\n\r\n"), body.ended, body.rest) == (b"", True, b"")


def test_a_chunk_that_begins_with_what_could_be_one_is_taken_whole() -> None:
    body = Chunked()
    assert [body.take(piece) for piece in (b"9\r\n", b"2\r\nab\r\n..", b"\r\n")] == [
        b"",
        b"2\r\nab\r\n..",
        b"",
    ]


@given(TEXTS, st.data())
def test_chunks_that_are_cut_are_no_body(texts: list[bytes], data: st.DataObject) -> None:
    stream = chunked(texts)
    body = Chunked()
    body.take(stream[: data.draw(st.integers(0, len(stream) - 1))])
    assert not body.ended
    with pytest.raises(ProtocolError):
        body.cut()


@pytest.mark.parametrize(
    "stream",
    [
        b"x\r\n",
        b"-1\r\n",
        b"+1\r\n",
        b"\r\n",
        b"1\r\nab\r\n",
        b"1" * 9_000,
        b"0\r\n" + b"a: 1\r\n" * 2_000,
        b"0\r\n" + b"a" * 9_000,
        b"f" * 16 + b"\r\n",
    ],
)
def test_what_are_no_chunks_is_refused(stream: bytes) -> None:
    with pytest.raises(ProtocolError):
        Chunked().take(stream)


@given(st.binary(max_size=40), CUTS)
def test_a_sized_body_ends_where_it_says(text: bytes, cuts: list[int]) -> None:
    body = Sized(len(text))
    assert taken(body, text, cuts) == text
    assert body.ended


def test_what_comes_behind_a_sized_body_is_not_its_own() -> None:
    body = Sized(2)
    assert (body.take(b"abcd"), body.rest) == (b"ab", b"cd")


def test_a_sized_body_that_is_cut_is_none() -> None:
    body = Sized(2)
    body.take(b"a")
    with pytest.raises(ProtocolError):
        body.cut()


def test_a_body_without_a_size_ends_with_its_connection() -> None:
    body = body_of(parse_head(head()))
    assert body.take(b"all that comes") == b"all that comes"
    body.cut()
    assert body.ended


def test_an_answer_of_204_has_no_body() -> None:
    assert body_of(parse_head(b"HTTP/1.1 204 No Content")).ended
