"""Limits while Redis is gone: a worker refuses, or enforces its share of them by itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from proxy.domain.local_limits import LocalLimits
from proxy.store.outage import unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.domain.limits import Balance, Bucket
    from proxy.domain.local_limits import Answer, Held
    from proxy.settings import Settings
    from proxy.store.outage import Outage

MOST_KEPT = 20_000
"""Token buckets in a worker's memory: some ten megabytes; who comes then is refused."""


class Degradation:
    """The limits of a worker that Redis has left alone.

    Attributes:
        admitted: how many requests it let pass by its share alone.
        refused: how many it refused so.
    """

    def __init__(self, settings: Settings, outage: Outage) -> None:
        self.admitted = 0
        self.refused = 0
        self._wanted = settings.on_store_failure == "local"
        self._outage = outage
        self._limits = LocalLimits(settings.workers, MOST_KEPT)

    @property
    def lasts(self) -> bool:
        """Whether this worker enforces limits itself at this moment."""
        return self._wanted and self._outage.lasts

    @property
    def seconds(self) -> float:
        """For how long it did, this time included."""
        return self._outage.seconds if self._wanted else 0.0

    def reserve(self, buckets: Sequence[Bucket], costs: Mapping[str, int]) -> Answer:
        """Take a request's costs from this worker's shares, or nothing.

        Shadow budgets and ChatGPT's own limits are not known here.

        Raises:
            StoreUnavailable: there is a budget, or limits of too many callers are kept already.
        """
        if any(bucket.resource == "usd" and bucket.enforced for bucket in buckets):
            raise unavailable()
        known = [b for b in buckets if b.resource != "usd" and not b.learned]
        answer = self._limits.reserve(known, costs, _now_us())
        if answer.full:
            raise unavailable()
        self.admitted += answer.held is not None
        self.refused += answer.held is None
        return answer

    def settle(self, held: Held, costs: Mapping[str, int]) -> list[Balance]:
        """Charge what a request really cost in place of what it took; once, at its end."""
        return self._limits.settle(held, costs, _now_us())


def _now_us() -> int:
    return time.monotonic_ns() // 1000
