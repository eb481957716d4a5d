"""An operator at a terminal: `python -m proxy` with Redis's URL and nothing else set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from tests.support import command
from tests.support.service import ROOT, clean_environment

if TYPE_CHECKING:
    from subprocess import CompletedProcess


class Operator(Protocol):
    """Runs a command, and checks its exit status."""

    def __call__(
        self, *arguments: str, status: int = 0, **environment: str
    ) -> CompletedProcess[str]: ...


def operator(redis_url: str, *named: str) -> Operator:
    """An operator of the service with this Redis, who gives this command or one of its own."""

    def run(*arguments: str, status: int = 0, **environment: str) -> CompletedProcess[str]:
        env = clean_environment(**{"REDIS_URL": redis_url} | environment)
        done = command.run((*named, *arguments), env, ROOT)
        assert done.returncode == status, done.stderr
        return done

    return run


def parsed(done: CompletedProcess[str]) -> Any:
    """What a command with --json printed."""
    return json.loads(done.stdout)
