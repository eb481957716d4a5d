"""Runs a command so that the kernel kills it when the process that asked for it is gone.

A script and not a `preexec_fn`: that runs Python between fork and exec, where a parent with
threads may deadlock. Its arguments are the parent's pid and the command with its arguments.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""From linux/prctl.h. It outlives exec; it fires when the thread that forked ends."""


def main(parent: int, command: list[str]) -> None:
    """Become the command, on Linux with the wish to be killed when the parent dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the wish was made
            return
    try:
        os.execvp(command[0], command)  # noqa: S606 - the owner's own command, without a shell
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
