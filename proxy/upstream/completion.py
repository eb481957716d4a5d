"""ChatGPT's answer to a chat completion, checked and understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from proxy.domain.conversation import Message, Usage, called
from proxy.errors import UpstreamBroken

_MOST_TOKENS = 1_000_000_000
"""More than any window holds; beyond it a bucket's micro-units would leave the exact integers."""


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
        return Completion(
            _message(choice["message"]),
            _text(choice["finish_reason"] or "stop"),
            _text(answer["model"]),
            usage(answer.get("usage")),
        )
    except (KeyError, IndexError, AttributeError, TypeError, ValueError):
        raise UpstreamBroken("ChatGPT's answer cannot be understood.") from None


def usage(reported: dict[str, Any] | None) -> Usage | None:
    """The usage object of an answer; None when there is none, which OpenAI allows.

    Raises:
        KeyError, AttributeError, TypeError, ValueError: it is not a usage object.
    """
    if reported is None:
        return None
    prompt, completion = _tokens(reported["prompt_tokens"]), _tokens(reported["completion_tokens"])
    cached = (reported.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    reasoning = (reported.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    return Usage(
        prompt,
        completion,
        cached_tokens=min(_tokens(cached), prompt),
        reasoning_tokens=min(_tokens(reasoning), completion),
    )


def _message(raw: dict[str, Any]) -> Message:
    """The parts of an answer that go into the conversation; the rest is of no use to ChatGPT.

    Only beside tool calls may the content be null: ChatGPT refuses a history that holds neither.
    """
    calls = raw.get("tool_calls")
    content, refusal = raw.get("content") or "", raw.get("refusal")
    message: Message = {"role": "assistant", "content": _text(content)}
    if refusal:
        message["refusal"] = _text(refusal)
    if calls:
        message["content"] = content or None
        message["tool_calls"] = [_tool_call(call) for call in calls]
    return message


def _tool_call(raw: dict[str, Any]) -> dict[str, Any]:
    """A tool call as it came, if it has an id and says what it calls."""
    for text in (raw["id"], *called(raw)):
        _text(text)
    return raw


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _tokens(value: Any) -> int:
    tokens = int(value)
    if not 0 <= tokens <= _MOST_TOKENS:
        raise ValueError("no number of tokens")
    return tokens
