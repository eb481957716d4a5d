"""deploy/systemd/chat-proxy.service: verified by systemd, and its commands run by hand."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from proxy.embedded import Child
from proxy.settings import ENVIRONMENT_NAMES, FILE_NAMES, Settings
from tests.deploy import ON_DEMAND, linting
from tests.support import custody
from tests.support.service import CANARY, ROOT, clean_environment, free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis

SHIPPED = (ROOT / "deploy" / "systemd" / "chat-proxy.service").read_text("utf-8")
HERE = SHIPPED.replace("/opt/chat-proxy/.venv/bin", str(Path(sys.executable).parent)).replace(
    "/opt/chat-proxy", str(ROOT)
)


def told(name: str) -> list[str]:
    """The values of a directive."""
    return re.findall(rf"^{name}=(.*)$", HERE, re.MULTILINE)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with the paths of this clone."""
    file = tmp_path / "chat-proxy.service"
    file.write_text(HERE)
    return file


def test_systemd_finds_nothing_wrong(unit: Path) -> None:
    linting.run("systemd-analyze", "verify", "--man=no", str(unit))


def test_an_intruder_could_do_little(unit: Path) -> None:
    linting.run("systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit))


def test_it_is_given_settings_that_there_are_and_time_to_end() -> None:
    settings = dict(line.split("=", 1) for line in told("Environment"))
    assert set(settings) <= ENVIRONMENT_NAMES | FILE_NAMES
    assert set(settings) >= FILE_NAMES - ON_DEMAND
    graceful = int(settings["PROXY_GRACEFUL_TIMEOUT"])
    assert graceful == Settings.model_fields["graceful_timeout"].default
    assert [int(seconds) > graceful for seconds in told("TimeoutStopSec")] == [True]


@pytest.fixture
def notices(tmp_path: Path) -> Iterator[socket.socket]:
    """Where systemd would listen for what a service has to tell."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        yield listening


def test_it_tells_when_it_is_up_and_reloads_and_stops(
    redis_server: EmbeddedRedis, notices: socket.socket, tmp_path: Path
) -> None:
    port = free_port()
    environment = clean_environment(
        OPENAI_API_KEY=CANARY,
        REDIS_URL=redis_server.url,
        PROXY_PORT=str(port),
        WEB_CONCURRENCY="1",
        NOTIFY_SOCKET=notices.getsockname(),
    )
    (start,), (reload,) = told("ExecStart"), told("ExecReload")
    with (tmp_path / "log").open("wb") as log:
        service = Child(shlex.split(start), env=environment, cwd=ROOT, stdout=log, stderr=log)
    try:
        assert b"READY=1" in notices.recv(1024)
        assert requests.get(f"http://127.0.0.1:{port}/livez", timeout=60).ok
        former = custody.family(service.pid)
        environment |= {"MAINPID": str(service.pid)}
        subprocess.run(["sh", "-c", reload], env=environment, check=True, timeout=10)
        wait_until(lambda: set(former) - set(custody.family(service.pid)), "another worker")
        assert requests.get(f"http://127.0.0.1:{port}/livez", timeout=60).ok
    finally:
        assert service.stop(40) == 0
