"""What one worker does at this moment: no more than it can, and none of it for ever."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from proxy.errors import Draining, Overloaded, TurnInterrupted
from proxy.telemetry import current, traces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.cancellation import Cancellation
    from proxy.settings import Settings


class Workload:
    """The requests and turns of a worker.

    Attributes:
        requests: how many requests are being answered; the worker counts them.
        streams: how many turns run that stream; likewise.
        draining: whether the service is being stopped, so that no turn begins any more.
        write_timeout: seconds after which a client that does not read its answer is let go.
    """

    def __init__(self, settings: Settings) -> None:
        self.requests = 0
        self.draining = False
        self.write_timeout = settings.write_timeout
        self._most_requests = settings.max_requests_per_worker
        self._most_streams = settings.max_streams_per_worker
        self.streams = 0
        self._turns: set[Cancellation] = set()

    @property
    def turns(self) -> int:
        """How many turns run, those included whose callers have gone."""
        return len(self._turns)

    def check(self) -> None:
        """Refuse the newest request, with Overloaded, if there are too many."""
        if self.requests > self._most_requests:
            raise Overloaded

    @contextmanager
    def turn(self, cancellation: Cancellation, *, streams: bool) -> Iterator[None]:
        """A turn runs in here.

        Args:
            cancellation: how it is stopped.
            streams: whether it counts as one of the streams.

        Raises:
            Draining: the service is being stopped.
            Overloaded: too many streams run.
        """
        if self.draining:
            raise Draining
        if streams and self.streams >= self._most_streams:
            raise Overloaded
        self._turns.add(cancellation)
        self.streams += streams
        try:
            with traces.begin("turn", "client") as span:
                current.get().turn = span
                yield
        finally:
            self.streams -= streams
            self._turns.discard(cancellation)

    def interrupt(self) -> None:
        """Begin no turn any more, and end those that run, as interrupted."""
        self.draining = True
        for cancellation in list(self._turns):
            cancellation.ask(TurnInterrupted())
