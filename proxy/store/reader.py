"""Reads a turn's events: from memory where it streams, from its log anywhere else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson

from proxy.errors import ApiError, StoreUnavailable, TurnNotFound
from proxy.store import turn_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.settings import Settings
    from proxy.store.connection import Store
    from proxy.store.keeper import Keeper
    from proxy.store.live import LiveTurn

POLL_S = 0.1
"""How often a log that another worker writes is looked at: as often as it is written."""


class Reader:
    """Follows turns on behalf of clients."""

    def __init__(self, store: Store, keeper: Keeper, settings: Settings) -> None:
        self._store = store
        self._keeper = keeper
        self._heartbeat = settings.heartbeat

    def follow(self, turn_id: str, owner: str, after: int) -> Iterator[bytes]:
        """The turn's events after number `after`, as server-sent bytes, until its last one.

        Nothing at all (``b""``) is given after each heartbeat of silence.

        Raises:
            TurnNotFound: no such turn of this owner's streams here or is kept; raised at once.
            StoreUnavailable: Redis cannot be asked.
        """
        live = self._keeper.live(turn_id)
        if live is not None:
            if live.owner != owner:
                raise TurnNotFound(f"No turn {turn_id[:64]!r} streams here, or not yours.")
            return self.follow_live(live, after)
        first = self._read(turn_id, owner, after)
        return self._follow_log(turn_id, owner, after, first)

    def whole(self, turn_id: str, owner: str) -> list[bytes] | None:
        """All events of a turn that is stored; None if its worker died before it told them all.

        A worker that writes them this moment is waited for, no longer than its lease. Raises as
        `follow` does.
        """
        told = [frame for frame in self.follow(turn_id, owner, 0) if frame]
        return None if not told or b"\nevent: error\n" in told[-1] else told

    def follow_live(self, live: LiveTurn, after: int = 0) -> Iterator[bytes]:
        """The events of a turn that streams in this worker, as in `follow`."""
        number, listener = after, live.listen(self._heartbeat)
        try:
            while True:
                frames = live.after(number)
                if frames is None:
                    events = self._read_on(live.turn_id, live.owner, number)
                    for last, frame in events.frames:
                        number = last
                        yield frame
                    if not events.running:
                        return
                elif frames:
                    number += len(frames)
                    yield b"".join(frames)
                elif live.ended:
                    return
                elif not listener.wait(number):
                    yield b""
        finally:
            listener.close()

    def _follow_log(
        self, turn_id: str, owner: str, after: int, events: turn_log.Events
    ) -> Iterator[bytes]:
        number, spoke = after, time.monotonic()
        while True:
            for last, frame in events.frames:
                number = last
                yield frame
            if not events.running:
                return
            if events.frames:
                spoke = time.monotonic()
            elif time.monotonic() - spoke >= self._heartbeat:
                spoke = time.monotonic()
                yield b""
            time.sleep(POLL_S)
            events = self._read_on(turn_id, owner, number)

    def _read_on(self, turn_id: str, owner: str, after: int) -> turn_log.Events:
        """More for a client that was told something already: what fails is the last event.

        While Redis is gone it is waited for as long as a client hears nothing. The event has the
        number of the one before, so that who comes back misses nothing.
        """
        deadline = time.monotonic() + self._heartbeat
        while True:
            try:
                return self._read(turn_id, owner, after)
            except ApiError as error:
                if not isinstance(error, StoreUnavailable) or time.monotonic() > deadline:
                    told = turn_log.frame(after, "error", orjson.dumps(error.body()))
                    return turn_log.Events([(after, told)], running=False)
            time.sleep(POLL_S)

    def _read(self, turn_id: str, owner: str, after: int) -> turn_log.Events:
        return self._store.run(turn_log.read(turn_id, owner, after, self._keeper.kept_ms))
