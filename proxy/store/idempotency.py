"""Idempotency keys: the first request with one is answered, its repeats get the same answer.

When Redis is gone every verb raises StoreUnavailable.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxy.errors import IdempotencyConflict, ProxyError, RecordDamaged
from proxy.store import keyspace, record
from proxy.store.connection import Command, script

if TYPE_CHECKING:
    from proxy.domain.request import Claim

KEPT_MS = 86_400_000
"""Answers are kept for 24 hours."""
_KIND = "idempotency key"


@dataclass(slots=True)
class AlreadyAsked(ProxyError):
    """The key was used before for the same request.

    Attributes:
        turn_id: the turn that answers or answered it.
        answer: its answer; None while the turn runs.
        alive_us: until when it surely does, by Redis's clock, in microseconds since 1970.
    """

    turn_id: str
    answer: bytes | None
    alive_us: float = math.inf


def claim(of: Claim, turn_id: str, lease_ms: int) -> Command[None]:
    """Claim a key for a turn. The command raises AlreadyAsked or IdempotencyConflict."""

    def parse(reply: list[Any]) -> None:
        status = reply[0]
        if status == b"damaged":
            raise RecordDamaged(_KIND)
        if status == b"conflict":
            raise IdempotencyConflict(
                "This Idempotency-Key was used for another request: use a new one.",
                param="Idempotency-Key",
            )
        if status != b"claimed":
            answer = reply[2] if status == b"done" else None
            raise AlreadyAsked(reply[1].decode(), answer)

    arguments = (of.fingerprint, turn_id, lease_ms, of.owner)
    return script("claim", (_key(of),), arguments, parse, _name(of))


def renew(of: Claim, turn_id: str, lease_ms: int) -> Command[None]:
    """Hold a claim for another lease."""
    return script("claim_renew", (_key(of),), (turn_id, lease_ms), lambda _: None)


def finish(of: Claim, turn_id: str, answer: bytes, *, sure: bool = True) -> Command[None]:
    """Keep the answer for the key's repeats.

    Args:
        of: the key.
        turn_id: whose answer it is.
        answer: what repeats get.
        sure: whether they get it at once; else when it is kept once more, or when the turn's worker
            is dead.
    """
    return _end(of, turn_id, answer, sure=sure)


def drop(of: Claim, turn_id: str) -> Command[None]:
    """Free the key of a turn that came to nothing; an answer that is there already stays."""
    return _end(of, turn_id, b"")


def forget(of: Claim, turn_id: str) -> Command[None]:
    """Free a key whose turn was not stored after all, with its answer."""
    return _end(of, turn_id, b"", anyway=True)


def _end(
    of: Claim, turn_id: str, answer: bytes, *, anyway: bool = False, sure: bool = True
) -> Command[None]:
    arguments = (turn_id, answer, KEPT_MS, int(anyway), int(sure))
    return script("claim_end", (_key(of),), arguments, lambda _: None)


def look(of: Claim) -> Command[AlreadyAsked | None]:
    """What became of the turn that has the key; None when nobody has it any more."""

    def parse(reply: list[Any]) -> AlreadyAsked | None:
        turn_id, status, answer, alive_ms, *raw = reply
        if turn_id is None:
            return None
        marks = zip(("v", "owner"), raw, strict=True)
        record.verified({name: mark.decode() for name, mark in marks if mark is not None}, of.owner)
        told = answer if status == b"done" else None
        return AlreadyAsked(turn_id.decode(), told, float(alive_ms) * 1000)

    fields = ("turn", "status", "answer", "alive", "v", "owner")
    return Command(("HMGET", _key(of), *fields), parse, _name(of))


def _name(of: Claim) -> record.Name:
    return record.Name(_KIND, _digest(of))


def _key(of: Claim) -> str:
    return keyspace.claim(of.owner, _digest(of))


def _digest(of: Claim) -> str:
    return hashlib.sha256(of.key.encode()).hexdigest()
