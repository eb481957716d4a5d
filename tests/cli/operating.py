"""An operator at a terminal: `python -m proxy` with Redis's URL and nothing else set."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Protocol

from tests.support.service import ROOT, clean_environment


class Operator(Protocol):
    """Runs a command, and checks its exit status."""

    def __call__(
        self, *arguments: str, status: int = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]: ...


def operator(redis_url: str, *command: str) -> Operator:
    """An operator of the service with this Redis, who gives this command or one of its own."""

    def run(
        *arguments: str, status: int = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "proxy", *command, *arguments],
            capture_output=True,
            text=True,
            env=clean_environment(**{"REDIS_URL": redis_url} | environment),
            cwd=ROOT,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done

    return run


def parsed(done: subprocess.CompletedProcess[str]) -> Any:
    """What a command with --json printed."""
    return json.loads(done.stdout)
