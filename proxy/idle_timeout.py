"""Ends a wait that takes too long, with one timer for all of somebody's waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import gevent

if TYPE_CHECKING:
    from collections.abc import Callable


class IdleTimeout:
    """How long somebody who waits again and again waits each time.

    gevent's sockets and events start a timer for each wait. This one looks now and then whether a
    wait has lasted too long: a part of the 11 us that a relayed chunk costs less, see
    docs/performance.md.
    """

    def __init__(self, seconds: float, act: Callable[[], None]) -> None:
        """Nobody waits yet.

        Args:
            seconds: how long each wait may last.
            act: ends one that has lasted so long; runs in gevent's hub.
        """
        self._seconds = seconds
        self._act = act
        self._since: float | None = None
        self._timer: Any = None

    def begin(self) -> None:
        """A wait begins."""
        self._since = time.monotonic()
        if self._timer is None:
            self._look_after(self._seconds)

    def end(self) -> None:
        """It is over."""
        self._since = None

    def close(self) -> None:
        """There will be no wait any more."""
        self._since = None
        if self._timer is not None:
            self._timer.close()

    def _look_after(self, seconds: float) -> None:
        self._timer = gevent.get_hub().loop.timer(seconds)
        self._timer.start(self._look)

    def _look(self) -> None:
        """End a wait that has lasted too long, or look again when it may have, if one began."""
        self._timer.close()
        self._timer = None
        if self._since is None:
            return
        left = self._since + self._seconds - time.monotonic()
        if left > 0:
            self._look_after(left)
        else:
            self._act()
