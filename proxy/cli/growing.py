"""An answer that is shown as it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

import click

if TYPE_CHECKING:
    from collections.abc import Callable


class Answer(Protocol):
    """Takes an answer's words as they come."""

    def add(self, text: str) -> None:
        """Show more words."""

    def waiting(self, why: str) -> None:
        """Show, until words come, what is being waited for."""


class PlainAnswer:
    """Words on standard output; a context manager, at whose end is a newline if there were any."""

    def __init__(self, shown: Callable[[str], str] = str) -> None:
        """Nothing is written yet.

        Args:
            shown: what to make of the words before they are written.
        """
        self._shown = shown
        self._begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._begun:
            click.echo()

    def add(self, text: str) -> None:
        """Write more words at once."""
        self._begun = True
        click.echo(self._shown(text), nl=False)

    def waiting(self, why: str) -> None:
        """Show nothing."""
