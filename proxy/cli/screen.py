"""What a person sees: rich on a terminal, plain text in a pipe or a file."""

from __future__ import annotations

import math
import sys
import time
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import click
from rich.cells import cell_len
from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from proxy.cli.answers import printable
from proxy.cli.growing import PlainAnswer
from proxy.cli.keyboard import unechoed
from proxy.cli.refusals import in_seconds
from proxy.cli.rendering import RenderedAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxy.cli.growing import Answer


class Screen:
    """Plain text: answers on standard output, everything about them on standard error."""

    def say(self, text: str) -> None:
        """Write a line as it stands."""
        click.echo(text)

    def markdown(self, text: str) -> None:
        """Write an answer."""
        click.echo(text)

    def heading(self, text: str) -> None:
        """Write a line that names what follows."""
        click.echo(text)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:  # noqa: ARG002
        """Write rows with a tab between their cells; columns are named on a terminal alone."""
        for row in rows:
            click.echo("\t".join(row))

    def aside(self, text: str) -> None:
        """Tell what only a person at a terminal wants to know."""

    def note(self, text: str) -> None:
        """Tell what a reader should know."""
        click.echo(text, err=True)

    def error(self, text: str) -> None:
        """Tell what went wrong."""
        click.echo(f"Error: {text}", err=True)

    def answer(self) -> AbstractContextManager[Answer]:
        """Write an answer as it comes."""
        return PlainAnswer()

    def wait(self, seconds: float, why: str) -> None:
        """Sleep, and say how long and why."""
        self.note(f"{why} Trying again in {in_seconds(seconds)}.")
        time.sleep(seconds)


class Terminal(Screen):
    """A terminal: Markdown rendered, colours, a countdown while it waits."""

    def __init__(self) -> None:
        self._out = Console(markup=False, highlight=False, emoji=False)
        self._err = Console(markup=False, highlight=False, emoji=False, stderr=True)

    def say(self, text: str) -> None:
        """Write a line as it stands."""
        self._out.print(printable(text))

    def markdown(self, text: str) -> None:
        """Write an answer, rendered."""
        self._out.print(Markdown(printable(text)))

    def heading(self, text: str) -> None:
        """Write a line that names what follows."""
        self._out.print(printable(text), style="bold")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write rows under their columns; the last column gives way when the terminal is narrow."""
        widths = [max(map(cell_len, column)) for column in zip(columns, *rows, strict=True)]
        for number, row in enumerate([columns, *rows]):
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            line = Text("  ".join(padded).rstrip(), style="bold" if number == 0 else "")
            self._out.print(line, no_wrap=True, overflow="ellipsis")

    def aside(self, text: str) -> None:
        """Tell what only a person at a terminal wants to know."""
        self._out.print(printable(text), style="dim")

    def note(self, text: str) -> None:
        """Tell what a reader should know."""
        self._out.print(printable(text), style="yellow")

    def error(self, text: str) -> None:
        """Tell what went wrong."""
        whole_line = not self._err.is_terminal
        self._err.print(printable(f"Error: {text}"), style="red", soft_wrap=whole_line)

    @contextmanager
    def answer(self) -> Iterator[Answer]:
        """Write an answer as it comes, rendered."""
        with unechoed(), RenderedAnswer(self._out) as answer:
            yield answer

    def wait(self, seconds: float, why: str) -> None:
        """Sleep under a countdown."""
        self.note(why)
        end = time.monotonic() + seconds
        with self._out.status("", spinner="dots") as status:
            while (left := end - time.monotonic()) > 0:
                status.update(f"Trying again in {math.ceil(left)} s; Ctrl-C drops it.")
                time.sleep(min(left, 0.25))


def open_screen() -> Screen:
    """The screen that standard output is."""
    return Terminal() if sys.stdout.isatty() else Screen()
