"""ChatGPT's answer to a chat completion, checked and understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from proxy.domain.conversation import Message, Usage
from proxy.errors import UpstreamBroken

_KEPT = ("content", "refusal", "tool_calls")
"""The parts of an answer that go into the conversation; the rest is of no use to ChatGPT."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer: the assistant's message, why it ended, by which model, what it used if told."""

    message: Message
    finish_reason: str
    model: str
    usage: Usage | None


def parse(body: bytes) -> Completion:
    """Understand a `chat.completion` object.

    Raises:
        UpstreamBroken: it is not one.
    """
    try:
        answer = orjson.loads(body)
        choice = answer["choices"][0]
        message = _message(choice["message"])
        return Completion(
            message,
            str(choice["finish_reason"] or "stop"),
            str(answer["model"]),
            usage(answer.get("usage")),
        )
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, ValueError):
        raise UpstreamBroken("ChatGPT's answer cannot be understood.") from None


def usage(reported: dict[str, Any] | None) -> Usage | None:
    """The usage object of an answer; None when there is none, which OpenAI allows.

    Raises:
        ValueError, TypeError, KeyError: it is not a usage object.
    """
    if reported is None:
        return None
    prompt, completion = int(reported["prompt_tokens"]), int(reported["completion_tokens"])
    cached = (reported.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    reasoning = (reported.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    if min(prompt, completion) < 0:
        raise ValueError("a negative number of tokens")
    return Usage(
        prompt,
        completion,
        cached_tokens=min(int(cached), prompt),
        reasoning_tokens=min(int(reasoning), completion),
    )


def _message(raw: dict[str, Any]) -> Message:
    message = {"role": "assistant"} | {part: raw[part] for part in _KEPT if raw.get(part)}
    if not isinstance(message.get("content", ""), str) or not isinstance(
        message.get("tool_calls", []), list
    ):
        raise TypeError("content or tool calls of another type")
    return {"content": None} | message
