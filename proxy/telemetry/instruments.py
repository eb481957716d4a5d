"""What is counted with: counters, histograms and gauges, each a name with labels in the ledger.

They cost a fraction of a microsecond each. What prometheus_client's cost between several processes,
and why these are not they, is in docs/decisions/figures-in-shared-memory.md.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from proxy.telemetry import ledger

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from proxy.telemetry.ledger import Labels


class Instrument:
    """A figure of all workers.

    Attributes:
        name: without ``_total``.
        help: what it is, in a sentence.
        labels: their names.
    """

    gauge = False

    def __init__(
        self, name: str, text: str, labels: Labels = (), *, most: int = 100, width: int = 1
    ) -> None:
        """Nothing is counted yet.

        Args:
            name: its name without the service's before it.
            text: what it is.
            labels: their names.
            most: so many sets of labels a worker counts apart; the others are ``other`` together.
            width: how many cells it has.
        """
        self.name = f"chat_proxy_{name}"
        self.help = text
        self.labels = labels
        self._most = most
        self._width = width
        self._at: dict[tuple[Hashable, ...], int] = {}
        self._cells: Any = None

    def totals(self) -> dict[Labels, list[float]]:
        """What all workers counted together, by the labels' values."""
        return ledger.ledger().total(self.name, gauge=self.gauge)

    def _claim(self, labels: tuple[Hashable, ...]) -> int:
        page = ledger.ledger().own
        self._cells = page.cells
        at = page.claim(self.name, tuple(map(str, labels)), self._width, self._most)
        if len(self._at) <= self._most:  # what is made up by callers is not remembered for ever
            self._at[labels] = at
        return at


class Counter(Instrument):
    """Only grows."""

    def add(self, amount: float, *labels: Hashable) -> None:
        """Count so much more under these labels' values."""
        at = self._at.get(labels)
        if at is None:
            at = self._claim(labels)
        self._cells[at] += amount


class Gauge(Instrument):
    """How it is now in each worker that lives, added up."""

    gauge = True

    def set(self, value: float, *labels: Hashable) -> None:
        """Say how it is in this worker."""
        at = self._at.get(labels)
        if at is None:
            at = self._claim(labels)
        self._cells[at] = value


class Histogram(Instrument):
    """How often something took how long.

    Attributes:
        bounds: in seconds, of its steps; above the last there is one more.
    """

    def __init__(
        self,
        name: str,
        text: str,
        bounds: Sequence[float],
        labels: Labels = (),
        *,
        most: int = 100,
    ) -> None:
        super().__init__(name, text, labels, most=most, width=len(bounds) + 2)
        self.bounds = tuple(bounds)

    def observe(self, seconds: float, *labels: Hashable) -> None:
        """Count one that took so long."""
        at = self._at.get(labels)
        if at is None:
            at = self._claim(labels)
        cells = self._cells
        cells[at + 1 + bisect_left(self.bounds, seconds)] += 1.0
        cells[at] += seconds


class Followed:
    """A counter that follows a number which something else counts in this worker."""

    def __init__(self, counter: Counter, *labels: Hashable) -> None:
        self._counter = counter
        self._labels = labels
        self._told = 0.0

    def tell(self, number: float) -> None:
        """Count what it has grown by since."""
        self._counter.add(number - self._told, *self._labels)
        self._told = number
