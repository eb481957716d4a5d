"""What Redis is still to be told: kept in memory while it is gone, told when it is back.

A turn that ends during an outage gives back what it took as soon as it can, not when its leases run
out; and a turn that was answered under an idempotency key is stored late, so that its repeat is
answered with it. Every command must be safe to run twice: the first time may have arrived.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxy.errors import StoreUnavailable
from proxy.telemetry import logs

if TYPE_CHECKING:
    from proxy.store.connection import Command, Store

Then = Callable[[list[Any]], Sequence["Command[Any]"]]
LONGEST_S = 600.0
"""Longer than that nothing is owed: leases have run out, and memory must not grow."""


def _nothing(_: list[Any]) -> Sequence[Command[Any]]:
    return ()


@dataclass(frozen=True, slots=True)
class _Debt:
    commands: Sequence[Command[Any]]
    then: Then
    until: float


class Owed:
    """The debts of a worker; they are gone with it."""

    def __init__(self) -> None:
        self._debts: deque[_Debt] = deque()

    def __bool__(self) -> bool:
        return bool(self._debts)

    def add(
        self,
        commands: Sequence[Command[Any]],
        then: Then = _nothing,
    ) -> None:
        """Owe these commands.

        Args:
            commands: one round trip's worth.
            then: is told their replies, none when it took too long; answers what is owed next.
        """
        if commands:
            self._debts.append(_Debt(commands, then, time.monotonic() + LONGEST_S))

    def pay(self, store: Store) -> None:
        """Run each once, and at once what follows from it; the first that fails is owed on.

        Those behind it are left for the next time: a commit that waits for a replica holds up all
        that its worker's keeper has to do.
        """
        for _ in range(len(self._debts)):
            if not self._paid(store, self._debts.popleft()):
                return

    def _paid(self, store: Store, debt: _Debt | None) -> bool:
        """Run one, and what follows from it; whether nothing of it is owed on."""
        while debt is not None:
            try:
                replies = store.run_all(*debt.commands)
            except StoreUnavailable as error:
                if time.monotonic() < debt.until:
                    self._debts.append(debt)
                    return False
                logs.problem("owed", error)
                replies = []
            following = debt.then(replies)
            debt = _Debt(following, _nothing, debt.until) if following else None
        return True
