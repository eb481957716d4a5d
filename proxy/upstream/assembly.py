"""A streamed chat completion, put together chunk by chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from proxy.errors import UpstreamBroken, UpstreamError
from proxy.upstream import completion

if TYPE_CHECKING:
    from proxy.domain.conversation import Message, Usage

DONE = b"[DONE]"
_MOST_CHARS = 2_000_000
"""Several times the longest answer of a model: all of it is held in memory, more than once."""
_MOST_CALLS = 128
"""More tools than these OpenAI takes in no request."""


class Assembly:
    """What came so far.

    Attributes:
        model: as ChatGPT names it.
        finish_reason: why it ended; None while it has not.
        usage: what it used, if told.
        whole: whether the end was seen: a finish reason or ``[DONE]``.
        only_usage: whether the newest chunk tells the usage and nothing else.
    """

    def __init__(self) -> None:
        self.model = ""
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.whole = False
        self.only_usage = False
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._tool_calls: dict[int, dict[str, Any]] = {}
        self._arguments: dict[int, list[str]] = {}
        self._chars = 0

    def add(self, data: bytes) -> dict[str, Any]:
        """Take a chunk in; its delta: content, refusal or tool_calls, nothing if it has none.

        Raises:
            UpstreamBroken: it cannot be understood, or the answer grows too large.
            UpstreamError: it is an error, which ends the stream.
        """
        if data == DONE:
            self.whole = True
            return {}
        try:
            chunk = orjson.loads(data)
            if chunk.get("error"):
                raise UpstreamError("ChatGPT failed while it answered.")
            self.model = str(chunk.get("model") or self.model)
            if chunk.get("usage"):
                self.usage = completion.usage(chunk["usage"])
            choices = chunk.get("choices") or []
            self.only_usage = not choices and "usage" in chunk
            return self._delta(choices)
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
            raise UpstreamBroken("ChatGPT's answer cannot be understood.") from None

    @property
    def started(self) -> bool:
        """Whether any of an answer came."""
        return bool(self._text or self._refusal or self._tool_calls)

    def message(self) -> Message:
        """The assistant's message; tool calls that are not whole would fit no next turn."""
        message: Message = {"role": "assistant", "content": "".join(self._text) or None}
        if self._refusal:
            message["refusal"] = "".join(self._refusal)
        if self._tool_calls and self.whole:
            for index, call in self._tool_calls.items():
                call["function"]["arguments"] = "".join(self._arguments[index])
            message["tool_calls"] = [call for _, call in sorted(self._tool_calls.items())]
        return message

    def _delta(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        delta: dict[str, Any] = {}
        for choice in choices:
            if choice.get("index", 0):
                continue
            delta = choice.get("delta") or {}
            for part, parts in (("content", self._text), ("refusal", self._refusal)):
                if delta.get(part):
                    parts.append(self._held(delta[part]))
            for part in delta.get("tool_calls") or ():
                self._add_tool_call(part)
            if choice.get("finish_reason"):
                self.finish_reason = str(choice["finish_reason"])
                self.whole = True
        return delta

    def _add_tool_call(self, part: dict[str, Any]) -> None:
        """Join a fragment to its call: id and name come once, arguments in pieces."""
        function, index = part.get("function") or {}, int(part["index"])
        if not 0 <= index < _MOST_CALLS:
            raise ValueError("no index of a call")
        call = self._tool_calls.setdefault(
            index,
            {"id": "", "type": "function", "function": {"name": "", "arguments": ""}},
        )
        call["id"] = str(part.get("id") or call["id"])
        call["function"]["name"] += self._held(function.get("name") or "")
        self._arguments.setdefault(index, []).append(self._held(function.get("arguments") or ""))

    def _held(self, value: Any) -> str:
        """Words to keep, if they are some and still fit."""
        if not isinstance(value, str):
            raise TypeError("words that are no text")
        self._chars += len(value)
        if self._chars > _MOST_CHARS:
            raise UpstreamBroken("ChatGPT's answer is larger than the service takes.")
        return value
