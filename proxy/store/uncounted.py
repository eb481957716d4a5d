"""What was used while Redis was gone: summed up in memory, and counted once when it is back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from proxy.domain.identifiers import new_turn_id
from proxy.domain.usage import summed
from proxy.store import buckets, usage
from proxy.store.connection import ping
from proxy.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.domain.usage import Metrics
    from proxy.domain.usage_report import Kind
    from proxy.store.connection import Command
    from proxy.store.owed import Owed
    from proxy.store.usage import Count

MOST_KEPT = 2_000
"""Sums in a worker's memory, each of a key, team, user or model in an hour: some two megabytes."""
_AT_ONCE = 200
"""How many are handed in in one round trip."""


class Uncounted:
    """The usage that a worker could not tell Redis yet."""

    def __init__(self, keep_s: int) -> None:
        """Nothing was used yet.

        Args:
            keep_s: for how long a day's usage is kept.
        """
        self._keep_s = keep_s
        self._sums: dict[tuple[Kind, str, int], Metrics] = {}
        self._owing = False
        self._left_out = 0

    def add(
        self, things: Sequence[tuple[Kind, str]], metrics: Mapping[str, int], now: float
    ) -> None:
        """Count a request for each of these things, in the hour that it is `now`."""
        hour = int(now) // usage.HOUR_S
        for kind, name in things:
            at = kind, name, hour
            if at in self._sums or len(self._sums) < MOST_KEPT:
                self._sums[at] = summed((self._sums.get(at, {}), metrics))
            else:
                self._left_out += 1

    def owe(self, owed: Owed) -> None:
        """Owe all that is summed up when Redis answers; once, however often it is asked for."""
        if self._sums and not self._owing:
            self._owing = True
            owed.add([ping()], partial(self._handed_in, owed))

    def _handed_in(self, owed: Owed, replies: list[Any]) -> Sequence[Command[Any]]:
        """Owe the sums for good; after too long an outage they are forgotten."""
        sums, self._sums, self._owing = self._sums, {}, False
        left_out, self._left_out = self._left_out + (0 if replies else len(sums)), 0
        if left_out:
            logs.notice("usage_not_counted", times=left_out)
        counts = [self._count(*at, metrics) for at, metrics in sums.items()] if replies else []
        for first in range(0, len(counts), _AT_ONCE):
            _owe_once(owed, counts[first : first + _AT_ONCE])
        return ()

    def _count(self, kind: Kind, name: str, hour: int, metrics: Metrics) -> Count:
        return usage.count([(kind, name)], metrics, hour * usage.HOUR_S, self._keep_s)


def _owe_once(owed: Owed, counts: Sequence[Count]) -> None:
    """Owe these counts: each settles a reservation of nothing, and that happens only once."""
    named = {new_turn_id(): count for count in counts}
    settled = [buckets.settle(name, [], {}, count=count) for name, count in named.items()]
    owed.add(
        [buckets.reserve(name, [], {}) for name in named],
        lambda replies: settled if replies else (),
    )
