"""A session, its turns, and what a turn used.

Turns and usages are named tuples, made three times as fast as frozen dataclasses: a prompt is made
of dozens of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

Message = dict[str, Any]
"""A message as ChatGPT's API has it: role, content, and tool_calls or tool_call_id."""


CANCELLED = "cancelled"
INTERRUPTED = "interrupted"
"""Finish reasons of ours: somebody stopped the turn; ChatGPT's answer broke off."""


class Usage(NamedTuple):
    """Tokens that a turn used; cached are part of the prompt, reasoning of the completion."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def remembered_tokens(self) -> int:
        """What the next prompt holds of this turn and all before it: reasoning is not sent back."""
        return self.total_tokens - self.reasoning_tokens

    def as_json(self) -> dict[str, Any]:
        """The usage as a reply shows it."""
        shown: dict[str, Any] = {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.total_tokens,
        }
        if self.cached_tokens:
            shown["prompt_tokens_details"] = {"cached_tokens": self.cached_tokens}
        if self.reasoning_tokens:
            shown["completion_tokens_details"] = {"reasoning_tokens": self.reasoning_tokens}
        if self.estimated:
            shown["estimated"] = True
        return shown


class Turn(NamedTuple):
    """A question and its answer, stored together or not at all.

    Attributes:
        id: the turn's id.
        question: what was added to the conversation: tool results and the user's message.
        answer: ChatGPT's message.
        model: the model as ChatGPT named it in its answer.
        tokens: how much of a prompt question and answer take, estimated where not reported.
        turns_sent: how many earlier turns ChatGPT was sent with the question.
        turns_left_out: how many older ones did not fit.
        created_at: when it was answered, milliseconds since 1970.
    """

    id: str
    question: list[Message]
    answer: Message
    model: str
    finish_reason: str
    usage: Usage
    cost_usd: float | None
    tokens: int
    turns_sent: int
    turns_left_out: int
    created_at: int

    @property
    def messages(self) -> list[Message]:
        """The turn as a prompt holds it; an answer that was cut off says so."""
        if not self.interrupted:
            return [*self.question, self.answer]
        cut = self.reply + "\n\n[The answer was interrupted here.]"
        return [*self.question, {"role": "assistant", "content": cut}]

    @property
    def interrupted(self) -> bool:
        """Whether the answer is only what was written before it was cancelled or broke off."""
        return self.finish_reason in {CANCELLED, INTERRUPTED}

    @property
    def reply(self) -> str:
        """The answer's text; empty when ChatGPT asked for tools alone."""
        return text_of(self.answer)

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """The tool calls that the next turn has to answer."""
        return self.answer.get("tool_calls") or []

    @property
    def answers_tools(self) -> bool:
        """Whether it begins with tool results, and so cannot stand without the turn before it."""
        return bool(self.question) and self.question[0].get("role") == "tool"

    def as_json(self) -> dict[str, Any]:
        """The turn's answer as POST /chat, `done` and GET /sessions/{id} show it."""
        shown: dict[str, Any] = {"turn_id": self.id, "reply": self.reply}
        if self.tool_calls:
            shown["tool_calls"] = self.tool_calls
        return shown | {
            "model": self.model,
            "finish_reason": self.finish_reason,
            "usage": self.usage.as_json(),
            "cost_usd": self.cost_usd,
            "context": {
                "turns_sent": self.turns_sent,
                "turns_left_out": self.turns_left_out,
            },
        }


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation's own settings; its turns are read beside it.

    Attributes:
        model: None for the service's default.
        parameters: sampling parameters of every turn, unless the turn says otherwise.
        ttl: seconds it is kept after its last turn.
        created_at: milliseconds since 1970, as is updated_at.
    """

    id: str
    owner: str
    title: str = ""
    system: str = ""
    persona: str = ""
    model: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    ttl: int = 0
    created_at: int = 0
    updated_at: int = 0
    turn_count: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that a turn holds.

    Attributes:
        session: its settings and how many turns it holds.
        turns: its newest turns, oldest first, as many as a prompt may take.
        fence: the number without which the turn cannot commit.
        replaced: the newest turn, when it is being answered anew; it is not among `turns`.
    """

    session: Session
    turns: list[Turn]
    fence: int
    replaced: Turn | None = None


def text_of(message: Message) -> str:
    """The text of a message; of a list of parts, that of its text parts; else its refusal."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or message.get("refusal") or "")


def called(tool_call: dict[str, Any]) -> tuple[str, str]:
    """What a tool call calls: the function and its arguments, or the custom tool and its input."""
    if "custom" in tool_call:
        return tool_call["custom"]["name"], tool_call["custom"]["input"]
    return tool_call["function"]["name"], tool_call["function"]["arguments"]


def title_from(message: str) -> str:
    """A title for a session from its first message: the first words, at most 60 characters."""
    line = " ".join(message.split())
    if len(line) <= 60:
        return line
    cut = line[:60].rsplit(" ", 1)[0]
    return cut + "…"
