"""`python -m proxy serve`: what `make run` starts, prints and stops."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.service import CANARY, ROOT, Client, clean_environment, free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT


class Run:
    """A first run: the process, what it printed, and a way to paste its lines."""

    def __init__(
        self, process: subprocess.Popen[bytes], log: Path, environment: dict[str, str]
    ) -> None:
        self.process = process
        self._log = log
        self._environment = environment

    @property
    def told(self) -> str:
        return self._log.read_text()

    def paste(self) -> str:
        """Run the lines that it prints for that, as a shell would."""
        lines = re.findall(r"^  ((?:export|curl) .*)$", self.told, re.MULTILINE)
        pasted = subprocess.run(
            ["bash", "-c", "\n".join(lines)],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return pasted.stdout


@contextmanager
def serving(log: Path, *options: str, **settings: str) -> Iterator[Run]:
    environment = clean_environment(**settings)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "proxy", "serve", *options],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    run = Run(process, log, environment)
    try:
        wait_until(lambda: "Ctrl-C stops" in run.told or process.poll() is not None, "the banner")
        yield run
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@pytest.fixture(scope="module")
def port() -> str:
    return str(free_port())


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory, port: str) -> Iterator[Run]:
    log = tmp_path_factory.mktemp("serve") / "log"
    with serving(log, "--port", port, "--workers", "1") as run:
        yield run


def test_the_line_it_prints_works_when_pasted(first_run: Run) -> None:
    reply = json.loads(first_run.paste())
    assert reply["model"] == "simulated-gpt-6-luna"
    assert "Ada" in reply["reply"]


def test_it_says_loudly_what_is_simulated_embedded_and_open(first_run: Run) -> None:
    assert "SIMULATED" in first_run.told
    assert "embedded, forgotten when this stops" in first_run.told
    assert "nobody is asked for one" in first_run.told


def test_a_second_start_says_in_one_line_that_the_port_is_taken(
    first_run: Run, port: str, tmp_path: Path
) -> None:
    with serving(tmp_path / "log", "--port", port) as second:
        assert second.process.wait(30) == 1
    assert second.told.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}" in second.told


def test_its_workers_agree_on_browser_tokens_though_their_key_is_a_public_word(
    tmp_path: Path,
) -> None:
    port = free_port()
    with serving(tmp_path / "log", "--port", str(port), "--workers", "2"):
        nobody = Client(f"http://127.0.0.1:{port}", None)
        minted = nobody.post("/tokens", json={"user": "ada"}).json()
        ada = Client(nobody.url, minted["token"])
        assert {ada.get("/sessions").status_code for _ in range(20)} == {200}
    with serving(tmp_path / "log", "--port", str(port), "--workers", "1"):
        assert ada.get("/sessions").status_code == 401


def test_ctrl_c_stops_all_that_it_started(tmp_path: Path) -> None:
    with serving(tmp_path / "log", "--port", str(free_port()), "--workers", "1") as run:
        started = psutil.Process(run.process.pid).children(recursive=True)
        assert len(started) >= 4  # redis, the simulated ChatGPT, gunicorn and its worker
    assert run.process.returncode == 0
    assert not [child for child in started if child.is_running()]


@pytest.mark.usefixtures("chatgpt")
def test_with_redis_and_a_key_set_it_is_the_real_thing(
    redis_server: EmbeddedRedis, simulator: SimulatedChatGPT, tmp_path: Path
) -> None:
    settings = {
        "REDIS_URL": redis_server.url,
        "OPENAI_API_KEY": CANARY,
        "OPENAI_BASE_URL": simulator.url,
    }
    with serving(tmp_path / "log", "--port", str(free_port()), "--workers", "1", **settings) as run:
        assert "every caller needs one" in run.told
        assert json.loads(run.paste())["turn_id"]
        children = psutil.Process(run.process.pid).children()
        assert [child.name() for child in children if "redis" in child.name()] == []
    assert CANARY not in run.told


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "OPENAI_BASE_URL is set but"),
        ({"PROXY_PORT": "many"}, "PROXY_PORT: must be a valid integer"),
    ],
)
def test_settings_that_are_wrong_stop_it_with_one_sentence(
    settings: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    with serving(tmp_path / "log", **settings) as run:
        assert run.process.wait(30) == 1
    assert run.told.startswith(f"Error: {sentence}")
    assert run.told.count("\n") == 1
