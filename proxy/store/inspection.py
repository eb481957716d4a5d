"""What Redis is and how it is set, for `doctor`."""

from __future__ import annotations

from typing import Any

from proxy.store.connection import Command


def info(section: str) -> Command[dict[str, str]]:
    """A section of Redis's INFO, by name."""
    return Command(("INFO", section), _pairs)


def _pairs(reply: Any) -> dict[str, str]:
    lines = (line.partition(":") for line in reply.decode().splitlines() if ":" in line)
    return {name: value for name, _, value in lines}
