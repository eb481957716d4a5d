"""Runs an example as a person would."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.support.service import ROOT, clean_environment

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = ROOT / "examples"


def run(
    command: list[str], url: str, key: str, typed: str = "", cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run a command with PROXY_URL and PROXY_KEY in its environment, and wait for its end."""
    return subprocess.run(
        command,
        input=typed,
        capture_output=True,
        text=True,
        env=clean_environment(PROXY_URL=url, PROXY_KEY=key),
        cwd=cwd,
        timeout=60,
        check=False,
    )
