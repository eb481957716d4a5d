"""What is measured: the service as it is run in production, and the floor, a worker each."""

from __future__ import annotations

import socket
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from proxy.embedded import Child
from proxy.settings import load
from proxy.store.connection import Store
from tests.support.service import ROOT, Service, clean_environment, free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Target:
    """Something that stands between callers and ChatGPT.

    Attributes:
        port: where it listens.
        worker: its one worker.
        redis: the service's Redis; None for the floor, which writes what nobody looks at.
    """

    port: int
    worker: psutil.Process
    redis: Store | None = None

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def floor(upstream_url: str, redis_url: str = "") -> Iterator[Target]:
    """bench/floor.py under gunicorn."""
    port = free_port()
    options = f"-k gevent -w 1 -b 127.0.0.1:{port} --worker-connections 10000 --log-level warning"
    command = (sys.executable, "-m", "gunicorn", *options.split(), "bench.floor:app")
    environment = clean_environment(OPENAI_BASE_URL=upstream_url, REDIS_URL=redis_url)
    child = Child(command, env=environment, cwd=ROOT)
    try:
        yield Target(port, wait_for_worker(child, port))
    finally:
        child.stop()


@contextmanager
def service(redis_url: str, upstream_url: str, **settings: str) -> Iterator[Target]:
    """The service, with its shipped configuration and these settings."""
    with Service(redis_url, upstream_url, **settings) as running:
        store = Store(load({"REDIS_URL": redis_url, "OPENAI_API_KEY": "bench"}))
        (worker,) = running.workers
        yield Target(running.port, psutil.Process(worker), store)
        store.close()


def wait_for_worker(child: Child, port: int) -> psutil.Process:
    """The one worker of a server, when it listens."""
    arbiter = psutil.Process(child.pid)
    wait_until(lambda: listens(port) and arbiter.children(), "the worker to listen")
    (worker,) = arbiter.children()
    return worker


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
