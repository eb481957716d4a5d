"""What a worker is and does at this moment, on the way to its figures."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, get_args

from proxy.domain.breaker import State
from proxy.domain.limits import Resource, Scope
from proxy.telemetry import figures, ledger
from proxy.telemetry.instruments import Followed
from proxy.upstream import failures

if TYPE_CHECKING:
    from proxy.degradation import Degradation
    from proxy.store.outage import Outage
    from proxy.upstream.client import Upstream
    from proxy.waiting import WaitingRoom
    from proxy.workload import Workload


class Sampler:
    """Looks, several times a second, at what would cost more to count as it happens."""

    def __init__(
        self,
        workload: Workload,
        room: WaitingRoom,
        upstream: Upstream,
        outage: Outage,
        degradation: Degradation,
    ) -> None:
        self._workload = workload
        self._room = room
        self._upstream = upstream
        self._outage = outage
        self._degradation = degradation
        self._outages = Followed(figures.redis_outages)
        self._outage_seconds = Followed(figures.redis_outage_seconds)
        self._degraded_seconds = Followed(figures.degraded_seconds)
        self._admitted = Followed(figures.degraded_requests, "admitted")
        self._refused = Followed(figures.degraded_requests, "refused")
        _begin_at_zero()

    def sample(self) -> None:
        """Look once."""
        load, room = self._workload, self._room
        figures.connections.set(load.requests)
        figures.in_flight.set(max(0, load.turns - room.waiting))
        figures.open_streams.set(load.streams)
        waiting: Counter[str] = Counter()
        for what, many in room.waited_for():
            waiting[what.scope] += many
        for scope in get_args(Scope):
            figures.waiting.set(waiting[scope], scope)
        for state in get_args(State):
            figures.breaker.set(state == self._upstream.breaker, state)
        self._sample_outage()
        ledger.ledger().own.say_alive()

    def _sample_outage(self) -> None:
        outage, degradation = self._outage, self._degradation
        figures.redis_outage.set(outage.lasts)
        self._outages.tell(outage.times)
        self._outage_seconds.tell(outage.seconds)
        self._degraded_seconds.tell(degradation.seconds)
        self._admitted.tell(degradation.admitted)
        self._refused.tell(degradation.refused)


def _begin_at_zero() -> None:
    """Tell of what is rare that it did not happen yet: else its first time is no rise."""
    for code in failures.CODES:
        figures.upstream_errors.add(0, code)
    for scope in get_args(Scope):
        for resource in get_args(Resource):
            figures.refusals.add(0, scope, resource)
