"""The waiting room: a request that will wait is asked for again until its turn has come.

Redis says whose turn it is (reserve.lua); here is who waits in this worker. Of the requests of one
caller for one model the oldest asks; the others wait behind it.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gevent.event import Event

from proxy.domain.activity import WaitedFor
from proxy.domain.limits import Room
from proxy.telemetry import current, figures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.domain.limits import Bucket
    from proxy.domain.request import Caller
    from proxy.settings import Settings
    from proxy.store.buckets import Reserved

LEASE_MS = 2_000
"""A flow that is not heard of for so long waits no more: its worker is dead."""
_SHORTEST_S, _LONGEST_S = 0.01, 0.25
"""How soon and how late a request is asked for again, whatever its wait is thought to be."""
_TELL_S = 1.0


def rooms_of(caller: Caller, buckets: Sequence[Bucket], model: str) -> tuple[Room, ...]:
    """Where a request is ordered among those who wait, from the innermost to the outermost.

    Args:
        caller: who asks.
        buckets: the caller's limits, and then those that others share.
        model: whom it asks; each has a room of its own within a caller's.
    """
    outer = {bucket.scope: bucket.id for bucket in buckets[len(caller.buckets) :]}
    shared = (Room(scope, name, caller.flow, caller.weight) for scope, name in outer.items())
    return (*(room._replace(lane=model) for room in caller.rooms), *shared)


@dataclass(frozen=True, slots=True)
class Patience:
    """How a request waits.

    Attributes:
        seconds: for how long at most.
        tell: is told its position, from 1, and the seconds until its turn may come.
    """

    seconds: float
    tell: Callable[[int, float], None] = lambda _, __: None


@dataclass(slots=True)
class _Line:
    """Requests of one caller for one model, in this worker; the first one asks."""

    tickets: deque[Event] = field(default_factory=deque)
    answer: Reserved | None = None

    def position(self, ticket: Event) -> int:
        """The place in the room at the latest: each caller who waits may go once in a round."""
        ahead = self.tickets.index(ticket)
        if self.answer is None:
            return ahead + 1
        return self.answer.before + 1 + ahead * max(1, self.answer.waiting)

    @property
    def stopped_by(self) -> Room | Bucket | None:
        """What holds its first request up: the room it stands in, else its longest wait's limit."""
        if self.answer is None:
            return None
        enforced = [told for told in self.answer.balances if told.bucket.enforced]
        longest = max(enforced, key=lambda told: told.wait_s, default=None)
        return self.answer.room or (longest.bucket if longest else None)

    def eta_s(self, ticket: Event) -> float:
        """Seconds until the ticket's turn may come."""
        if self.answer is None:
            return 0.0
        waits = [told.wait_s for told in self.answer.balances if told.bucket.enforced]
        first = max(self.answer.turn_s, *waits, 0.0)
        return first * self.position(ticket) / (self.answer.before + 1)


class WaitingRoom:
    """All who wait in this worker."""

    def __init__(self, settings: Settings) -> None:
        self._most = settings.wait_max_per_worker
        self._most_of_caller = settings.wait_max_per_caller
        self._lines: dict[tuple[str, str], _Line] = {}
        self._worker = secrets.token_hex(6)

    @property
    def waiting(self) -> int:
        """How many requests wait here."""
        return sum(len(line.tickets) for line in self._lines.values())

    def waited_for(self) -> tuple[tuple[WaitedFor, int], ...]:
        """How many requests wait here, by what for, as far as Redis told what holds them up."""
        counts: Counter[WaitedFor] = Counter()
        for (_, model), line in self._lines.items():
            stop = line.stopped_by
            if stop:
                counts[WaitedFor(stop.scope, stop.id, model)] += len(line.tickets)
        return tuple(counts.items())

    def place(self, name: tuple[str, str]) -> str:
        """The line's name among those of all workers: one word."""
        return f"{self._worker}{hash(name):x}"

    def stands(self, name: tuple[str, str]) -> bool:
        """Whether somebody stands in this line."""
        return name in self._lines

    def has_place(self, name: tuple[str, str]) -> bool:
        """Whether one more may wait: of all, and of the caller."""
        caller, _ = name
        mine = sum(len(line.tickets) for (of, _), line in self._lines.items() if of == caller)
        return self.waiting < self._most and mine < self._most_of_caller

    def wait(
        self,
        name: tuple[str, str],
        patience: Patience,
        attempt: Callable[[bool], Reserved],
        leave: Callable[[], None],
    ) -> bool:
        """Wait until an attempt is granted; False when patience ran out, or no place is left.

        Args:
            name: the line it stands in: the caller, and what for.
            patience: for how long.
            attempt: asks Redis; is told whether others stand behind.
            leave: gives up the place in Redis when nobody of the line is left.
        """
        if not self.has_place(name):
            if not self.stands(name):
                leave()
            return False
        begun, redis_s = time.monotonic(), current.get().redis_s
        deadline = begun + patience.seconds
        line, ticket = self._lines.setdefault(name, _Line()), Event()
        line.tickets.append(ticket)
        granted = False
        told_at = 0.0
        try:
            while time.monotonic() < deadline:
                if line.tickets[0] is ticket:
                    line.answer = attempt(len(line.tickets) > 1)
                    if line.answer.granted:
                        granted = True
                        break
                eta = line.eta_s(ticket)
                if line.answer and time.monotonic() - told_at >= _TELL_S:
                    told_at = time.monotonic()
                    patience.tell(line.position(ticket), eta)
                pause = min(max(eta, _SHORTEST_S), _LONGEST_S, deadline - time.monotonic())
                ticket.wait(max(0.0, pause))
                ticket.clear()
        finally:
            _tell_wait(time.monotonic() - begun, redis_s, granted=granted)
            line.tickets.remove(ticket)
            if line.tickets:
                line.tickets[0].set()
            else:
                self._lines.pop(name, None)
                if not granted:
                    leave()
        return granted


def _tell_wait(seconds: float, redis_s: float, *, granted: bool) -> None:
    """Count how long a request waited; its round trips meanwhile are part of the wait."""
    figures.wait_seconds.observe(seconds, "granted" if granted else "given_up")
    now = current.get()
    now.waiting_s += seconds
    now.redis_s = redis_s
