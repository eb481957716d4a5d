"""An answer of ChatGPT's that has begun: read whole or as it comes, bounded in bytes and time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

import gevent
import urllib3

from proxy.errors import UpstreamBroken, UpstreamTimeout
from proxy.telemetry import current, figures, logs
from proxy.telemetry.spans import NOTHING, code_of
from proxy.upstream import failures, sse
from proxy.upstream.assembly import DONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.upstream.wires import Wire, Wires

FAILED = (urllib3.exceptions.HTTPError, OSError)
"""What is raised when a connection cannot be made, breaks or is too slow."""
_END_S = 0.5
_MOST_EVENT_BYTES = 1_048_576


def late() -> UpstreamTimeout:
    """The whole of an answer took too long."""
    return UpstreamTimeout("ChatGPT did not finish its answer in time.")


def _too_large() -> UpstreamBroken:
    return UpstreamBroken("ChatGPT's answer is larger than the service takes.")


class Answer:
    """Status and headers, and a body that is yet to be read; a context manager that closes it.

    Attributes:
        status: the HTTP status; likewise headers.
        span: of the whole exchange, where it is traced; it ends with the answer.
    """

    def __init__(
        self, wires: Wires, wire: Wire, sent: float, deadline: float, most_bytes: int
    ) -> None:
        """Nothing of the body was read yet.

        Args:
            wires: where the connection is given back.
            wire: on which it comes.
            sent: when it was asked for, by the monotonic clock.
            deadline: when the body must be whole, by the monotonic clock.
            most_bytes: the largest body that is taken.
        """
        self.status = wire.head.status
        self.headers = wire.head.headers
        self._wires = wires
        self._wire: Wire | None = wire
        self._sent = self._heard_from = sent
        self._current = current.get()
        self.span = NOTHING
        self._left = most_bytes
        self._late = False
        self._timer = gevent.get_hub().loop.timer(max(0.0, deadline - time.monotonic()))
        self._timer.start(self._end_late)

    def __enter__(self) -> Self:
        self._heard_from = time.monotonic()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close()
        now = time.monotonic()
        figures.upstream_seconds.observe(now - self._sent)
        if self.status == 200:  # of others the failure is what they say, and whoever asked counts
            self._current.upstream_s += now - self._heard_from
            failures.count(error)
        self.span.end(code_of(error))

    def close(self) -> None:
        """End it; a body that was read to its end leaves the connection for the next request."""
        self._timer.close()
        wire, self._wire = self._wire, None
        if wire is not None:
            self._wires.give_back(wire)

    def check_form(self) -> None:
        """Take it only as it was asked for: what is compressed may become larger than any bound.

        Raises:
            UpstreamBroken: it is compressed all the same; the connection is closed.
        """
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            self.close()
            raise UpstreamBroken("ChatGPT's answer is compressed, which was not asked for.")

    def body(self, most_bytes: int) -> bytes:
        """The whole body, if it is no larger than this.

        Raises:
            UpstreamTimeout, UpstreamBroken: it did not come in time, or not whole, or is too large.
        """
        self._left = min(self._left, most_bytes)
        declared = self._wire.declared if self._wire else None
        if declared is not None and declared > self._left:
            raise _too_large()
        return b"".join(self._chunks())

    def events(self) -> Iterator[list[sse.Event]]:
        """The events of a streamed body, as many at a time as arrive together, until ``[DONE]``.

        Raises:
            UpstreamTimeout, UpstreamBroken: as in `body`.
        """
        parser = sse.Parser(_MOST_EVENT_BYTES)
        for chunk in self._chunks():
            events = parser.feed(chunk)
            if events:
                yield events
                if events[-1].data == DONE:
                    self._finish()
                    return

    def _finish(self) -> None:
        """Read the body's end, so that the connection can be used again; but hardly wait for it."""
        with gevent.Timeout(_END_S, exception=False):
            for _ in self._chunks():
                pass

    def _chunks(self) -> Iterator[bytes]:
        try:
            while chunk := self._read():
                self._left -= len(chunk)
                if self._left < 0:
                    yield chunk[: self._left]
                    raise _too_large()
                yield chunk
        except FAILED as error:
            logs.problem("upstream", error)
            raise failures.from_exception(error) from None

    def _read(self) -> bytes:
        """What comes next; a read that the deadline finds waiting ends with UpstreamTimeout."""
        if self._late:
            raise late()
        return self._wire.read() if self._wire else b""

    def _end_late(self) -> None:
        """The deadline has come; runs in gevent's hub.

        A read may wait much longer than for a byte: for the end of a line that tells a chunk's
        size, which comes letter by letter.
        """
        self._late = True
        if self._wire is not None:
            self._wire.interrupt(late())
