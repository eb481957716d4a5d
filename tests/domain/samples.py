"""Turns and models as tests of the domain need them."""

from __future__ import annotations

from typing import Any

from proxy.domain.conversation import Turn, Usage

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def turn(
    number: int = 1,
    *,
    tokens: int = 10,
    calls: bool = False,
    answers: bool = False,
    **changes: Any,
) -> Turn:
    """A turn that asks for a tool (`calls`), or begins with the result of one (`answers`)."""
    result = {"role": "tool", "tool_call_id": "call_1", "content": f"result {number}"}
    question = {"role": "user", "content": f"question {number}"}
    answer: dict[str, Any] = {"role": "assistant", "content": f"answer {number}"}
    fields: dict[str, Any] = {
        "id": f"t_{number}",
        "question": [result] if answers else [question],
        "answer": answer | ({"content": None, "tool_calls": [CALL]} if calls else {}),
        "model": "m",
        "finish_reason": "tool_calls" if calls else "stop",
        "usage": Usage(20, 10),
        "cost_usd": None,
        "tokens": tokens,
        "turns_sent": 0,
        "turns_left_out": 0,
        "created_at": 1_795_377_781_000,
    }
    return Turn(**fields | changes)
