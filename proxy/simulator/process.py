"""Starts the simulated ChatGPT as a child process."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from proxy.embedded.child import Child, ChildFailed

if TYPE_CHECKING:
    from types import TracebackType

_ROOT = Path(__file__).parents[2]
"""Where the package `proxy` is found."""
_START_S = 10.0
_PREFIX = b"listening on "


class SimulatedChatGPT:
    """A simulated ChatGPT that lives as long as the `with` block.

    Attributes:
        url: the base URL that a client of OpenAI's takes, ending in /v1.
    """

    url: str

    def __init__(
        self,
        *,
        api_key: str | None = None,
        port: int = 0,
        profile: Literal["openai", "compatible"] = "openai",
    ) -> None:
        """Nothing is started yet.

        Args:
            api_key: the key that it asks for; None takes any.
            port: the port of 127.0.0.1 that it listens on; 0 takes a free one.
            profile: "compatible" takes fields that OpenAI refuses, such as top_k.
        """
        self._api_key = api_key or ""
        options = ["--port", str(port), "--profile", profile]
        self._command = [sys.executable, "-m", "proxy.simulator", *options]
        self._child: Child

    def __enter__(self) -> Self:
        """Start it and wait until it listens.

        Raises:
            ChildFailed: it did not come up; what it said is on standard error.
        """
        env = os.environ | {"SIMULATOR_API_KEY": self._api_key}
        self._child = Child(self._command, stdout=subprocess.PIPE, env=env, cwd=_ROOT)
        try:
            self.url = f"{self._address()}/v1"
        except BaseException:
            self._child.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it."""
        self._child.stop()

    @property
    def pid(self) -> int:
        """The process id, for a test that stops or kills it."""
        return self._child.pid

    def _address(self) -> str:
        ready, _, _ = select.select([self._child.stdout], [], [], _START_S)
        line = self._child.stdout.readline() if ready else b""
        if not line.startswith(_PREFIX):
            raise ChildFailed("The simulated ChatGPT did not start.")
        return line.removeprefix(_PREFIX).strip().decode()
