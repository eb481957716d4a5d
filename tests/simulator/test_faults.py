"""Each fault is seen by a client as it is described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
import requests

from tests.simulator.caller import text_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulator.caller import Caller
    from tests.support.simulator import Control

WORDS = 'You said: "Hello"'
LAST = "[DONE]"


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def unchunked(body: bytes) -> bytes:
    """The content of a chunked body that lacks the chunk that ends it."""
    content = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        assert int(size, 16), "the body has an end"
        content, body = content + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return content


def test_no_status_line(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="no_status_line")
    assert caller.raw() == b""


def test_a_body_is_cut_after_so_many_bytes(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="cut_body", after=7)
    head, _, body = caller.raw().partition(b"\r\n\r\n")
    assert len(body) == 7
    assert b"content-length: 6" in head


@pytest.mark.parametrize("after", [0, 1, 100, 400])
def test_a_stream_is_cut_at_any_byte(caller: Caller, chatgpt: Control, after: int) -> None:
    chatgpt.queue(fault="cut_body", after=after)
    head, _, body = caller.raw(stream=True).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(unchunked(body)) == after


@pytest.mark.parametrize("after", [0, 3])
def test_a_stream_is_cut_after_so_many_events(caller: Caller, chatgpt: Control, after: int) -> None:
    chatgpt.queue(fault="cut_stream", after=after)
    assert unchunked(body_of(caller.raw(stream=True))).count(b"data: ") == after
    (request,) = chatgpt.requests()
    assert (request.chunks_sent, request.finished, request.client_gone) == (after, False, False)


def test_an_error_event_ends_a_stream(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="error_event", after=2, error={"code": "overloaded"})
    *events, last = caller.events()
    assert len(events) == 2
    error = orjson.loads(last)["error"]
    assert (error["type"], error["code"]) == ("server_error", "overloaded")


def test_half_a_json_body(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="malformed_json")
    answer = caller.chat()
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_malformed_event_amid_a_stream(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="malformed_event", after=2)
    events = caller.events()
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(events.pop(2))
    assert text_of([orjson.loads(event) for event in events[:-1]]) == WORDS


def test_a_stream_without_done(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="no_done")
    last = orjson.loads(caller.events()[-1])
    assert last["choices"][0]["finish_reason"] == "stop"


def test_a_stream_that_ends_early_in_good_order(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="no_done", after=3)
    events = [orjson.loads(event) for event in caller.events()]
    assert text_of(events) == "You said"


def test_a_body_that_ends_with_its_connection(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="close_delimited")
    head, _, body = caller.raw().partition(b"\r\n\r\n")
    assert b"content-length" not in head
    assert b"chunked" not in head
    assert orjson.loads(body)["choices"][0]["message"]["content"] == WORDS


def test_a_close_delimited_stream_cut_within_an_event(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="close_delimited", after=400)
    body = body_of(caller.raw(stream=True))
    assert len(body) == 400
    assert body.startswith(b"data: {")


def test_an_enormous_line_in_a_stream(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="enormous_line", size=3_000_000)
    words = text_of(caller.chunks())
    assert words == "x" * 3_000_000 + WORDS


def test_an_enormous_json_body(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="enormous_line", size=3_000_000)
    answer = caller.chat()
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert len(answer.json()["choices"][0]["message"]["content"]) == 3_000_000 + len(WORDS)


def test_a_length_that_promises_too_much(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="wrong_content_length")
    head, _, body = caller.raw().partition(b"\r\n\r\n")
    assert orjson.loads(body)
    assert f"content-length: {len(body) + 100}".encode() in head


def test_a_length_that_promises_too_little(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="wrong_content_length", after=10)
    assert len(caller.chat().content) == 10


@pytest.mark.parametrize("stream", [False, True])
def test_a_gzip_bomb(caller: Caller, chatgpt: Control, stream: bool) -> None:
    chatgpt.queue(fault="gzip_bomb", size=5_000_000)
    with caller.connect(stream=stream) as connection:
        compressed = sum(map(len, received(connection, b"\r\n0\r\n\r\n")))
    chatgpt.queue(fault="gzip_bomb", size=5_000_000)
    answer = caller.chat(stream=stream)
    assert len(answer.content) > 5_000_000 > 100 * compressed
    assert answer.content.endswith(b"data: [DONE]\n\n") if stream else answer.json()["choices"]


def received(connection: Any, end: bytes) -> Iterator[bytes]:
    """What comes until the end is seen."""
    last = b""
    while not last.endswith(end):
        data = connection.recv(65_536)
        assert data, "the connection ended early"
        yield data
        last = last[-100:] + data


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_without_an_end(caller: Caller, chatgpt: Control, stream: bool) -> None:
    chatgpt.queue(fault="endless_stream")
    with caller.connect(stream=stream) as connection:
        assert sum(1 for _ in zip(range(200), received(connection, b"never"), strict=False)) == 200
    wait_until(lambda: chatgpt.requests()[0].client_gone, "it to be given up")


def test_an_answer_drips_byte_by_byte(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="drip")
    assert text_of(caller.chunks()) == WORDS
    (request,) = chatgpt.requests()
    assert request.chunks_sent > 500
    chatgpt.queue(fault="drip", chunks_per_s=1, after=400)
    with caller.connect() as connection:
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_redirect_leads_to_the_same_address(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="redirect")
    answer = caller.chat()
    assert (answer.status_code, answer.content) == (307, b"")
    assert answer.headers["location"] == caller.url + "/chat/completions"


def test_a_redirect_leads_where_the_script_says(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="redirect", headers={"Location": "http://127.0.0.1:1/"})
    assert caller.chat().headers["location"] == "http://127.0.0.1:1/"


@pytest.mark.parametrize("stream", [False, True])
def test_bytes_that_are_not_utf8(caller: Caller, chatgpt: Control, stream: bool) -> None:
    chatgpt.queue(fault="invalid_utf8")
    content = caller.chat(stream=stream).content
    assert b'"content":"\xff\xfeYou ' in content
    assert b'"content":"",' in content or not stream


def test_lines_that_end_with_cr_lf(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="crlf")
    content = caller.chat(stream=True).content
    assert content.endswith(b"data: [DONE]\r\n\r\n")
    assert content.count(b"\n") == content.count(b"\r\n")


def test_comment_lines(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="comments")
    content = caller.chat(stream=True).content
    assert content.startswith(b": keep-alive\n\n:\ndata: {")
    chatgpt.queue(fault="comments")
    assert text_of(caller.chunks()) == WORDS


def test_silence_from_the_beginning(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="silence")
    with caller.connect() as connection:
        wait_until(lambda: chatgpt.stats()["open_requests"] == 1, "the request")
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    wait_until(lambda: chatgpt.requests()[0].client_gone, "the silence to be given up")


@pytest.mark.parametrize("after", [0, 2])
def test_silence_after_some_events(caller: Caller, chatgpt: Control, after: int) -> None:
    chatgpt.queue(fault="silence", after=after)
    with caller.connect(stream=True) as connection:
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        wait_until(lambda: chatgpt.requests()[0].chunks_sent == after, "the events")
        assert chatgpt.stats()["open_streams"] == 1
    wait_until(lambda: chatgpt.stats()["aborted_streams"] == 1, "the silence to be given up")


def test_any_bytes_at_all(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="raw", raw="SMTP ready\r\n\x00\xff")
    assert caller.raw() == b"SMTP ready\r\n\x00\xff"


def test_a_fault_strikes_once(caller: Caller, chatgpt: Control) -> None:
    chatgpt.queue(fault="malformed_json")
    assert len(caller.chat().content) < len(caller.chat().content)
    assert caller.words() == WORDS
