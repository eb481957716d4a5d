"""The log of a turn that streams: its events in Redis, for readers that come back on any worker.

Events are numbered from 1 and kept as server-sent events, in batches. When Redis is gone every
verb raises StoreUnavailable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from proxy.errors import RecordDamaged, TurnInterrupted, TurnNotFound
from proxy.store import keyspace, record
from proxy.store.connection import Command, script

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNNING_MS = 3_600_000
"""How long a log is kept without news of its producer: longer than a turn may take."""
BATCHES = 256
_AHEAD = 1_000_000
"""Far more events than a producer writes between two flushes."""


@dataclass(frozen=True, slots=True)
class Events:
    """What a reader gets: events as server-sent bytes, each with its number, and if more follow."""

    frames: list[tuple[int, bytes]]
    running: bool


def frame(number: int, kind: str, data: bytes) -> bytes:
    """An event as it is sent and kept."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, kind.encode(), data)


def begin(turn_id: str, owner: str, session_id: str, lease_ms: int) -> Command[None]:
    """Begin a turn's log."""
    arguments = (owner, session_id, lease_ms, RUNNING_MS)
    return script("turn_begin", keyspace.turn(turn_id), arguments, lambda _: None)


def append(
    turn_id: str, last: int, events: bytes, lease_ms: int, ended_keep_ms: int | None
) -> Command[bool]:
    """Append events, the last of which has number `last`; renews the producer's lease.

    Args:
        turn_id: whose log.
        last: the number of the last event there is.
        events: what is new; may be nothing.
        lease_ms: how long the producer counts as alive from now.
        ended_keep_ms: how long to keep the log of a turn that ends with these; None if it runs on.

    Answers whether somebody asked to cancel the turn.
    """
    ended = ended_keep_ms is not None
    keep = ended_keep_ms if ended_keep_ms is not None else RUNNING_MS
    arguments = (last, events, lease_ms, keep, "ended" if ended else "running")
    return script("turn_append", keyspace.turn(turn_id), arguments, lambda reply: reply == 1)


def read(turn_id: str, owner: str, after: int, ended_keep_ms: int) -> Command[Events]:
    """The events after number `after`, at most some 250 batches of them.

    A turn whose producer died ends here with an `error` event. The command raises TurnNotFound.
    """
    died = orjson.dumps(TurnInterrupted().body())
    epitaph = b"\nevent: error\ndata: " + died + b"\n\n"
    arguments = (owner, after, BATCHES, _AHEAD, epitaph, ended_keep_ms)

    def parse(reply: Any) -> Events:
        _refuse(reply, turn_id)
        frames = list(_frames(reply[1:], after))
        complete = len(reply) <= BATCHES
        return Events(frames, running=reply[0] == b"running" or not complete)

    return script("turn_read", keyspace.turn(turn_id), arguments, parse, _name(turn_id))


def cancel(turn_id: str, owner: str) -> Command[tuple[str, str]]:
    """Ask a turn's producer to stop; the turn's status and session. Raises TurnNotFound."""

    def parse(reply: Any) -> tuple[str, str]:
        _refuse(reply, turn_id)
        return reply[0].decode(), reply[1].decode()

    return script("turn_cancel", keyspace.turn(turn_id), (owner,), parse, _name(turn_id))


def _name(turn_id: str) -> record.Name:
    return record.Name("turn", turn_id)


def _refuse(reply: Any, turn_id: str) -> None:
    if not reply:
        raise TurnNotFound(f"No turn {turn_id[:64]!r} streams here, or not yours.")
    if reply[0] == b"damaged":
        raise RecordDamaged("turn")


def _frames(batches: list[bytes], after: int) -> Iterator[tuple[int, bytes]]:
    """Each event once: a batch whose arrival was not confirmed is there again within the next."""
    for batch in batches:
        for part in batch.split(b"\n\n")[:-1]:
            number = int(part[4 : part.index(b"\n")])
            if number > after:
                after = number
                yield number, part + b"\n\n"
