"""A service whose Redis a test may break, and that is whole again for the next one."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from proxy.store.connection import Command, Store
from tests.support.keys import issue
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future, ThreadPoolExecutor

    import requests

    from tests.support.fault_proxy import FaultProxy
    from tests.support.redis_server import RedisServer
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

STRAY_S = 2.0
"""What a loaded machine may add to what is promised; the soak tests hold the figures themselves."""


class Fragile:
    """A Redis with an append-only file, the way to it, and one worker behind.

    Attributes:
        redis: the server.
        way: between it and the service.
        store: straight to it.
        admin: likewise, for who looks after Redis.
        service: asks nobody for a key.
        recovery_s: how long it took to be ready again, the last time.
    """

    def __init__(
        self, redis: RedisServer, way: FaultProxy, store: Store, admin: Store, service: Service
    ) -> None:
        self.redis, self.way, self.store, self.admin = redis, way, store, admin
        self.service = service
        self.recovery_s = 0.0

    def caller(self, **key: Any) -> Client:
        """Somebody with a key of their own."""
        _, token = issue(self.store, **key)
        return self.service.client(token)

    def tell(self, *command: str) -> None:
        """Run a command in Redis, past the service."""
        self.admin.run(Command(command, lambda _: None))

    def forget(self) -> None:
        """Redis closes every connection, and drops its scripts."""
        made = self.way.connections
        self.tell("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        self.tell("SCRIPT", "FLUSH")
        wait_until(lambda: self.way.ended >= made, "the connections to be closed")

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Redis is stopped."""
        os.kill(self.redis.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.redis.pid, signal.SIGCONT)
            self.ready()

    @contextmanager
    def killed(self) -> Iterator[None]:
        """Redis is dead, and comes back with what it had written."""
        self.redis.kill()
        try:
            yield
        finally:
            self.redis.start()
            self.ready()

    def ready(self) -> None:
        """Wait until the service can work again."""
        anybody = self.service.client()
        back = time.monotonic()
        wait_until(lambda: anybody.get("/readyz").ok, "the service to be ready", seconds=15)
        self.recovery_s = time.monotonic() - back

    @property
    def outage(self) -> bool:
        """Whether the worker refuses at once."""
        shown = self.service.client().get("/metrics").text
        return "chat_proxy_redis_outage 1.0" in shown.splitlines()


def timed(ask: Any, *arguments: Any, **fields: Any) -> tuple[requests.Response, float]:
    """An answer, and how long it took."""
    begun = time.monotonic()
    return ask(*arguments, **fields), time.monotonic() - begun


def refused(answer: requests.Response) -> bool:
    """Whether it says that Redis cannot be asked, and when to come again."""
    told = answer.status_code, answer.json()["error"]["code"]
    return told == (503, "store_unavailable") and "Retry-After" in answer.headers


def begun(
    threads: ThreadPoolExecutor, chatgpt: Control, caller: Client, **body: Any
) -> Future[requests.Response]:
    """A request that ChatGPT works on."""
    before = chatgpt.stats()["requests"]
    answer = threads.submit(caller.request, "POST", **body)
    wait_until(lambda: chatgpt.stats()["requests"] > before, "the request to reach ChatGPT")
    return answer
