"""What this worker does, on the way to Redis: the keeper takes it along about once a second."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from proxy.domain.activity import Activity
from proxy.store import activity

if TYPE_CHECKING:
    from proxy.store.connection import Command
    from proxy.waiting import WaitingRoom
    from proxy.workload import Workload

LOOK_S = 1.0
"""How often a worker looks at what it does."""
BUSY_LOOKS = 3
"""Who is found busy so many times running tells it in a round trip of its own."""


class Telling:
    """Tells Redis what this worker does; what is not told anew is forgotten there.

    It goes along with what the keeper has to write anyway: streams always have something. A worker
    that is busy without them for some seconds takes a round trip of its own; a short request never
    costs one.
    """

    def __init__(self, workload: Workload, room: WaitingRoom) -> None:
        self._workload = workload
        self._room = room
        self._worker = secrets.token_hex(6)
        self._looked = 0.0
        self._busy = 0
        self._told = Activity(0, 0)

    def news(self, *, alone: bool) -> list[Command[None]]:
        """The commands that say what this worker does; none where that is not worth it.

        Args:
            alone: whether nothing else goes to Redis with them.
        """
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return []
        self._looked = now
        running = max(0, self._workload.turns - self._room.waiting)
        doing = Activity(running, self._workload.streams, self._room.waited_for())
        self._busy = 0 if doing.idle else self._busy + 1
        worth_it = self._busy >= BUSY_LOOKS if alone else self._busy or not self._told.idle
        if not worth_it:
            return []
        self._told = doing
        return activity.tell(self._worker, doing)
