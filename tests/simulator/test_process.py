"""The simulated ChatGPT as a process: how it starts, serves and stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from proxy.embedded import ChildFailed
from proxy.simulator.process import SimulatedChatGPT
from tests.simulator.caller import Caller
from tests.support.service import ROOT, free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.simulator import Control

COMMAND = [sys.executable, "-m", "proxy.simulator"]


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    """The simulated ChatGPT as a person starts it."""
    env = os.environ | {"SIMULATOR_API_KEY": "sk-of-the-test-run"}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(COMMAND, cwd=ROOT, env=env, **pipes) as started:
        yield started
        started.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_one_line_where_it_listens_and_stops_when_told(
    process: subprocess.Popen[str], number: int
) -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("listening on http://127.0.0.1:")
    url = line.removeprefix("listening on ").strip() + "/v1"
    assert Caller(url, "sk-of-the-test-run").chat().ok
    assert Caller(url, "sk-another").chat().status_code == 401
    process.send_signal(number)
    said, complained = process.communicate(timeout=10)
    assert (process.returncode, said, complained) == (0, "", "")


def test_a_taken_port_is_said_on_one_line() -> None:
    with SimulatedChatGPT() as first:
        port = first.url.split(":")[-1].removesuffix("/v1")
        failed = subprocess.run(
            [*COMMAND, "--port", port], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert failed.returncode == 1
        (line,) = failed.stderr.splitlines()
        assert line.startswith(f"cannot listen on 127.0.0.1:{port}: Address already in use")
        with pytest.raises(ChildFailed), SimulatedChatGPT(port=int(port)):
            pass


def test_a_block_starts_it_and_ends_it() -> None:
    port = free_port()
    with SimulatedChatGPT(api_key="sk-right", port=port) as simulated:
        assert simulated.url == f"http://127.0.0.1:{port}/v1"
        assert Caller(simulated.url, "sk-right").chat().ok
        assert Caller(simulated.url, "sk-wrong").chat().status_code == 401
    assert not psutil.pid_exists(simulated.pid)


def test_without_a_key_it_takes_any_but_wants_one() -> None:
    with SimulatedChatGPT() as simulated:
        assert Caller(simulated.url, "anything").chat().ok
        assert Caller(simulated.url, "").chat().status_code == 401


def test_it_holds_many_streams_at_once(caller: Caller, chatgpt: Control) -> None:
    chatgpt.defaults(chunks_per_s=0.1)
    streams = [caller.connect(stream=True) for _ in range(300)]
    try:
        wait_until(lambda: chatgpt.stats()["open_streams"] == 300, "all of them to be open")
        chatgpt.defaults()
        assert caller.words() == 'You said: "Hello"'
    finally:
        for stream in streams:
            stream.close()
    wait_until(lambda: chatgpt.stats()["aborted_streams"] == 300, "all of them to be missed")
