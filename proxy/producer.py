"""Reads ChatGPT for a streamed turn, and passes its words on as events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import orjson

from proxy.errors import ApiError, UpstreamBroken
from proxy.upstream import failures
from proxy.upstream.assembly import DONE, Assembly
from proxy.upstream.client import CHAT
from proxy.upstream.tally import ChatTally

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.cancellation import Cancellation
    from proxy.store.live import LiveTurn
    from proxy.upstream.client import Upstream
    from proxy.upstream.sse import Event


class Form(Protocol):
    """The form in which a turn's events are told."""

    def start(self, live: LiveTurn, model: str) -> None:
        """The turn begins."""

    def words(self, events: list[Event], written: Assembly, live: LiveTurn) -> None:
        """Some of ChatGPT's events came; each is added to what is written."""

    def reply(self) -> bytes | None:
        """What the repeats of the request get, where that is not the reply of POST /chat."""

    def done(self, live: LiveTurn, reply: bytes) -> None:
        """The turn is stored; this is its reply."""


class ChatEvents:
    """`start`, `delta` and `done`, as POST /chat tells them."""

    def start(self, live: LiveTurn, model: str) -> None:
        """Say which turn it is."""
        told = {"session_id": live.session_id, "turn_id": live.turn_id, "model": model}
        live.append("start", orjson.dumps(told))

    def words(self, events: list[Event], written: Assembly, live: LiveTurn) -> None:
        """One `delta` for all the text that came together, one for each piece of tool calls."""
        texts: list[str] = []
        try:
            for event in events:
                delta = written.add(event.data)
                text = delta.get("content") or delta.get("refusal")
                if text:
                    texts.append(text)
                if delta.get("tool_calls"):
                    live.append("delta", orjson.dumps({"tool_calls": delta["tool_calls"]}))
        finally:  # what is written is told, whatever came behind it
            if texts:
                live.append("delta", b'{"text":' + orjson.dumps("".join(texts)) + b"}")

    def reply(self) -> None:
        """The reply of POST /chat it is."""

    def done(self, live: LiveTurn, reply: bytes) -> None:
        """Give the whole reply."""
        live.end("done", reply)


class CompletionChunks:
    """ChatGPT's own chunks, as its API streams them."""

    def __init__(self, *, usage: bool) -> None:
        """Nothing is told yet.

        Args:
            usage: whether the caller asked for the chunk that tells the usage.
        """
        self._usage = usage
        self._told: list[bytes] = []

    def start(self, live: LiveTurn, model: str) -> None:
        """Nothing: OpenAI's streams have no such event."""

    def words(self, events: list[Event], written: Assembly, live: LiveTurn) -> None:
        """Each chunk as it came."""
        tally = ChatTally(usage=self._usage, written=written)
        for event in events:
            if tally.passes(event):
                self._told.append(event.data)
                live.append("chunk", event.data)

    def reply(self) -> bytes:
        """All chunks, a line each."""
        return b"\n".join(self._told)

    def done(self, live: LiveTurn, reply: bytes) -> None:  # noqa: ARG002
        """Say so as OpenAI does."""
        live.end("chunk", DONE)


def listen(
    upstream: Upstream,
    payload: dict[str, Any],
    live: LiveTurn,
    form: Form,
    cancellation: Cancellation,
    heard: Callable[[], None],
) -> tuple[Assembly, ApiError | None]:
    """Ask for an answer and tell its words as they come.

    Args:
        upstream: whom to ask.
        payload: what.
        live: where the events go.
        form: how they are told.
        cancellation: stops it.
        heard: is called when words have come.

    Answers what was written, and why it was cut off if it was.
    """
    written = Assembly()
    body = orjson.dumps(payload | upstream.streamed)
    try:
        with cancellation.heard(), upstream.open(CHAT, body, payload["model"]) as answer:
            for events in answer.events():
                form.words(events, written, live)
                if written.started:
                    heard()
                live.let_keeper_catch_up()
    except ApiError as error:
        return written, None if written.whole else error
    if not written.whole:
        broken = UpstreamBroken("ChatGPT's answer broke off before its end.")
        failures.count(broken)
        return written, broken
    return written, None
