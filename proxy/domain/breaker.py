"""When to stop asking somebody who fails again and again, and when to try once more.

Nothing is locked round a call: who wants to ask asks here first, and tells afterwards how it went.
"""

from __future__ import annotations

from typing import Literal

State = Literal["closed", "half_open", "open"]


class Breaker:
    """Closed at first: all may ask. Open after failures in a row: nobody may, for a while.

    After that while it is half open: one may ask, as a trial, and the others wait on. If the trial
    succeeds it is closed again; if it fails it is open twice as long as before. A trial that is
    never heard of again makes place for another after the same while.
    """

    def __init__(self, failures: int, first_s: float, longest_s: float) -> None:
        """Closed.

        Args:
            failures: so many in a row open it.
            first_s: how long it is open at first.
            longest_s: how long it is open at most.
        """
        self._most = failures
        self._first_s = first_s
        self._longest_s = longest_s
        self._failed = 0
        self._open_s = 0.0
        self._until = 0.0
        self._trial = False

    def wait_s(self, now: float) -> float:
        """Seconds until somebody may ask; 0 says that the caller may, and is to do it now.

        Args:
            now: seconds of a clock that never steps back; likewise in the other methods.
        """
        if not self._open_s:
            return 0.0
        if now < self._until:
            return self._until - now
        self._trial = True
        self._until = now + self._open_s
        return 0.0

    def succeeded(self) -> None:
        """Somebody was answered."""
        self._failed, self._open_s, self._trial = 0, 0.0, False

    def failed(self, now: float) -> None:
        """Somebody was not; who asked before it opened changes nothing any more."""
        if self._trial:
            self._open(now, min(2 * self._open_s, self._longest_s))
        elif not self._open_s:
            self._failed += 1
            if self._failed >= self._most:
                self._open(now, self._first_s)

    def state(self, now: float) -> State:
        """What it is."""
        if not self._open_s:
            return "closed"
        return "half_open" if self._trial or now >= self._until else "open"

    def _open(self, now: float, seconds: float) -> None:
        self._open_s, self._until, self._trial = seconds, now + seconds, False
