"""Stops a producer from outside: an exception thrown into its greenlet, only where it may be."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import gevent

from proxy.errors import ApiError, TurnCancelled

if TYPE_CHECKING:
    from collections.abc import Iterator


class Cancellation:
    """Asked for by anybody, heard by one producer while it waits for ChatGPT."""

    def __init__(self) -> None:
        self._reason: ApiError | None = None
        self._begun = False
        self._listener: gevent.Greenlet | None = None

    def ask(self, reason: ApiError | None = None) -> None:
        """Stop the producer now, or as soon as it begins to listen.

        Args:
            reason: what it ends with; TurnCancelled if nothing else.
        """
        if self._reason is not None:
            return
        self._reason = reason or TurnCancelled()
        if self._listener is not None:
            self._listener.kill(self._reason, block=False)

    def leave(self) -> None:
        """Stop the producer if it still waits for its turn: its caller has gone."""
        if not self._begun:
            self.ask()

    def begin(self) -> None:
        """The waiting is over: whoever leaves from now on does not stop it by that."""
        self._begun = True

    @contextmanager
    def heard(self) -> Iterator[None]:
        """What runs in here ends with the reason when that is asked for.

        The exception arrives one turn of the loop after it was asked for; whoever leaves before
        waits for it here, so that it never hits what comes after.
        """
        if self._reason is not None:
            raise self._reason
        self._listener = gevent.getcurrent()
        try:
            yield
            self._await_asked()
        except ApiError as error:
            if error is not self._reason:
                self._await_asked()
            raise
        finally:
            self._listener = None

    def _await_asked(self) -> None:
        self._listener, listener = None, self._listener
        if self._reason is not None and listener is not None:
            gevent.sleep(60)
