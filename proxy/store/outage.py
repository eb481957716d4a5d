"""An outage of Redis, as this worker sees it: who asks while it lasts is refused at once.

While it lasts one thread asks Redis whether it is back, ever less often, so that no caller waits
for the answer. Each worker finds out for itself: a way to Redis may be broken for one host alone.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from proxy.domain.breaker import Breaker
from proxy.errors import StoreUnavailable
from proxy.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.settings import Settings

RETRY_AFTER_S = 1.0
_FIRST_PART = 0.1
"""Of the longest pause between two looks: most outages are a restart."""


def unavailable() -> StoreUnavailable:
    """What a caller is told."""
    return StoreUnavailable(
        "The store of conversations cannot be reached: try again in a moment.",
        retry_after=RETRY_AFTER_S,
    )


class Outage:
    """Begins after so many failures in a row, and ends when Redis answers.

    Attributes:
        lasts: whether Redis is not to be asked now.
        times: how many there were.
    """

    def __init__(self, settings: Settings, answers: Callable[[], bool]) -> None:
        """There is none.

        Args:
            settings: how many failures it takes, and the longest pause between two looks.
            answers: asks Redis; whether it answers.
        """
        longest_s = settings.redis_breaker_pause
        self.lasts = False
        self.times = 0
        self._breaker = Breaker(settings.redis_breaker_failures, longest_s * _FIRST_PART, longest_s)
        self._answers = answers
        self._failed = False
        self._begun = self._before_s = 0.0
        self._closed = threading.Event()

    @property
    def seconds(self) -> float:
        """How long all of them lasted, this one included."""
        return self._before_s + (time.monotonic() - self._begun if self.lasts else 0.0)

    def succeeded(self) -> None:
        """Redis answered."""
        if self._failed and not self.lasts:
            self._failed = False
            self._breaker.succeeded()

    def failed(self) -> None:
        """Redis did not answer."""
        self._failed = True
        now = time.monotonic()
        self._breaker.failed(now)
        if not self.lasts and self._breaker.state(now) != "closed":
            self.lasts, self._begun, self.times = True, now, self.times + 1
            logs.notice("redis_gone")
            threading.Thread(target=self._watch, name="redis-watch", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.is_set():
            pause_s = self._breaker.wait_s(time.monotonic())
            if pause_s:
                self._closed.wait(pause_s)
            elif self._answers():
                self._end()
                return
            else:
                self._breaker.failed(time.monotonic())

    def _end(self) -> None:
        self._before_s = self.seconds
        self.lasts = self._failed = False
        self._breaker.succeeded()
        logs.notice("redis_back", seconds=round(time.monotonic() - self._begun, 1))
