"""Keeps the sessions of running turns locked: one thread a worker renews them all at once.

A worker that dies renews nothing, and its sessions are free when their leases run out.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from proxy.errors import StoreUnavailable
from proxy.store import sessions
from proxy.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.store.connection import Store

RENEWALS_A_LEASE = 3


class Leases:
    """The turns that run in this worker."""

    def __init__(self, store: Store, lease_s: float) -> None:
        self.milliseconds = int(lease_s * 1000)
        self._store = store
        self._pause = lease_s / RENEWALS_A_LEASE
        self._held: dict[str, str] = {}
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    @contextmanager
    def held(self, session_id: str, turn_id: str) -> Iterator[None]:
        """Renew the session's lock for as long as the turn runs."""
        self._start()
        self._held[turn_id] = session_id
        try:
            yield
        finally:
            del self._held[turn_id]

    def close(self) -> None:
        """Stop renewing."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew, name="leases", daemon=True)
                self._thread.start()

    def _renew(self) -> None:
        while not self._closed.wait(self._pause):
            commands = [
                sessions.renew(session_id, turn_id, self.milliseconds)
                for turn_id, session_id in list(self._held.items())
            ]
            if not commands:
                continue
            try:
                self._store.run_all(*commands)
            except StoreUnavailable as error:
                logs.problem("leases", error)
