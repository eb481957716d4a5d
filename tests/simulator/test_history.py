"""What was sent is remembered as it came, and how its answer ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator.caller import chat_body
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.simulator.caller import Caller
    from tests.support.simulator import Control


def test_a_request_is_remembered_with_nothing_hidden(caller: Caller, chatgpt: Control) -> None:
    caller.post("/chat/completions?a=b", chat_body(), headers={"X-Trace": "7"})
    (request,) = chatgpt.requests()
    assert (request.method, request.path) == ("POST", "/v1/chat/completions?a=b")
    assert request.headers["authorization"] == caller.headers["Authorization"]
    assert request.headers["x-trace"] == "7"
    assert request.body == chat_body()
    assert (request.status, request.finished) == (200, True)


def test_refused_and_lost_requests_are_remembered_too(caller: Caller, chatgpt: Control) -> None:
    caller.chat(top_k=3)
    caller.post("/chat/completions", b"{broken")
    caller.get("/nowhere")
    requests = chatgpt.requests()
    assert [request.status for request in requests] == [400, 400, 404]
    assert [request.body for request in requests] == [chat_body(top_k=3), "{broken", None]


def test_a_finished_stream_is_told_from_one_that_its_client_left(
    caller: Caller, chatgpt: Control
) -> None:
    caller.chunks()
    chatgpt.queue(text="a b c d e f", chunk_size=2, chunks_per_s=0.1)
    with caller.connect(stream=True):
        wait_until(lambda: chatgpt.requests()[1].chunks_sent == 2, "the first words")
    wait_until(lambda: chatgpt.requests()[1].client_gone, "the client to be missed")
    whole, left = chatgpt.requests()
    assert (whole.finished, whole.client_gone, whole.chunks_sent) == (True, False, 8)
    assert (left.finished, left.client_gone, left.chunks_sent) == (False, True, 2)


def test_a_client_that_leaves_before_a_delayed_answer_is_missed_at_once(
    caller: Caller, chatgpt: Control
) -> None:
    chatgpt.queue(delay_s=60)
    with caller.connect():
        wait_until(lambda: chatgpt.stats()["open_requests"] == 1, "the request")
    wait_until(lambda: chatgpt.requests()[0].client_gone, "the client to be missed", seconds=5)


def test_a_client_that_hangs_up_while_it_sends_harms_nobody(
    caller: Caller, chatgpt: Control
) -> None:
    with caller.connect() as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")
    assert caller.words() == 'You said: "Hello"'
    assert all(request.body == chat_body() for request in chatgpt.requests())


def test_open_requests_and_streams_are_counted(caller: Caller, chatgpt: Control) -> None:
    chatgpt.defaults(fault="silence")
    with caller.connect(), caller.connect(stream=True), caller.connect(stream=True):
        wait_until(lambda: chatgpt.stats()["open_requests"] == 3, "three requests")
        assert chatgpt.stats()["open_streams"] == 2
    wait_until(lambda: chatgpt.stats()["open_requests"] == 0, "their end")
    assert chatgpt.stats() == {
        "requests": 3,
        "open_requests": 0,
        "max_open_requests": 3,
        "open_streams": 0,
        "max_open_streams": 2,
        "aborted_streams": 2,
    }


def test_a_thousand_requests_are_remembered(caller: Caller, chatgpt: Control) -> None:
    with caller.connect() as connection:
        line = b"GET /v1/models HTTP/1.1\r\nAuthorization: x\r\n\r\n"
        for number in range(1_010):
            connection.sendall(line.replace(b"models", b"%d" % number))
        wait_until(lambda: chatgpt.stats()["requests"] == 1_011, "all of them", seconds=10)
    paths = [request.path for request in chatgpt.requests()]
    assert (len(paths), paths[0], paths[-1]) == (1_000, "/v1/10", "/v1/1009")


def test_big_requests_leave_room_for_fewer(caller: Caller, chatgpt: Control) -> None:
    for number in range(5):
        caller.post(f"/chat/completions?{number}", b" " * 16_000_000)
    assert [request.path[-1] for request in chatgpt.requests()] == ["1", "2", "3", "4"]
