"""The real service under test: gunicorn with the shipped configuration."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import psutil
import requests

from proxy.embedded import Child
from proxy.settings import ENVIRONMENT_NAMES, FILE_NAMES
from tests.support import custody
from tests.support.custody import ADMIN_TOKEN, CANARY
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ADMIN_TOKEN", "CANARY", "ROOT", "Client", "Service", "clean_environment", "free_port"]

ROOT = Path(__file__).resolve().parent.parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(**settings: str) -> dict[str, str]:
    """The process's environment without our settings, and with these."""
    ours = ENVIRONMENT_NAMES | FILE_NAMES
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | settings


class Service:
    """The service as it is run in production; its output goes to a file."""

    def __init__(self, redis_url: str, upstream_url: str, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = clean_environment(
            **{
                "REDIS_URL": redis_url,
                "OPENAI_BASE_URL": upstream_url,
                "OPENAI_API_KEY": CANARY,
                "PROXY_PORT": str(self.port),
                "WEB_CONCURRENCY": "1",
                "PROXY_GRACEFUL_TIMEOUT": "2",
                **settings,
            }
        )
        with tempfile.NamedTemporaryFile(prefix="chat-proxy-log-", delete=False) as log:
            self._log = Path(log.name)
        self._child: Child

    def __enter__(self) -> Self:
        command = (sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.conf.py", "wsgi:app")
        with self._log.open("ab") as log:
            self._child = Child(command, env=self.environment, cwd=ROOT, stdout=log, stderr=log)
        wait_until(self._answers, f"the service to answer; it said: {self._log.read_text()}")
        return self

    def __exit__(self, kind: object = None, *_: object) -> None:
        pids = custody.family(self.pid) if self._child.running else []
        password = urlsplit(self.environment["REDIS_URL"]).password or ""
        arguments = "\n".join(map(custody.arguments, pids))
        self._child.stop(10)
        log = self.log
        self._log.unlink()
        if kind is None:
            custody.check_service(log, arguments, password)

    @property
    def pid(self) -> int:
        """The arbiter's process id."""
        return self._child.pid

    @property
    def workers(self) -> list[int]:
        """The workers' process ids."""
        return [child.pid for child in psutil.Process(self.pid).children(recursive=True)]

    @property
    def log(self) -> str:
        """All that it printed so far."""
        return self._log.read_text("utf-8")

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._child.running

    def restart(self) -> None:
        """Start it anew, on the same port, after it ended by itself."""
        assert not self.running
        self.__enter__()

    def tell(self, number: signal.Signals) -> None:
        """Send the arbiter a signal."""
        os.kill(self.pid, number)

    def kill_worker(self, pid: int) -> None:
        """End a worker as a crash would."""
        with suppress(ProcessLookupError):  # it has ended by itself
            os.kill(pid, signal.SIGKILL)

    def client(self, key: str | None = None) -> Client:
        """A caller with this client key."""
        return Client(self.url, key)

    def _answers(self) -> bool:
        assert self._child.running, f"the service ended: {self._log.read_text()}"
        try:
            return requests.get(self.url + "/livez", timeout=1).ok
        except requests.RequestException:
            return False


class Client:
    """A caller: requests against the service, with its client key."""

    def __init__(self, url: str, key: str | None) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> requests.Response:
        """Send a request on a connection of its own; its answer must tell no secret."""
        answer = requests.request(
            method,
            self.url + path,
            headers={"Connection": "close", **self.headers, **(headers or {})},
            timeout=more.pop("timeout", 60),
            **more,
        )
        sent = self.headers.get("Authorization", "").removeprefix("Bearer ")
        body = b"" if more.get("stream") else answer.content
        custody.check_answer(answer.headers, body, sent)
        return answer

    def chat(self, message: str = "Hello", **fields: Any) -> requests.Response:
        """POST /chat with JSON."""
        return self.request("POST", "/chat", json={"message": message, **fields})

    def get(self, path: str, **more: Any) -> requests.Response:
        """GET."""
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        """POST."""
        return self.request("POST", path, **more)
