"""A child process ends with its owner, however that ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from proxy.embedded import Child
from tests.support.service import ROOT
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

OWNER = """
import time
from proxy.embedded import Child
print(Child(["sleep", "600"]).pid, flush=True)
time.sleep(600)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    """Whether it runs; one that nobody has waited for yet does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_it_ends_when_it_is_told_to() -> None:
    child = Child(["sleep", "600"])
    assert child.running
    assert child.stop() == -signal.SIGTERM
    assert not child.running


def test_it_is_killed_when_it_does_not_listen() -> None:
    child = Child([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"ready\n"
    assert child.stop(0.1) == -signal.SIGKILL


def test_it_ends_when_its_owner_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert alive(pid)
        owner.kill()
    wait_until(lambda: not alive(pid), "the child to follow its owner", seconds=5)


def test_ctrl_c_in_the_owners_terminal_does_not_reach_it() -> None:
    child = Child(["sleep", "600"])
    try:
        wait_until(lambda: psutil.Process(child.pid).name() == "sleep", "the command to run")
        assert psutil.Process(child.pid).terminal() is None
    finally:
        child.kill()


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        child = Child(["no-such-program"], stderr=stderr)
        wait_until(lambda: not child.running, "the child to give up")
    assert child.stop() == 1
    assert log.read_text() == "no-such-program: No such file or directory\n"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_it_becomes_the_command_itself() -> None:
    child = Child(["sleep", "600"])
    try:
        command = ["sleep", "600"]
        wait_until(lambda: psutil.Process(child.pid).cmdline() == command, "the command to run")
    finally:
        child.kill()
