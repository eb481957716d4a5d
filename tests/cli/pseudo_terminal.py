"""A program at a terminal of its own, and a person who waits for what it shows before typing."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DEADLINE_S = 30.0
ROWS, COLUMNS = 40, 100

_AT_TERMINAL = 'exec "$@" <>"$0" >&0 2>&0'
"""The leader of a new session which opens a terminal has it: Ctrl-C there is its SIGINT."""

_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|\][^\x07]*\x07|[=>])")


class PseudoTerminal:
    """Runs `python -m proxy` at a terminal of 40 lines and 100 columns until the `with` ends.

    Attributes:
        shown: all that was written so far, colours and cursor movements included.
    """

    def __init__(self, *arguments: str, env: Mapping[str, str], cwd: Path) -> None:
        self.shown = ""
        self._read_to = 0
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._terminal, self._inside = pty.openpty()
        fcntl.ioctl(self._inside, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            [
                "sh",
                "-c",
                _AT_TERMINAL,
                os.ttyname(self._inside),
                sys.executable,
                "-m",
                "proxy",
                *arguments,
            ],
            env={**env, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"},
            cwd=cwd,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for end in (self._terminal, self._inside):
            os.close(end)

    def type(self, keys: str) -> None:
        r"""Press keys: \r is Enter, \x03 Ctrl-C, \x04 Ctrl-D, \t Tab."""
        os.write(self._terminal, keys.encode())

    def expect(self, text: str) -> str:
        """Wait until the text is shown after what was last expected; give all that came before."""
        deadline = time.monotonic() + DEADLINE_S
        while (found := self._unseen().find(text)) < 0:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._terminal], [], [], max(left, 0))
            assert ready, f"{text!r} was not shown in {DEADLINE_S} s; shown: {self._unseen()!r}"
            self.shown += self._more()
        seen = self._unseen()[:found]
        self._read_to += found + len(text)
        return seen

    def status(self) -> int:
        """Wait for the program's end, and give its exit status."""
        return self._process.wait(DEADLINE_S)

    def _unseen(self) -> str:
        return _ESCAPES.sub("", self.shown)[self._read_to :]

    def _more(self) -> str:
        return self._decode(os.read(self._terminal, 65536))
