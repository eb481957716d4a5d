"""Looks after all turns of a worker: one thread writes their logs and renews their leases.

Group commit: the events of all turns of about a tenth of a second go to Redis in one round trip,
so that the log costs no round trip a token. The same round trip says that each turn's producer
lives and tells which turns are to be cancelled. A worker that dies renews nothing; its sessions are
free and its turns end as interrupted when their leases run out.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gevent.event import Event

from proxy.errors import StoreUnavailable
from proxy.store import turn_log
from proxy.store.owed import Owed
from proxy.telemetry import figures, logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from proxy.settings import Settings
    from proxy.store.connection import Command, Store
    from proxy.store.live import LiveTurn

FLUSH_S = 0.1
"""How long events are gathered."""
CHECK_S = 0.5
"""How often a turn that says nothing asks whether it is cancelled."""
RENEWALS_A_LEASE = 3
_SAID_EVERY_S = 60.0
"""How often the log says that there is no way to Redis."""
NEWS_S = 1.0
"""News that no other round trip has taken along for so long get one of their own."""


class Keeper:
    """The turns that run in this worker."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        news: Callable[[float], list[Command[Any]]] = lambda _: [],
    ) -> None:
        """Nobody is looked after yet.

        Args:
            store: where the turns are.
            settings: for how long leases and logs last.
            news: hands out what else Redis is to be told, if it has waited so many seconds.
        """
        self._news = news
        self.lease_ms = int(settings.turn_lease * 1000)
        self.kept_ms = int(settings.turn_log_ttl * 1000)
        self._store = store
        self._renewal_s = settings.turn_lease / RENEWALS_A_LEASE
        self._held: dict[str, Callable[[], Iterable[Command[Any]]]] = {}
        self._live: dict[str, LiveTurn] = {}
        self._owed = Owed()
        self._checked = 0.0
        self._renewed = time.monotonic()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._work = Event()

    @contextmanager
    def held(self, turn_id: str, renewals: Callable[[], Iterable[Command[Any]]]) -> Iterator[None]:
        """Run these commands again and again, well within each lease, while the turn runs.

        They are made when they are due, which for most turns is never.
        """
        self._start()
        self._held[turn_id] = renewals
        try:
            yield
        finally:
            del self._held[turn_id]

    def follow(self, live: LiveTurn) -> None:
        """Write this turn's events to its log until its last one."""
        self._start()
        self._live[live.turn_id] = live

    @property
    def owed(self) -> Owed:
        """What is run as soon as Redis can be asked."""
        self._start()
        return self._owed

    def live(self, turn_id: str) -> LiveTurn | None:
        """The turn if it streams in this worker."""
        return self._live.get(turn_id)

    def close(self) -> None:
        """Write what is left and stop."""
        self._closed = True
        self._work.set()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        if self._thread is not None:
            self._work.set()
            return
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
                self._thread.start()
        self._work.set()

    def _run(self) -> None:
        closed = False
        while not closed:
            closed = self._closed
            if not closed and not self._held and not self._live and not self._owed:
                self._work.clear()
                self._work.wait(FLUSH_S * 10)
            time.sleep(FLUSH_S)
            try:
                self._flush()
            except StoreUnavailable as error:
                logs.problem("keeper", error, every_s=_SAID_EVERY_S)
            else:
                self._owed.pay(self._store)

    def _flush(self) -> None:
        now = time.monotonic()
        check = now - self._checked >= min(CHECK_S, self._renewal_s)
        renew = now - self._renewed >= self._renewal_s
        news = [live for live in self._live.values() if live.unflushed_events or check]
        written = [(live, live.last, live.ended) for live in news]
        commands: list[Command[Any]] = [self._append(live) for live in news]
        if renew:
            commands += [renewal for renewals in self._held.values() for renewal in renewals()]
        self._checked = now if check else self._checked
        self._renewed = now if renew else self._renewed
        commands += self._news(0.0 if commands else NEWS_S)
        if not commands:
            return
        begun = time.perf_counter()
        replies = self._store.run_all(*commands)
        if written:
            figures.flush_seconds.observe(time.perf_counter() - begun)
        for (live, last, ended), cancelled in zip(written, replies, strict=False):
            figures.flushed_events.add(last - live.flushed)
            live.note_flushed(last)
            if ended:
                self._live.pop(live.turn_id, None)
            elif cancelled:
                live.cancel()

    def _append(self, live: LiveTurn) -> Command[bool]:
        keep = self.kept_ms if live.ended else None
        return turn_log.append(live.turn_id, live.last, live.unflushed(), self.lease_ms, keep)
