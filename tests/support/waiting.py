"""Waiting for a condition, never for the clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(holds: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait until `holds` answers something true; fail after `seconds` with `what` was awaited."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)
