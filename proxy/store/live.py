"""A turn that streams in this worker: its events in memory, from its producer to its readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gevent
import orjson
from gevent.event import Event
from gevent.hub import Waiter

from proxy.idle_timeout import IdleTimeout
from proxy.store.turn_log import frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.errors import ApiError

KEPT_BYTES = 131_072
"""Flushed events that stay in memory for readers; who is further behind reads the log in Redis."""
UNFLUSHED_BYTES = 1_048_576
"""What may wait for the keeper: its producer stops reading ChatGPT above that."""
_LONGEST_STOP_S = 1.0
"""A keeper that cannot reach Redis does not hold a producer up for longer."""


class LiveTurn:
    """The events of one turn; those that are flushed and old are in Redis alone.

    Attributes:
        turn_id: whose events.
        owner: who may read them.
        session_id: the turn's session.
        last: the number of the newest event; they count from 1.
        ended: whether the newest event is the last.
        flushed: the number of the newest event that is in Redis.
        result: the last event's JSON.
        failure: why the turn failed, if it did.
        cancel: stops the turn; set by its producer.
        dropped: the parameters that were left out.
    """

    def __init__(self, turn_id: str, owner: str, session_id: str) -> None:
        self.turn_id = turn_id
        self.owner = owner
        self.session_id = session_id
        self.last = 0
        self.flushed = 0
        self.ended = False
        self.result = b""
        self.failure: ApiError | None = None
        self.dropped: tuple[str, ...] = ()
        self.cancel: Callable[[], None] = lambda: None
        self._frames: list[bytes] = []
        self._bytes = 0
        self._unflushed_bytes = 0
        self._flushed_some = Event()
        self._listeners: set[Listener] = set()

    def fork(self) -> LiveTurn:
        """The same turn, which goes on for others when it ends otherwise for its readers here."""
        other = LiveTurn(self.turn_id, self.owner, self.session_id)
        other.last, other.flushed = self.last, self.flushed
        other._frames, other._bytes = self._frames.copy(), self._bytes
        return other

    def end(self, kind: str, data: bytes) -> None:
        """Add the last event."""
        self.ended = True
        self.result = data
        self.append(kind, data)

    def fail(self, error: ApiError) -> None:
        """End with an `error` event."""
        self.failure = error
        self.end("error", orjson.dumps(error.body()))

    def append(self, kind: str, data: bytes) -> None:
        """Add an event and wake the readers."""
        self.last += 1
        added = frame(self.last, kind, data)
        self._frames.append(added)
        self._bytes += len(added)
        self._unflushed_bytes += len(added)
        for listener in self._listeners:
            listener.wake()

    def let_keeper_catch_up(self) -> None:
        """Wait for a flush if too much waits for one, so that memory does not grow with it."""
        if self._unflushed_bytes > UNFLUSHED_BYTES:
            self._flushed_some.clear()
            self._flushed_some.wait(_LONGEST_STOP_S)

    def after(self, number: int) -> list[bytes] | None:
        """The events after this one; None when some of them are not in memory any more."""
        first = self.last - len(self._frames) + 1
        if number + 1 < first:
            return None
        return self._frames[number + 1 - first :]

    def listen(self, silence_s: float) -> Listener:
        """Somebody reads this turn's events, until they close what they get here.

        Args:
            silence_s: how long they wait for the next one.
        """
        listener = Listener(self, silence_s)
        self._listeners.add(listener)
        return listener

    def forget(self, listener: Listener) -> None:
        """They do not any more."""
        self._listeners.discard(listener)

    def unflushed(self) -> bytes:
        """The events that are not in Redis yet."""
        return b"".join(self.after(self.flushed) or ())

    @property
    def unflushed_events(self) -> int:
        """How many events are not in Redis yet."""
        return self.last - self.flushed

    def note_flushed(self, number: int) -> None:
        """Events up to this one are in Redis; drop from memory what is too much."""
        self.flushed = number
        self._unflushed_bytes = sum(map(len, self.after(number) or ()))
        self._flushed_some.set()
        first = self.last - len(self._frames) + 1
        drop = 0
        while self._bytes > KEPT_BYTES and first + drop <= number:
            self._bytes -= len(self._frames[drop])
            drop += 1
        if drop:
            del self._frames[:drop]


class Listener:
    """Somebody who waits for a turn's events.

    It is woken through gevent's loop, which costs less than an event of gevent's for each wait: a
    part of the 11 us of docs/performance.md.
    """

    def __init__(self, live: LiveTurn, silence_s: float) -> None:
        """As `LiveTurn.listen`."""
        self._live = live
        self._waiter: Any = None
        self._loop = gevent.get_hub().loop
        self._idle_timeout = IdleTimeout(silence_s, self._tell_silence)

    def wait(self, number: int) -> bool:
        """Wait for an event after this one; False when none came in time."""
        if self._live.last > number or self._live.ended:
            return True
        self._waiter = waiter = Waiter()
        self._idle_timeout.begin()
        try:
            return bool(waiter.get())
        finally:
            self._waiter = None
            self._idle_timeout.end()

    def wake(self) -> None:
        """There is an event."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._loop.run_callback(waiter.switch, True)  # noqa: FBT003 - what `wait` answers

    def close(self) -> None:
        """Wait no more."""
        self._idle_timeout.close()
        self._live.forget(self)

    def _tell_silence(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.switch(False)  # noqa: FBT003 - likewise
