"""From what a request asks, whichever endpoint it came to, to what is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from proxy.simulator.examples import example
from proxy.simulator.talk import talk
from proxy.simulator.tokens import CHARACTERS_PER_TOKEN, count_text, text_of

if TYPE_CHECKING:
    from proxy.simulator.script import Reply

_FILLER = "The quick brown fox jumps over the lazy dog while five wizards box quietly. "


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request asks for, whichever endpoint it came to.

    Attributes:
        model: the model's name as requested.
        messages: the conversation, as a chat completion has it.
        parameters: the rest of the request.
        prompt_tokens: what the prompt takes.
        tools: parameters, as a JSON schema, of each function that may be called, by its name.
        tool_choice: "auto", "none", "required", or the name of the function to call.
        parallel: whether several functions may be called at once.
        schema: the JSON schema of the answer; None for plain words.
        stop: texts before which the answer ends.
        max_tokens: the longest answer.
        choices: how many answers are wanted.
    """

    model: str
    messages: list[dict[str, Any]]
    parameters: dict[str, Any]
    prompt_tokens: int
    tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    tool_choice: str = "auto"
    parallel: bool = True
    schema: dict[str, Any] | None = None
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    choices: int = 1


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function to call, with its arguments as JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: words, or calls and no words.

    Attributes:
        text: the words.
        tool_calls: the calls.
        finish_reason: "stop", "length" or "tool_calls", or what the script says.
        usage: tokens as a chat completion reports them; None for no report.
    """

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str
    usage: dict[str, Any] | None


def compose(ask: Ask, reply: Reply) -> Answer:
    """Answer as scripted, and by default from what was sent."""
    calls = _scripted_calls(reply)
    if not calls and reply.text is None and reply.total_chars is None:
        calls = _wanted_calls(ask)
    text, finish_reason = ("", "tool_calls") if calls else _fitted(_words(ask, reply), ask)
    tokens = count_text(text) + sum(count_text(call.name + call.arguments) for call in calls)
    estimate = _usage(ask.prompt_tokens, tokens * ask.choices)
    return Answer(
        text=text,
        tool_calls=calls,
        finish_reason=reply.finish_reason or finish_reason,
        usage=estimate if isinstance(reply.usage, str) else reply.usage,
    )


def _scripted_calls(reply: Reply) -> tuple[ToolCall, ...]:
    return tuple(_call(call.name, call.arguments) for call in reply.tool_calls)


def _call(name: str, arguments: dict[str, Any] | str) -> ToolCall:
    text = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
    return ToolCall(f"call_{uuid4().hex[:24]}", name, text)


def _wanted_calls(ask: Ask) -> tuple[ToolCall, ...]:
    """Calls of the functions that are demanded, or that the last message mentions."""
    last = ask.messages[-1]
    if last["role"] != "user" or ask.tool_choice == "none":
        return ()
    if ask.tool_choice in ask.tools:
        names = [ask.tool_choice]
    else:
        said = text_of(last.get("content")).lower()
        names = [name for name in ask.tools if _mentions(said, name.lower())]
    if not names and ask.tool_choice == "required":
        names = list(ask.tools)[:1]
    if not ask.parallel:
        names = names[:1]
    return tuple(_call(name, _arguments(ask.tools[name])) for name in names)


def _mentions(said: str, name: str) -> bool:
    return name in said or name.replace("_", " ") in said


def _arguments(schema: dict[str, Any]) -> dict[str, Any]:
    arguments = example({"type": "object"} | schema, "some {}".format)
    return arguments if isinstance(arguments, dict) else {}


def _words(ask: Ask, reply: Reply) -> str:
    if reply.total_chars is not None:
        return (_FILLER * (reply.total_chars // len(_FILLER) + 1))[: reply.total_chars]
    if reply.text is not None:
        return reply.text
    words = talk(ask.messages, ask.parameters)
    if ask.schema is None:
        return words
    return orjson.dumps(example(ask.schema, lambda _: words)).decode()


def _fitted(text: str, ask: Ask) -> tuple[str, str]:
    """The text up to the first stop and within the longest answer, and why it ends there."""
    ends = [text.find(stop) for stop in ask.stop]
    text = text[: min((end for end in ends if end >= 0), default=len(text))]
    if ask.max_tokens is None or count_text(text) <= ask.max_tokens:
        return text, "stop"
    return text[: ask.max_tokens * CHARACTERS_PER_TOKEN], "length"


def _usage(prompt_tokens: int, completion_tokens: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
