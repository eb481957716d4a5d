"""A child process that never outlives its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

from proxy.errors import ProxyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LEASH = Path(__file__).with_name("leash.py")


class ChildFailed(ProxyError):
    """A child process did not come up; the message has its own last words."""


class Child:
    """A process in its own session, ended by `stop`, and on Linux by its owner's death too.

    The terminal's Ctrl-C does not reach it: its owner decides when it goes. It dies with the
    thread that made it, so make it in one that lasts as long as it is needed.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start it.

        Args:
            command: the program, found on PATH, and its arguments.
            stdout: as in `subprocess.Popen`; None is the owner's own.
            stderr: likewise.
            env: its whole environment; None is the owner's.
            cwd: the directory it starts in; None is the owner's.
        """
        leash = [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid())]
        self._process = subprocess.Popen(  # noqa: S603 - no shell, and the command is ours
            [*leash, *command],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def stdout(self) -> IO[bytes]:
        """Its output, when it was started with `subprocess.PIPE`."""
        assert self._process.stdout is not None  # noqa: S101
        return self._process.stdout

    @property
    def running(self) -> bool:
        """Whether it has not ended yet; a process that is stopped by a signal counts as running."""
        return self._process.poll() is None

    def stop(self, grace_s: float = 3.0) -> int:
        """Ask it to end, insist after `grace_s`; answers its exit code, negative for a signal."""
        if self.running:
            self._process.terminate()
            self._process.send_signal(signal.SIGCONT)  # a stopped process would not hear it
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._close()

    def kill(self) -> None:
        """End it at once with SIGKILL, as a crash would."""
        self._process.kill()
        self._close()

    def _close(self) -> int:
        code = self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code
