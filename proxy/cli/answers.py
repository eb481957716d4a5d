"""What a person is shown of a reply and of a session, as text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.cli.client import Json

_CUT_SHORT = {
    "length": "The answer is cut at its token limit.",
    "content_filter": "The answer is cut by ChatGPT's content filter.",
}

_INVISIBLE = {code: None for code in [*range(0x20), *range(0x7F, 0xA0)] if chr(code) not in "\n\t"}


def printable(text: str) -> str:
    """The text without control characters, so that it cannot steer a terminal."""
    return text.translate(_INVISIBLE)


def one_line(text: str) -> str:
    """The text on one line, for a cell of a table."""
    return printable(" ".join(text.split()))


def moment(seconds: float) -> str:
    """Unix seconds as local time, such as 2026-11-22 19:05."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 turn, 2 turns."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def question_text(turn: Json) -> str:
    """What was asked in a turn, as the line it was typed in."""
    return f"you> {turn['message'] or '(results of tools)'}"


def reply_text(reply: Json) -> str:
    """The answer; of an answer that only calls tools, the calls."""
    calls = [
        f"{call['function']['name']}({call['function']['arguments']})"
        for call in reply.get("tool_calls") or []
    ]
    return "\n".join([reply["reply"], *calls] if reply["reply"] else calls)


def remarks(reply: Json) -> Iterator[str]:
    """What a reader should know of a reply beside its text, a sentence each."""
    left_out = reply["context"]["turns_left_out"]
    if left_out:
        yield f"The model's context is full: {counted(left_out, 'earlier turn')} left out."
    if reply["finish_reason"] in _CUT_SHORT:
        yield _CUT_SHORT[reply["finish_reason"]]


def figures(reply: Json) -> str:
    """Who answered, and what it took: model, tokens, cost where it is known."""
    shown = f"{reply['model']} · {counted(reply['usage']['total_tokens'], 'token')}"
    if reply["cost_usd"] is not None:
        shown += f" · ${reply['cost_usd']:.6f}"
    return shown


def as_json(value: Any) -> str:
    """JSON for scripts and people."""
    return json.dumps(value, ensure_ascii=False, indent=2)
