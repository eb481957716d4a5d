"""The benchmarks run: what they measure on a busy machine does not matter here."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.service import ROOT, clean_environment

LAST = {
    "answers": "| /chat, sessions of 20 turns |",
    "streams": "added by the service:",
    "growth": "one Redis:",
    "limits": "reserve, one at a time:",
    "memory": "| after them |",
}
"""How the last line begins."""


@pytest.mark.parametrize("name", LAST)
def test_a_benchmark_runs_to_its_end(name: str) -> None:
    command = (sys.executable, "-m", f"bench.{name}", "--quick")
    run = subprocess.run(
        command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1].startswith(LAST[name])
