"""How many tokens things take: a fixed estimate, the same for the same text."""

from __future__ import annotations

from typing import Any

import orjson

CHARACTERS_PER_TOKEN = 4
_PER_MESSAGE = 3
_PER_PROMPT = 3
_PER_ATTACHMENT = 85
"""An image in low detail, as OpenAI's vision guide has it; other attachments count the same."""


def count_text(text: str) -> int:
    """Tokens of a text: one for every four characters begun."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def count_messages(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> int:
    """Tokens of a prompt: its messages and the tools that it offers."""
    total = _PER_PROMPT + sum(_count_message(message) for message in messages)
    return total + (len(orjson.dumps(tools)) // CHARACTERS_PER_TOKEN if tools else 0)


def _count_message(message: dict[str, Any]) -> int:
    content = message.get("content") or ""
    total = _PER_MESSAGE + count_text(text_of(content))
    if isinstance(content, list):
        total += _PER_ATTACHMENT * sum("text" not in part for part in content)
    if message.get("tool_calls"):
        total += len(orjson.dumps(message["tool_calls"])) // CHARACTERS_PER_TOKEN
    return total


def text_of(content: str | list[dict[str, Any]] | None) -> str:
    """The words of a message's content, without its images and other attachments."""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content or () if part.get("text"))
