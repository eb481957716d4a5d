"""Where a person's lines come from: a prompt on a terminal, or standard input as it is."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import create_output
from prompt_toolkit.shortcuts import CompleteStyle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prompt_toolkit.document import Document

HISTORY = Path("chat-proxy", "history")
"""The file of past lines, under XDG_STATE_HOME."""


class Reader(Protocol):
    """Gives a person's lines.

    Attributes:
        interactive: whether there is a person to read what is said between the lines.
    """

    interactive: bool

    def read(self) -> str | None:
        """The next line without its end, or None when there are no more."""


class LineReader:
    """Standard input that is no terminal: a file, a pipe."""

    interactive = False

    def __init__(self) -> None:
        self._lines = sys.stdin.buffer if sys.stdin else io.BytesIO()

    def read(self) -> str | None:
        """The next line without its end, or None when there are no more.

        Raises:
            click.ClickException: it is not UTF-8.
        """
        line = self._lines.readline()
        try:
            return line.decode().rstrip("\r\n") if line else None
        except UnicodeDecodeError as error:
            raise click.ClickException("standard input is not UTF-8 text") from error


class Prompt:
    """A prompt with editing, history and completion; Alt-Enter begins a new line."""

    interactive = True

    def __init__(self, words: Sequence[str], state_home: Path) -> None:
        self._session: PromptSession[str] = PromptSession(
            [("bold ansigreen", "you> ")],
            history=_history(state_home),
            auto_suggest=AutoSuggestFromHistory(),
            completer=_FirstWords(words),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            key_bindings=_keys(),
            output=create_output(always_prefer_tty=True),
        )

    def read(self) -> str | None:
        """The next line, or None at Ctrl-D; KeyboardInterrupt at Ctrl-C."""
        try:
            return self._session.prompt()
        except EOFError:
            return None


class _FirstWords(Completer):
    """Completes the next word of a line that begins like one of the phrases."""

    def __init__(self, phrases: Sequence[str]) -> None:
        self._phrases = phrases

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002
    ) -> Iterable[Completion]:
        typed = document.text
        rests = (phrase.removeprefix(typed) for phrase in self._phrases if phrase.startswith(typed))
        words = ("".join(rest.partition(" ")[:2]) for rest in rests if typed)
        for word in dict.fromkeys(words):
            if word:
                yield Completion(word, display=typed.split(" ")[-1] + word)


def _keys() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("escape", "enter")
    def begin_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return bindings


def _history(state_home: Path) -> History:
    """The history in its file, readable by its owner alone; in memory where there can be none."""
    try:
        file = state_home.expanduser() / HISTORY
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        with file.open("ab"):
            return FileHistory(str(file))
    except (OSError, RuntimeError):
        return InMemoryHistory()


def open_reader(words: Sequence[str], state_home: Path) -> Reader:
    """The reader that fits standard input; the prompt completes lines that begin like `words`."""
    return Prompt(words, state_home) if sys.stdin and sys.stdin.isatty() else LineReader()
