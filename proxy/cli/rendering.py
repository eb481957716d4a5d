"""Markdown on a terminal, rendered while it is written."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from markdown_it import MarkdownIt
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from rich.spinner import Spinner

from proxy.cli.answers import printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

FRAME_S = 0.1
"""Between two drawings."""

ROOM = 2
"""Lines of the terminal that a growing block leaves free, for the spinner and the cursor."""

_BLOCKS = MarkdownIt().enable("table").disable("inline")


class RenderedAnswer:
    """An answer on a terminal.

    Finished blocks (paragraphs, lists, code) are printed for good and may scroll away. The block
    that still grows is drawn again and again below them; of one that is taller than the terminal
    the end is in view, until it is whole. A thread alone draws, which no Ctrl-C interrupts.
    """

    def __init__(self, console: Console) -> None:
        """Nothing is shown yet."""
        self._console = console
        self._text = ""
        self._printed = 0
        self._growing = _Blocks("", first=True)
        self._whole = False
        self._spinner: Spinner | None = Spinner("dots", "…")
        self._live = Live(
            self,
            console=console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._ended = threading.Event()
        self._drawing = threading.Thread(target=self._draw_frames, name="drawing", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._drawing.start()
        except KeyboardInterrupt:
            self._ended.set()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._drawing.join()

    def add(self, text: str) -> None:
        """Show more words."""
        self._spinner = None
        self._text += printable(text)

    def waiting(self, why: str) -> None:
        """Turn a spinner, until words come, beside what is being waited for."""
        self._spinner = Spinner("dots", why)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What is not printed for good: at the end all of it, before that as much as fits."""
        if self._whole:
            yield self._growing
        else:
            most = max(1, console.size.height - ROOM)
            yield from self._growing.end(most).render(console, options, most)
        if self._spinner:
            yield self._spinner

    def _draw_frames(self) -> None:
        with self._live:
            while not self._ended.wait(FRAME_S):
                self._draw()
            self._grow(self._text[self._printed :])
            self._spinner, self._whole = None, True

    def _draw(self) -> None:
        finished, growing = split(self._text[self._printed :])
        first = self._growing.first
        self._grow(growing)
        if finished:
            self._printed += len(finished)
            self._growing = replace(self._growing, first=False)
            self._console.print(_Blocks(finished, first=first))
        else:
            self._live.refresh()

    def _grow(self, text: str) -> None:
        self._growing = replace(self._growing, text=text)


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Markdown with an empty line before it, unless it is the answer's first, and none behind."""

    text: str
    first: bool

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self.render(console, options, None)

    def end(self, most: int) -> _Blocks:
        """Enough to draw the last lines: of long code, all of which is slow to colour, the end."""
        opening, *lines = self.text.split("\n")
        if not opening.startswith(("```", "~~~")) or len(lines) <= most:
            return self
        return replace(self, text="\n".join([opening, *lines[-most:]]))

    def render(self, console: Console, options: ConsoleOptions, most: int | None) -> RenderResult:
        """The lines, or the last of them."""
        lines = _trimmed(console.render_lines(Markdown(self.text), options, pad=False))
        if lines and not self.first:
            lines.insert(0, [])
        for line in lines[-most:] if most else lines:
            yield from line
            yield Segment.line()


def _trimmed(lines: list[list[Segment]]) -> list[list[Segment]]:
    """The lines without empty ones at either end."""
    full = [number for number, line in enumerate(lines) if any(segment.text for segment in line)]
    return lines[full[0] : full[-1] + 1] if full else []


def split(text: str) -> tuple[str, str]:
    """The blocks that are finished, and the rest: the block that more words may still change.

    A line that is not whole decides nothing: "2" may yet become the next item of a list.
    """
    lines = text.split("\n")
    tokens = _BLOCKS.parse("\n".join(lines[:-1]))
    starts = [token.map[0] for token in tokens if token.level == 0 and token.map]
    last = starts[-1] if starts else 0
    cut = sum(len(line) + 1 for line in lines[:last])
    return text[:cut], text[cut:]
