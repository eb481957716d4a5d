"""On what was measured."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_LIBRARIES = ("gunicorn", "gevent", "flask", "requests", "urllib3", "redis", "hiredis", "orjson")


def versions() -> str:
    """The day, the machine, Python and the libraries that matter, in two lines."""
    told = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    model = next((line.partition(": ")[2] for line in told if line.startswith("model name")), "")
    cores = len(os.sched_getaffinity(0))
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {cores} cores of {model or platform.machine()}\n"
        f"Python {platform.python_version()}, {libraries}"
    )


def keep_to(pids: list[int], core: int) -> None:
    """Let these processes, with all their threads, run on one core alone."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {core})
