"""What a start costs: importing opens nothing and is quick, a worker is small."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.service import ROOT, clean_environment

if TYPE_CHECKING:
    from tests.conftest import NewKey, StartService

IMPORT = """
import json, os, sys, threading, time
OPENING = ("socket.connect", "socket.getaddrinfo", "subprocess.", "os.exec", "os.fork", "tempfile.")
opened = []
def watch(event, arguments):
    if event.startswith(OPENING) or (event == "open" and set(str(arguments[1])) & set("wax+")):
        opened.append(f"{event} {arguments[:2]}")
sys.addaudithook(watch)
import click, flask, gevent.pywsgi, gunicorn.app.base, hiredis, markdown_it, nh3, orjson, pydantic
import prometheus_client, redis, requests, structlog
libraries_s = time.process_time()
import proxy.app
own = time.process_time() / libraries_s - 1
descriptors = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
opened += [link for link in map(os.path.realpath, descriptors) if "socket:" in link]
print(json.dumps({"opened": opened, "threads": threading.active_count(), "own": own}))
"""


@pytest.fixture(scope="module")
def imports() -> list[dict[str, Any]]:
    """What three fresh processes tell of importing the app."""
    return [
        json.loads(
            subprocess.run(
                [sys.executable, "-B", "-c", IMPORT],
                cwd=ROOT,
                env=clean_environment(),
                capture_output=True,
                check=True,
            ).stdout
        )
        for _ in range(3)
    ]


def test_importing_the_app_opens_nothing_and_starts_no_thread(
    imports: list[dict[str, Any]],
) -> None:
    assert [(told["opened"], told["threads"]) for told in imports] == [([], 1)] * 3


def test_the_app_s_own_modules_take_no_longer_than_the_libraries(
    imports: list[dict[str, Any]],
) -> None:
    """Together they take 0.5 to 1.1 s of CPU, as the machine is."""
    assert min(told["own"] for told in imports) < 1


def test_a_worker_that_answered_takes_less_than_80_mb(
    start_service: StartService, new_key: NewKey
) -> None:
    service = start_service()
    assert service.client(new_key()).chat("Hello").status_code == 200
    (worker,) = service.workers
    assert psutil.Process(worker).memory_info().rss < 80_000_000
