"""A client of streams: hears events as they come, and can go away in the middle."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import requests

    from tests.support.service import Client


@dataclass(frozen=True, slots=True)
class Heard:
    """An event; a comment is one of that kind and without a number."""

    id: int
    kind: str
    data: Any
    at: float


class Stream:
    """An answer in server-sent events; leaving the `with` block closes its connection."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self.status = response.status_code
        self.headers = response.headers
        self._events = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()

    def __iter__(self) -> Iterator[Heard]:
        return self._events

    def _read(self) -> Iterator[Heard]:
        rest = b""
        for chunk in self.response.iter_content(None):
            *frames, rest = (rest + chunk).split(b"\n\n")
            yield from map(_heard, frames)
        assert not rest

    def until(self, kind: str) -> Heard:
        """Listen until an event of this kind comes."""
        return next(event for event in self._events if event.kind == kind)

    def until_written(self, characters: int) -> None:
        """Listen until so much of the answer came, in however many pieces."""
        while characters > 0:
            characters -= len(self.until("delta").data["text"])

    @property
    def turn_id(self) -> str:
        return self.headers["X-Turn-ID"]

    @property
    def session_id(self) -> str:
        return self.headers["X-Session-ID"]


def stream(client: Client, message: str = "Hello", **fields: Any) -> Stream:
    """POST /chat, streamed."""
    body = {"message": message, "stream": True, **fields}
    return Stream(client.post("/chat", json=body, stream=True))


def resume(client: Client, turn_id: str, after: int | str | None = None) -> Stream:
    """GET /chat/turns/{id}/events after this event."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    return Stream(client.get(f"/chat/turns/{turn_id}/events", headers=headers, stream=True))


def listen(client: Client, message: str = "Hello", **fields: Any) -> list[Heard]:
    """All events of a streamed turn."""
    with stream(client, message, **fields) as events:
        return list(events)


def listen_again(client: Client, turn_id: str, after: int | str | None = None) -> list[Heard]:
    """All events of a turn after this one."""
    with resume(client, turn_id, after) as events:
        return list(events)


def words(events: Iterable[Heard]) -> str:
    """The text of all deltas."""
    return "".join(event.data.get("text", "") for event in events if event.kind == "delta")


def kinds(events: Iterable[Heard]) -> list[str]:
    """The kinds of events in their order, the same one after another told once."""
    told: list[str] = []
    for event in events:
        if told[-1:] != [event.kind]:
            told.append(event.kind)
    return told


def code(event: Heard) -> str:
    """The code of an `error` event."""
    assert event.kind == "error", event
    return str(event.data["error"]["code"])


def turns(client: Client, session_id: str) -> list[dict[str, Any]]:
    """The turns that a session holds."""
    answer = client.get(f"/sessions/{session_id}")
    assert answer.ok, answer.text
    held: list[dict[str, Any]] = answer.json()["turns"]
    return held


def cancel(client: Client, turn_id: str) -> requests.Response:
    """POST /chat/turns/{id}/cancel."""
    return client.post(f"/chat/turns/{turn_id}/cancel")


def _heard(frame: bytes) -> Heard:
    now = time.monotonic()
    if frame.startswith(b":"):
        return Heard(0, "comment", frame.decode(), now)
    number, kind, data = frame.decode().split("\n")
    return Heard(
        int(number.removeprefix("id: ")),
        kind.removeprefix("event: "),
        orjson.loads(data.removeprefix("data: ")),
        now,
    )
