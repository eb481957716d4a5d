"""What the Responses API answers: one object, or typed events that end without [DONE]."""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.answers import Answer, Ask

_DEFAULTS: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Parameters that a response repeats, and what they are when the request does not say."""


class ResponseWriter:
    """Writes one response, whole or as events.

    Attributes:
        id: the response's id, which the next request may name as the previous one.
    """

    def __init__(self, ask: Ask, answer: Answer) -> None:
        self.id = f"resp_{uuid4().hex}"
        self._answer = answer
        self._cut = answer.finish_reason == "length"
        given = {name: value for name, value in ask.parameters.items() if value is not None}
        self._shared = {
            "id": self.id,
            "object": "response",
            "created_at": int(time.time()),
            "model": f"simulated-{ask.model}",
            "error": None,
            **{name: given.get(name, usual) for name, usual in _DEFAULTS.items()},
        }
        self._numbers = count()

    def whole(self) -> dict[str, Any]:
        """The response as one object; without `usage` when there is none to report."""
        reason = {"reason": "max_output_tokens"} if self._cut else None
        content = self._shared | {
            "status": "incomplete" if self._cut else "completed",
            "incomplete_details": reason,
            "output": self._output(),
        }
        usage = self._answer.usage
        return content if usage is None else content | {"usage": _usage(usage)}

    def events(self, chunk_size: int) -> Iterator[bytes]:
        """The response as named events, so many characters in each delta."""
        begun = self._shared | {"status": "in_progress", "output": [], "usage": None}
        begun |= {"incomplete_details": None}
        yield self._event("response.created", response=begun)
        yield self._event("response.in_progress", response=begun)
        for index, item in enumerate(self._output()):
            empty: dict[str, Any] = (
                {"content": []} if item["type"] == "message" else {"arguments": ""}
            )
            started = item | {"status": "in_progress"} | empty
            yield self._event("response.output_item.added", output_index=index, item=started)
            where = {"item_id": item["id"], "output_index": index}
            if item["type"] == "message":
                yield from self._words(where, item["content"][0], chunk_size)
            else:
                yield from self._arguments(where, item, chunk_size)
            yield self._event("response.output_item.done", output_index=index, item=item)
        whole = self.whole()
        yield self._event(f"response.{whole['status']}", response=whole)

    def _words(
        self, where: dict[str, Any], part: dict[str, Any], chunk_size: int
    ) -> Iterator[bytes]:
        where = where | {"content_index": 0}
        text = part["text"]
        yield self._event("response.content_part.added", **where, part=part | {"text": ""})
        for start in range(0, len(text), chunk_size):
            delta = {"delta": text[start : start + chunk_size], "logprobs": []}
            yield self._event("response.output_text.delta", **where, **delta)
        yield self._event("response.output_text.done", **where, text=text, logprobs=[])
        yield self._event("response.content_part.done", **where, part=part)

    def _arguments(
        self, where: dict[str, Any], call: dict[str, Any], chunk_size: int
    ) -> Iterator[bytes]:
        arguments = call["arguments"]
        kind = "response.function_call_arguments"
        for start in range(0, len(arguments), chunk_size):
            delta = arguments[start : start + chunk_size]
            yield self._event(f"{kind}.delta", **where, delta=delta)
        yield self._event(f"{kind}.done", **where, name=call["name"], arguments=arguments)

    def _output(self) -> list[dict[str, Any]]:
        status = "incomplete" if self._cut else "completed"
        if self._answer.tool_calls:
            return [
                {
                    "id": f"fc_{call.id}",
                    "type": "function_call",
                    "status": status,
                    "call_id": call.id,
                    "name": call.name,
                    "arguments": call.arguments,
                }
                for call in self._answer.tool_calls
            ]
        text = {"text": self._answer.text, "annotations": [], "logprobs": []}
        return [
            {
                "id": f"msg_{self.id}",
                "type": "message",
                "status": status,
                "role": "assistant",
                "content": [{"type": "output_text"} | text],
            }
        ]

    def _event(self, kind: str, **fields: Any) -> bytes:
        content = orjson.dumps({"type": kind, **fields, "sequence_number": next(self._numbers)})
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), content)


def _usage(usage: dict[str, Any]) -> dict[str, Any]:
    """A chat completion's usage under the names of this API."""
    prompt = usage.get("prompt_tokens_details") or {}
    completion = usage.get("completion_tokens_details") or {}
    return {
        "input_tokens": usage.get("prompt_tokens", 0),
        "input_tokens_details": {
            "cached_tokens": prompt.get("cached_tokens", 0),
            "cache_write_tokens": prompt.get("cache_write_tokens", 0),
        },
        "output_tokens": usage.get("completion_tokens", 0),
        "output_tokens_details": {"reasoning_tokens": completion.get("reasoning_tokens", 0)},
        "total_tokens": usage.get("total_tokens", 0),
    }
