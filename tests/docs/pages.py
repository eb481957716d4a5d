"""The documentation as the tests read it: pages, their tables, links and code blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tests.support.service import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

_FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_CELL = re.compile(r"(?<!\\)\|")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

PAGES = sorted(
    str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
)
"""Every page, by its path from the project's root."""


@dataclass(frozen=True, slots=True)
class Example:
    """A block that is run, and what it must print, if the page says so.

    Attributes:
        language: sh, python or js.
        form: of the answer, json or text.
    """

    page: str
    number: int
    language: str
    code: str
    form: str | None = None
    answer: str | None = None

    def __str__(self) -> str:
        return f"{self.page}-{self.number}-{self.language}"


@cache
def text(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def prose(page: str) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", text(page))


def examples(page: str) -> list[Example]:
    """The blocks marked as runnable, each with the answer that stands directly below it."""
    found: list[Example] = []
    end = -1
    for block in _FENCE.finditer(text(page)):
        language, _, mark = block[2].partition(" ")
        if mark == "runnable":
            found.append(Example(page, len(found) + 1, language, block[3]))
            end = block.end()
        elif mark == "answer":
            assert not text(page)[end : block.start()].strip(), f"{page}: an answer to nothing"
            last = found.pop()
            found.append(Example(page, last.number, last.language, last.code, language, block[3]))
        else:
            assert not mark, f"{page}: ```{block[2]}"
    return found


def rows(page: str, first_column: str) -> list[list[str]]:
    """The rows of the page's tables whose first column is called so, as cells."""
    return [row for table in _tables(page) if table[0][0] == first_column for row in table[2:]]


def code(cell: str) -> list[str]:
    """What stands in backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def links(page: str) -> list[str]:
    return _LINK.findall(prose(page))


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(prose(page))
    }


def headings(page: str) -> list[str]:
    return _HEADING.findall(prose(page))


def _tables(page: str) -> Iterator[list[list[str]]]:
    table: list[list[str]] = []
    for line in [*prose(page).splitlines(), ""]:
        if line.startswith("|"):
            table.append([cell.strip() for cell in _CELL.split(line)[1:-1]])
        elif table:
            yield table
            table = []
