"""`python -m proxy`, each time in a process of its own, which has its modules loaded already.

Python and the modules take 0.5 s of CPU, of which hundreds of commands would make minutes. They are
loaded once, by a server that forks: a command then costs 0.05 s.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

from proxy.cli.main import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEADLINE_S = 60.0
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__, *COMMANDS.values()])
_FILES = ("in", "out", "err")


def run(
    arguments: tuple[str, ...], env: Mapping[str, str], cwd: Path, typed: bytes = b""
) -> CompletedProcess[str]:
    """Run a command to its end, with these bytes on its standard input."""
    with tempfile.TemporaryDirectory(prefix="chat-proxy-command-") as name:
        folder = Path(name)
        (folder / "in").write_bytes(typed)
        process = _CONTEXT.Process(target=_be, args=(arguments, dict(env), str(cwd), name))
        process.start()
        process.join(_DEADLINE_S)
        assert process.exitcode is not None, f"{arguments} goes on after {_DEADLINE_S:.0f} s"
        out, err = ((folder / stream).read_bytes().decode() for stream in _FILES[1:])
        return CompletedProcess(arguments, process.exitcode, out, err)


def _be(arguments: tuple[str, ...], env: dict[str, str], cwd: str, folder: str) -> None:
    """Become the command."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for number, stream in enumerate(_FILES):
        opened = os.open(f"{folder}/{stream}", os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - multiprocessing has closed it
    sys.argv = ["proxy", *arguments]
    runpy.run_module("proxy", run_name="__main__", alter_sys=True)
