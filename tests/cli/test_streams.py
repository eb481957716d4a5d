"""A turn's stream is followed through lost connections, and no further than makes sense."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from proxy.cli.client import ProxyClient
from proxy.cli.refusals import ConnectionLost, ServiceError
from proxy.cli.streams import TurnStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from tests.cli.conftest import Stranger

REPLY = {"session_id": "s_1", "turn_id": "t_1", "reply": "One two"}
BEGUN = [("start", {"session_id": "s_1", "turn_id": "t_1"}), ("delta", {"text": "One "})]
ENDED = [("delta", {"text": "two"}), ("done", REPLY)]
NO_SUCH_TURN = {"error": {"message": "No turn.", "code": "turn_not_found"}}


@dataclass
class Heard:
    """An answer that keeps what it is given."""

    words: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.words.append(text)

    def waiting(self, why: str) -> None:
        self.waits.append(why)


def tell(stranger: Stranger, *events: tuple[str, dict[str, Any]], first: int = 1) -> None:
    """Let the stranger answer with a stream of these events, and then end the connection."""
    frames = [
        f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
        for number, (kind, data) in enumerate(events, first)
    ]
    headers = {"Content_Type": "text/event-stream; charset=utf-8", "X_Request_ID": "r1"}
    stranger.answer(200, "".join(frames), **headers)


@pytest.fixture
def turn(stranger: Stranger) -> Iterator[TurnStream]:
    with ProxyClient(stranger.url, "sk-proxy-a-b") as client:
        yield client.stream_chat({"message": "Count."})


def failure_of(turn: TurnStream) -> ServiceError:
    with pytest.raises(ServiceError) as failure:
        turn.write_to(Heard())
    return failure.value


def test_words_are_passed_on_and_the_reply_given(turn: TurnStream, stranger: Stranger) -> None:
    tell(stranger, *BEGUN, *ENDED)
    heard = Heard()
    assert turn.write_to(heard) == REPLY
    assert heard.words == ["One ", "two", ""]
    assert (turn.session_id, turn.turn_id) == ("s_1", "t_1")


def test_a_place_in_the_queue_is_shown(turn: TurnStream, stranger: Stranger) -> None:
    tell(stranger, BEGUN[0], ("queue", {"position": 3, "eta_s": 2.5}), BEGUN[1], *ENDED)
    heard = Heard()
    turn.write_to(heard)
    assert heard.waits == ["Place 3 in the queue, about 2.5 s"]


def test_a_gateway_s_error_is_tried_again(turn: TurnStream, stranger: Stranger) -> None:
    tell(stranger, *BEGUN)
    stranger.answer(502, "<html>")
    tell(stranger, *ENDED, first=3)
    heard = Heard()
    turn.write_to(heard)
    assert "".join(heard.words) == "One two"


def test_an_event_that_comes_twice_is_passed_on_once(turn: TurnStream, stranger: Stranger) -> None:
    tell(stranger, *BEGUN)
    tell(stranger, *BEGUN, *ENDED)
    heard = Heard()
    turn.write_to(heard)
    assert "".join(heard.words) == "One two"


def test_a_turn_that_is_not_kept_cannot_be_resumed(turn: TurnStream, stranger: Stranger) -> None:
    tell(stranger, *BEGUN)
    stranger.answer(404, json.dumps(NO_SUCH_TURN), X_Request_ID="r2")
    assert failure_of(turn).format_message() == (
        "The answer broke off and cannot be resumed. No turn. [turn_not_found, request r2]"
    )


def test_an_error_event_is_told_with_its_code_and_request(
    turn: TurnStream, stranger: Stranger
) -> None:
    tell(stranger, *BEGUN, ("error", {"error": {"message": "It broke.", "code": "odd"}}))
    assert failure_of(turn).format_message() == "It broke. [odd, request r1]"


@pytest.mark.parametrize("body", ["<html>", "id: 1\nevent: start\ndata: 7\n\n"])
def test_another_server_is_told_as_such(turn: TurnStream, stranger: Stranger, body: str) -> None:
    kind = "text/html" if body.startswith("<") else "text/event-stream"
    stranger.answer(200, body, Content_Type=kind)
    assert failure_of(turn).message.startswith(f"{stranger.url} answered 200 ")


def test_tries_come_to_an_end_and_none_of_them_asks_anew() -> None:
    keys = []

    def lose(_method: str, _path: str, *, headers: dict[str, str], **_: Any) -> requests.Response:
        keys.append(headers["Idempotency-Key"])
        raise ConnectionLost("It broke.")

    turn = TurnStream(lose, "http://127.0.0.1:9", "/chat", {}, pauses=(0, 0))
    assert failure_of(turn).message == "It broke."
    assert keys == [keys[0]] * 3
