"""Ids that cannot be guessed: 128 random bits behind a prefix that says what they name."""

from __future__ import annotations

import re
import secrets

_SHAPE = re.compile(r"[A-Za-z0-9_-]{22}")


def new_session_id() -> str:
    """A new session's id, such as ``s_q0mN2...`` (24 characters)."""
    return "s_" + secrets.token_urlsafe(16)


def new_turn_id() -> str:
    """A new turn's id, such as ``t_q0mN2...`` (24 characters)."""
    return "t_" + secrets.token_urlsafe(16)


def is_session_id(text: str) -> bool:
    """Whether the text has the shape of a session id; nothing else may become part of a key."""
    return text.startswith("s_") and _SHAPE.fullmatch(text, 2) is not None


def is_turn_id(text: str) -> bool:
    """Whether the text has the shape of a turn id."""
    return text.startswith("t_") and _SHAPE.fullmatch(text, 2) is not None
