"""What Redis is still to be told: kept in memory while it is gone, told when it is back.

A turn that ends during an outage gives back what it took as soon as it can, not when its leases run
out; and a turn that was answered under an idempotency key is stored late, so that its repeat is
answered with it. Every command must be safe to run twice: the first time may have arrived.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxy.errors import StoreUnavailable
from proxy.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.store.connection import Command, Store

LONGEST_S = 600.0
"""Longer than that nothing is owed: leases have run out, and memory must not grow."""


@dataclass(frozen=True, slots=True)
class _Debt:
    commands: Sequence[Command[Any]]
    then: Callable[[list[Any]], Sequence[Command[Any]]]
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
        then: Callable[[list[Any]], Sequence[Command[Any]]] = lambda _: (),
    ) -> None:
        """Owe these commands.

        Args:
            commands: one round trip's worth.
            then: is told their replies, and answers what is owed because of them.
        """
        if commands:
            self._debts.append(_Debt(commands, then, time.monotonic() + LONGEST_S))

    def pay(self, store: Store) -> None:
        """Run each once; what fails is owed on."""
        for _ in range(len(self._debts)):
            debt = self._debts.popleft()
            try:
                replies = store.run_all(*debt.commands)
            except StoreUnavailable as error:
                if time.monotonic() > debt.until:
                    logs.problem("owed", error)
                else:
                    self._debts.append(debt)
                continue
            self.add(debt.then(replies))
