"""A turn as Redis keeps it: one record that names its session and owner, verified when read."""

from __future__ import annotations

from typing import Any

import orjson

from proxy.domain.conversation import Turn, Usage
from proxy.store.record import SCHEMA, SENSELESS, Name, understood
from proxy.telemetry import logs


def encode(turn: Turn, session_id: str, owner: str) -> bytes:
    """The record: ``<tokens> <turn id> <JSON>``; the script that opens a session reads the front.

    Args:
        turn: what to keep.
        session_id: where it belongs.
        owner: whose it is.
    """
    record = {
        "v": SCHEMA,
        "session": session_id,
        "owner": owner,
        "question": turn.question,
        "answer": turn.answer,
        "model": turn.model,
        "finish_reason": turn.finish_reason,
        "usage": turn.usage._asdict(),
        "cost_usd": turn.cost_usd,
        "turns_sent": turn.turns_sent,
        "turns_left_out": turn.turns_left_out,
        "created_at": turn.created_at,
    }
    return b"%d %s %s" % (turn.tokens, turn.id.encode(), orjson.dumps(record))


def decode(raw: bytes, session_id: str, owner: str) -> Turn | None:
    """The turn of a record; None, and a line in the log, if it is not this session's and owner's.

    A record of another session or owner here would be a defect of the store; it is never shown.
    One that is damaged is left out likewise.
    """
    named = Name("turn", session_id, in_list=True)
    return understood(named, lambda reply: _turn(reply, session_id, owner), raw)


def _turn(raw: bytes, session_id: str, owner: str) -> Turn | None:
    tokens, turn_id, body = raw.split(b" ", 2)
    record: dict[str, Any] = orjson.loads(body)
    if (record["v"], record["session"], record["owner"]) != (SCHEMA, session_id, owner):
        logs.notice("foreign_turn", turn=turn_id.decode(), session=session_id)
        return None
    return Turn(
        turn_id.decode(),
        record["question"],
        record["answer"],
        record["model"],
        record["finish_reason"],
        Usage(**record["usage"]),
        record["cost_usd"],
        int(tokens),
        record["turns_sent"],
        record["turns_left_out"],
        record["created_at"],
    )


def decode_all(raw: list[bytes], session_id: str, owner: str) -> list[Turn]:
    """The turns of several records, in their order.

    They are looked at one by one only where one is damaged: a long history costs a third less so.
    """
    try:
        turns = [_turn(record, session_id, owner) for record in raw]
    except SENSELESS:
        turns = [decode(record, session_id, owner) for record in raw]
    return [turn for turn in turns if turn is not None]
