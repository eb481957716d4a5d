"""The default words: they show what was sent, so that a person sees whether memory works."""

from __future__ import annotations

import re
from collections import Counter
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import orjson

from proxy.simulator.tokens import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Messages = list[dict[str, Any]]

_LONGEST_ECHO = 1_000
_INSTRUCTIONS = ("system", "developer")
_MY_NAME = re.compile(r"\bmy name is\s+([^\s.,;:!?]+)", re.IGNORECASE)


def talk(messages: _Messages, parameters: dict[str, Any]) -> str:
    """Answer the last message.

    Asked how many messages there were, for the user's name, for the instructions or for the
    request, it tells them; given the results of tools, it reports them; else it echoes.

    Args:
        messages: the conversation, as a chat completion has it.
        parameters: the rest of the request.
    """
    if messages[-1]["role"] == "tool":
        return _report_tools(messages)
    said = next(_said(messages), "")
    for question, answer in _QUESTIONS:
        if question.search(said):
            return answer(messages)
    if _REQUEST.search(said):
        return f"```json\n{orjson.dumps(parameters, option=orjson.OPT_INDENT_2).decode()}\n```"
    return _echo(said)


def _said(messages: _Messages) -> Iterator[str]:
    """What the user said, the last first."""
    return (text_of(m.get("content")) for m in reversed(messages) if m["role"] == "user")


def _echo(said: str) -> str:
    if len(said) > _LONGEST_ECHO:
        return f'You said {len(said)} characters, beginning with: "{said[:_LONGEST_ECHO]}"'
    return f'You said: "{said}"' if said else "You said nothing in words."


def _count_messages(messages: _Messages) -> str:
    counts = Counter(message["role"] for message in messages)
    parts = ", ".join(f"{count} {role}" for role, count in counts.items())
    return f"I was sent {len(messages)} message{'s' if len(messages) > 1 else ''}: {parts}."


def _tell_name(messages: _Messages) -> str:
    told = next(filter(None, map(_MY_NAME.search, _said(messages))), None)
    return f"Your name is {told[1]}." if told else "You have not told me your name."


def _tell_instructions(messages: _Messages) -> str:
    given = [text_of(m.get("content")) for m in messages if m["role"] in _INSTRUCTIONS]
    return "My instructions were: " + "\n".join(given) if given else "I was given no instructions."


def _report_tools(messages: _Messages) -> str:
    names = {
        call["id"]: (call.get("function") or call["custom"])["name"]
        for message in messages
        for call in message.get("tool_calls") or ()
    }
    results = takewhile(lambda message: message["role"] == "tool", reversed(messages))
    lines = [f"{names[m['tool_call_id']]} answered: {text_of(m['content'])}" for m in results]
    return "\n".join(reversed(lines))


_QUESTIONS: tuple[tuple[re.Pattern[str], Callable[[_Messages], str]], ...] = (
    (re.compile(r"\bhow many messages\b", re.IGNORECASE), _count_messages),
    (re.compile(r"\bwhat('s| is) my name\b", re.IGNORECASE), _tell_name),
    (re.compile(r"\byour (instructions|system prompt)\b", re.IGNORECASE), _tell_instructions),
)
_REQUEST = re.compile(r"\bshow me (your|the|my) request\b", re.IGNORECASE)
