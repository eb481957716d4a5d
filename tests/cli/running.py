"""A program in pipes, and somebody who reads its output while it comes."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DEADLINE_S = 30.0


class Running:
    """Runs `python -m proxy` until the `with` ends.

    Attributes:
        written: what came on standard output so far.
    """

    def __init__(self, *arguments: str, env: Mapping[str, str], cwd: Path) -> None:
        self.written = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "proxy", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd=cwd,
        )
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self._in, self._out, self._err = (
            self._process.stdin,
            self._process.stdout,
            self._process.stderr,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._in, self._out, self._err):
            pipe.close()

    def type(self, text: str) -> None:
        """Send lines, and leave standard input open."""
        self._in.write(text.encode())
        self._in.flush()

    def close_input(self) -> None:
        """Send no more lines."""
        self._in.close()

    def go_away(self) -> None:
        """Read no more of what it writes."""
        self._out.close()

    def expect(self, text: str) -> None:
        """Wait until it has written this."""
        deadline = time.monotonic() + DEADLINE_S
        while text.encode() not in self.written:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._out], [], [], max(left, 0))
            assert ready, f"{text!r} was not written in {DEADLINE_S} s, but {self.written!r}"
            more = os.read(self._out.fileno(), 65536)
            assert more, f"{text!r} was not written, but {self.written!r}; {self.errors()}"
            self.written += more

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def status(self) -> int:
        """Read all that it still writes, and give its exit status."""
        if not self._out.closed:
            self.written += self._out.read()
        return self._process.wait(DEADLINE_S)

    def errors(self) -> str:
        """What it wrote on standard error, once it has ended."""
        return self._err.read().decode()
