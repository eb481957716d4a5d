"""What of a conversation is sent: the system message, the newest turns that fit, the question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.domain.tokens import PER_PROMPT, Calibration, estimate_messages
from proxy.errors import ContextLengthExceeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.domain.catalog import Model
    from proxy.domain.conversation import Message, Turn

_MARGIN = 0.98
"""The share of a window that is filled: estimates may be a little low."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The messages to send and what is known of them.

    Attributes:
        tokens: their estimated size.
        question_tokens: the question's part of them.
        known_tokens: the part that ChatGPT itself reported with the last turn.
        raw_estimate: the rest before the model's correction; 0 when it holds estimates of turns,
            from which nothing can be learned.
        turns_sent: earlier turns among the messages.
        turns_left_out: older turns that did not fit.
    """

    messages: list[Message]
    tokens: int
    question_tokens: int
    known_tokens: int
    raw_estimate: int
    turns_sent: int
    turns_left_out: int


def window(model: Model, max_tokens: int | None, ceiling: int) -> int:
    """Tokens a prompt may take: the model's window, or the lower ceiling, less the answer's room.

    Args:
        model: whose window.
        max_tokens: the answer's room if the caller set it.
        ceiling: the operator's own limit on a prompt, 0 for none.
    """
    size = int((model.context - model.room(max_tokens)) * _MARGIN)
    return min(size, ceiling) if ceiling else size


def fit(
    system: str,
    turns: Sequence[Turn],
    turn_count: int,
    question: Sequence[Message],
    *,
    model: Model,
    room: int,
    history_room: int | None = None,
    calibration: Calibration,
) -> Prompt:
    """Put a prompt together: system kept, newest turns first, tool call and result never parted.

    The size of the history is what ChatGPT reported for the last turn where that turn was sent the
    same history; else the sum of the turns' own sizes.

    Args:
        system: the system message, or nothing.
        turns: the newest turns of the session, oldest first; older ones may be missing.
        turn_count: how many turns the session holds.
        question: the new messages.
        model: whose tokens are counted.
        room: tokens the prompt may take.
        history_room: what it may take with its history, where that is less: a token bucket's
            capacity, which a long session would outgrow for good.
        calibration: corrects the estimates.

    Raises:
        ContextLengthExceeded: system and question alone (with the tool call they answer) are more
            than `room`.
    """
    opening: list[Message] = [{"role": "system", "content": system}] if system else []
    raw_question = estimate_messages(question)
    raw = estimate_messages(opening) + raw_question + PER_PROMPT
    fixed = calibration.correct(model.name, raw)
    kept = turns[_first_that_fits(turns, min(room, history_room or room) - fixed) :]
    if question[0]["role"] == "tool" and turns and not kept:
        fixed = max(fixed + turns[-1].tokens, room + 1)
    if fixed > room:
        raise _too_long(fixed, room)
    left_out = turn_count - len(kept)
    known = kept[-1].usage.remembered_tokens if _same_history(kept, left_out) else 0
    question_tokens = calibration.correct(model.name, raw_question)
    return Prompt(
        messages=[*opening, *(m for turn in kept for m in turn.messages), *question],
        tokens=known + question_tokens if known else fixed + sum(turn.tokens for turn in kept),
        question_tokens=question_tokens,
        known_tokens=known,
        raw_estimate=raw_question if known else 0 if kept else raw,
        turns_sent=len(kept),
        turns_left_out=left_out,
    )


def _first_that_fits(turns: Sequence[Turn], room: int) -> int:
    """The index of the oldest turn to send; a turn that answers tool calls needs the one before."""
    first = len(turns)
    for index in range(len(turns) - 1, -1, -1):
        room -= turns[index].tokens
        if room < 0:
            break
        if not turns[index].answers_tools:
            first = index
    return first


def _same_history(kept: Sequence[Turn], left_out: int) -> bool:
    return bool(kept) and kept[-1].turns_left_out == left_out and not kept[-1].usage.estimated


def _too_long(tokens: int, room: int) -> ContextLengthExceeded:
    return ContextLengthExceeded(
        f"The message takes about {tokens} tokens with the instructions, and {room} fit the "
        "model's context window beside the room held for the answer: shorten it, lower "
        "max_tokens, or choose a model with a larger window.",
        param="message",
    )
