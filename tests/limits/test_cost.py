"""The benchmark of the limits runs; its figures are docs/performance.md's."""

from __future__ import annotations

import subprocess
import sys

from tests.support.service import ROOT


def test_the_benchmark_prints_its_table() -> None:
    command = [sys.executable, "-m", "bench.limits", "--times", "1000", "--most", "10"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.count("\n| 10 | ") == 1
    assert "reserve" in run.stdout.splitlines()[-1]
