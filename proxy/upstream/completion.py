"""ChatGPT's answer to a chat completion, checked and understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from proxy.domain.conversation import Message, Usage, called
from proxy.errors import UpstreamBroken

_PARTS = (("prompt", "input"), ("completion", "output"))
_MOST_TOKENS = 1_000_000_000
"""More than any window holds; beyond it a bucket's micro-units would leave the exact integers."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer: the assistant's message, why it ended, by which model, what it used if told.

    `raw` is the answer as it came.
    """

    message: Message
    finish_reason: str
    model: str
    usage: Usage | None
    raw: bytes


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
            body,
        )
    except (KeyError, IndexError, AttributeError, TypeError, ValueError):
        raise UpstreamBroken("ChatGPT's answer cannot be understood.") from None


def usage(reported: Any) -> Usage | None:
    """The usage object of an answer; None when there is none, which OpenAI allows.

    Raises:
        KeyError, AttributeError, TypeError, ValueError: it is not a usage object.
    """
    if reported is None:
        return None
    if not isinstance(reported, dict):
        raise TypeError("no usage object")
    prompt, completion = (_tokens(_either(reported, part, "tokens")) for part in _PARTS)
    read, written = (_either(reported, part, "tokens_details") or {} for part in _PARTS)
    cached, reasoning = read.get("cached_tokens") or 0, written.get("reasoning_tokens") or 0
    return Usage(
        prompt,
        completion,
        cached_tokens=min(_tokens(cached), prompt),
        reasoning_tokens=min(_tokens(reasoning), completion),
    )


def _either(reported: dict[str, Any], part: tuple[str, str], what: str) -> Any:
    """A value by its name in chat completions or in responses; embeddings complete nothing."""
    names = (f"{name}_{what}" for name in part)
    return next((reported[name] for name in names if name in reported), 0)


def usage_in(body: bytes) -> Usage | None:
    """The usage that an answer of any kind tells; None when it tells none."""
    try:
        return usage(orjson.loads(body).get("usage"))
    except (AttributeError, TypeError, ValueError):
        return None


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
