"""The load: wrk, which costs next to nothing."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCRIPT = Path(__file__).with_name("post.lua")


@dataclass(frozen=True, slots=True)
class Told:
    """What wrk saw.

    Attributes:
        answers: how many came.
        per_s: answers a second.
        p50_ms: the median time to an answer; likewise p99_ms.
        errors: answers that were none, or other than 2xx and 3xx.
    """

    answers: int
    per_s: float
    p50_ms: float
    p99_ms: float
    errors: int


def post(url: str, bodies: Sequence[str], key: str, connections: int, seconds: float) -> Told:
    """Ask as fast as the answers come.

    Args:
        url: where.
        bodies: what is posted, in turns, each JSON in one line.
        key: the client key, empty for none.
        connections: how many ask at a time.
        seconds: for how long, whole ones.

    Raises:
        RuntimeError: wrk is not installed.
    """
    if shutil.which("wrk") is None:
        raise RuntimeError("The benchmark needs wrk: apt-get install wrk.")
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.write("\n".join(bodies))
        file.flush()
        options = f"-t 1 -c {connections} -d {seconds:.0f}s --timeout 30s -s {_SCRIPT} {url} --"
        run = subprocess.run(
            ["wrk", *options.split(), file.name, key], capture_output=True, text=True, check=True
        )
    line = next(line for line in run.stdout.splitlines() if line.startswith("told "))
    requests, us, p50, p99, errors = map(int, line.split()[1:])
    return Told(requests, requests / us * 1e6, p50 / 1000, p99 / 1000, errors)
