"""What workers do at this moment: requests in flight, open streams, who waits for what."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.domain.limits import Scope


@dataclass(frozen=True, slots=True)
class WaitedFor:
    """Whose limit requests wait for, or whose turn comes before theirs.

    Attributes:
        scope: of a user, key, team, model or of all (``upstream``); likewise id.
        id: which one.
        model: which model the requests ask.
    """

    scope: Scope
    id: str
    model: str


@dataclass(frozen=True, slots=True)
class Activity:
    """What one worker does, or several together.

    Attributes:
        in_flight: requests that are being answered; those that wait for their turn are not.
        open_streams: answers that stream, those included that wait for their turn.
        waiting: how many requests wait, by what for.
    """

    in_flight: int
    open_streams: int
    waiting: tuple[tuple[WaitedFor, int], ...] = ()

    @property
    def idle(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.in_flight or self.open_streams or self.waiting)


def together(parts: Iterable[Activity]) -> Activity:
    """What several workers do; those who wait for the same are one, the most first."""
    in_flight = open_streams = 0
    waiting: Counter[WaitedFor] = Counter()
    for part in parts:
        in_flight += part.in_flight
        open_streams += part.open_streams
        waiting.update(dict(part.waiting))
    return Activity(in_flight, open_streams, tuple(waiting.most_common()))
