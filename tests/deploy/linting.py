"""Linters of the project's venv and of the machine, run on the project's files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.service import ROOT


def run(*command: str) -> str:
    """Run it at the project's root; what it printed.

    Raises:
        AssertionError: it found something.
    """
    venv = str(Path(sys.executable).parent)
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PATH": f"{venv}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
