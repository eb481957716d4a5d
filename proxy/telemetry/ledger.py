"""The figures of all workers, in memory that they share and that outlives each of them.

The process that starts the workers makes the memory and gives each worker a page of it. Only that
worker writes there, so there is no lock, and to count is one addition. Of a worker that has died,
however it died, the page stays: the next worker takes it over and counts on from there. So no count
is lost, none goes down, and there are never more pages than workers at one time.
"""

from __future__ import annotations

import mmap
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Labels = tuple[str, ...]

_CELLS = 8_192
_SPARE = _CELLS - 32
"""Where those count, unseen, that come when the page is full."""
_NAMES_BYTES = 1 << 20
_HEADER = struct.Struct("=qqq")
"""Whose page it is, 0 for nobody's; whether its gauges hold; how many bytes of names there are."""
_OWNER, _ALIVE, _NAMED = range(3)
_PAGE_BYTES = _HEADER.size + 8 * _CELLS + _NAMES_BYTES
_LONGEST_LABEL = 100
_NOT_IN_A_LABEL = str.maketrans(dict.fromkeys(map(chr, range(32)), "?"))


class Page:
    """The figures of one worker: cells that are numbers, and the names of those in use."""

    def __init__(self, memory: memoryview) -> None:
        """Take over what is there.

        Args:
            memory: all zero when it is new.
        """
        self._header = memory[: _HEADER.size].cast("q")
        self._names = memory[_HEADER.size + 8 * _CELLS :]
        self.cells = memory[_HEADER.size : _HEADER.size + 8 * _CELLS].cast("d")
        self._read = self._next = 0
        self._places: dict[str, dict[Labels, tuple[int, int]]] = {}

    @property
    def owner(self) -> int:
        """The worker whose page it is; 0 for nobody's."""
        return self._header[_OWNER]

    @owner.setter
    def owner(self, worker: int) -> None:
        self._header[_ALIVE] = 0
        self._header[_OWNER] = worker

    @property
    def alive(self) -> bool:
        """Whether its worker lives and has said how it is: only then do its gauges hold."""
        return bool(self._header[_ALIVE])

    def say_alive(self) -> None:
        """Say that the gauges are those of the worker that has the page now."""
        self._header[_ALIVE] = 1

    def claim(self, family: str, labels: Labels, width: int, most: int) -> int:
        """Where the cells of a figure begin: those that are there already, or new ones.

        Args:
            family: its name.
            labels: the values of its labels.
            width: how many cells it has.
            most: so many label sets the family may have; one more is counted as ``other``.
        """
        self._catch_up()
        clean = tuple(map(_clean, labels))
        known = self._places.setdefault(family, {})
        if clean not in known and len(known) >= most:
            clean = ("other",) * len(labels)
        if clean in known:
            return known[clean][0]
        line = "\x1f".join((family, str(width), *clean)).encode() + b"\n"
        named = self._header[_NAMED]
        if self._next + width > _SPARE or named + len(line) > _NAMES_BYTES:
            return _SPARE
        self._names[named : named + len(line)] = line
        self._header[_NAMED] = named + len(line)
        self._catch_up()
        return known[clean][0]

    def figures(self, family: str) -> Iterator[tuple[Labels, list[float]]]:
        """Each label set of a family, and what its cells hold."""
        self._catch_up()
        for labels, (at, width) in self._places.get(family, {}).items():
            yield labels, list(self.cells[at : at + width])

    def _catch_up(self) -> None:
        """Read the names that were written since, by this worker or by another."""
        named = self._header[_NAMED]
        if named == self._read:
            return
        for line in bytes(self._names[self._read : named]).decode().split("\n")[:-1]:
            family, width, *labels = line.split("\x1f")
            self._places.setdefault(family, {})[tuple(labels)] = (self._next, int(width))
            self._next += int(width)
        self._read = named


class Ledger:
    """All pages.

    Attributes:
        own: the page of this process.
    """

    def __init__(self, pages: int) -> None:
        memory = memoryview(mmap.mmap(-1, pages * _PAGE_BYTES))
        self._pages = [
            Page(memory[at : at + _PAGE_BYTES]) for at in range(0, len(memory), _PAGE_BYTES)
        ]
        self.own = self._pages[0]

    def assign(self, worker: int) -> None:
        """Give the worker that is forked next a page of its own.

        Args:
            worker: its number, from 1; no two that live have the same.
        """
        free = (page for page in self._pages if not page.owner)
        self.own = next(free, None) or Page(memoryview(mmap.mmap(-1, _PAGE_BYTES)))
        self.own.owner = worker

    def end(self, worker: int) -> None:
        """The worker has died: its counts stay, its gauges hold no more."""
        for page in self._pages:
            if page.owner == worker:
                page.owner = 0

    def total(self, family: str, *, gauge: bool) -> dict[Labels, list[float]]:
        """What all workers counted together, by the values of the labels.

        Args:
            family: which figure.
            gauge: whether it tells how things are, and so nothing of a worker that has died.
        """
        sums: dict[Labels, list[float]] = {}
        for page in self._pages:
            if gauge and not page.alive:
                continue
            for labels, cells in page.figures(family):
                before = sums.get(labels)
                both = cells if before is None else list(map(float.__add__, before, cells))
                sums[labels] = both
        return sums

    @property
    def living(self) -> int:
        """How many workers live."""
        return sum(page.alive for page in self._pages)


_made: list[Ledger] = []


def ledger(pages: int = 1) -> Ledger:
    """The ledger of this process and of those it forks; it is made when it is first asked for.

    Args:
        pages: how many workers there may be at a time; one more is not counted.
    """
    if not _made:
        _made.append(Ledger(pages))
    return _made[0]


def _clean(label: str) -> str:
    """What can stand in a line: models are named by callers."""
    text = label[:_LONGEST_LABEL].translate(_NOT_IN_A_LABEL)
    return text.encode("utf-8", "replace").decode()
