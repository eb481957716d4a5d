"""What a relayed stream amounts to: which of its events the caller gets, and what it used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import orjson

from proxy.domain.tokens import estimate_message, estimate_text
from proxy.errors import UpstreamBroken
from proxy.upstream import completion
from proxy.upstream.assembly import DONE, Assembly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.domain.conversation import Usage
    from proxy.upstream.sse import Event

MOST_CHOICES = 128
"""More than these OpenAI refuses."""


class Tally(Protocol):
    """Counts while events pass."""

    @property
    def usage(self) -> Usage | None:
        """What was used, if ChatGPT told it."""

    @property
    def started(self) -> bool:
        """Whether any words came."""

    @property
    def whole(self) -> bool:
        """Whether the end was seen."""

    def passes(self, event: Event) -> bool:
        """Count an event; whether the caller gets it."""

    def estimate(self) -> int:
        """Tokens of what was generated so far."""


def choices(completion: Mapping[str, Any]) -> int:
    """How many answers a request for a chat completion asks for."""
    many = completion.get("n")
    return many if isinstance(many, int) and 1 <= many <= MOST_CHOICES else 1


class ChatTally:
    """Of a chat completion: the usage chunk passes only if the caller asked for it."""

    def __init__(self, *, usage: bool, choices: int = 1, written: Assembly | None = None) -> None:
        self._wanted = usage
        self._written = written or Assembly()
        self._done = False
        self._others = choices - 1
        self._others_ended: set[str] = set()
        self._others_tokens = 0

    @property
    def usage(self) -> Usage | None:
        """What was used, if ChatGPT told it."""
        return self._written.usage

    @property
    def started(self) -> bool:
        """Whether any words came."""
        return self._written.started or self._others_tokens > 0

    @property
    def whole(self) -> bool:
        """Whether the end was seen: ``[DONE]``, or why each choice ended."""
        ended = self._written.whole and len(self._others_ended) >= self._others
        return self._done or ended

    def passes(self, event: Event) -> bool:
        """Count a chunk; whether the caller gets it: not ``[DONE]``, which is ours to say."""
        self._written.add(event.data)
        if event.data == DONE:
            self._done = True
            return False
        if self._others:
            self._count_others(event)
        return self._wanted or not self._written.only_usage

    def estimate(self) -> int:
        """Tokens of what was generated so far."""
        return estimate_message(self._written.message()) + self._others_tokens

    def _count_others(self, event: Event) -> None:
        """The choices after the first, which an Assembly leaves out."""
        for choice in _fields(event).get("choices") or ():
            if not choice.get("index"):
                continue
            if choice.get("finish_reason"):
                self._others_ended.add(str(choice["index"]))
            delta = choice.get("delta")
            content = delta.get("content") if isinstance(delta, dict) else None
            self._others_tokens += estimate_text(content) if isinstance(content, str) else 0


_ENDS = {b"response.completed", b"response.incomplete", b"response.failed"}


class ResponsesTally:
    """Of the responses API: typed events, all of which pass; the last one tells the usage."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.whole = False
        self._tokens = 0

    @property
    def started(self) -> bool:
        """Whether any words came."""
        return self._tokens > 0

    def passes(self, event: Event) -> bool:
        """Count an event; the caller gets it.

        Raises:
            UpstreamBroken: it cannot be understood.
        """
        if event.name in _ENDS:
            self.whole = True
            self.usage = _usage(_fields(event))
        elif event.name.endswith(b".delta"):
            delta = _fields(event).get("delta")
            self._tokens += estimate_text(delta) if isinstance(delta, str) else 0
        return True

    def estimate(self) -> int:
        """Tokens of what was generated so far."""
        return self._tokens


def _usage(ended: dict[str, Any]) -> Usage | None:
    try:
        return completion.usage(ended["response"]["usage"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _fields(event: Event) -> dict[str, Any]:
    try:
        fields = orjson.loads(event.data)
    except orjson.JSONDecodeError:
        raise UpstreamBroken("ChatGPT's answer cannot be understood.") from None
    return fields if isinstance(fields, dict) else {}
