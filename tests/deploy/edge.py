"""nginx with the shipped configuration of the edge, before proxies on this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil

from proxy.embedded import Child
from tests.support import custody
from tests.support.service import ROOT, Client, free_port
from tests.support.tls_server import CERTIFICATE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

CONFIGURATION = ROOT / "config" / "nginx" / "edge.conf"


class Edge:
    """nginx on 127.0.0.1, from start to stop.

    Attributes:
        port: where it speaks TLS.
        plain_port: where it leads to TLS.
    """

    def __init__(self, *proxies: int) -> None:
        """Nothing is started yet.

        Args:
            proxies: the ports of the proxies behind it.
        """
        self.port, self.plain_port = free_port(), free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="chat-proxy-edge-"))
        self._file = self._folder / "edge.conf"
        self._write(proxies)

    def __enter__(self) -> Self:
        log = str(self._folder / "errors")
        command = (self._program(), "-e", log, "-c", str(self._file), "-g", "daemon off;")
        with (self._folder / "output").open("wb") as output:
            self._child = Child(command, stdout=output, stderr=output)
        wait_until(lambda: self._listens, f"nginx to listen; it said: {self.log}")
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()
        shutil.rmtree(self._folder)

    @property
    def log(self) -> str:
        """All that it printed so far."""
        return (self._folder / "output").read_text("utf-8")

    @property
    def access_log(self) -> list[dict[str, Any]]:
        """Its lines about requests."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]

    def client(self, key: str | None = None) -> Client:
        """A caller with this client key, by TLS."""
        return SecureClient(f"https://127.0.0.1:{self.port}", key)

    def lead_to(self, *proxies: int) -> None:
        """Let new requests go to these proxies alone, as an operator does: reload.

        Returns when nginx has read its new configuration; what runs goes on.
        """
        self._write(proxies)
        former = self._accepting()
        os.kill(self._child.pid, signal.SIGHUP)
        wait_until(lambda: self._accepting() - former, "nginx to have new workers")
        wait_until(lambda: not self._accepting() & former, "the former ones to accept no more")

    def _accepting(self) -> set[int]:
        """The workers that take new connections; nginx writes into their titles who does not."""
        workers = psutil.Process(self._child.pid).children()
        titles = {worker.pid: custody.arguments(worker.pid) for worker in workers}
        return {pid for pid, title in titles.items() if title and "shutting down" not in title}

    def _write(self, proxies: tuple[int, ...]) -> None:
        text = CONFIGURATION.read_text("utf-8").replace(" /tmp/", f" {self._folder}/")
        server = "server proxy:8080 max_fails=1 fail_timeout=2s;"
        changes = {
            server: "\n".join(server.replace("proxy:8080", f"127.0.0.1:{n}") for n in proxies),
            "worker_processes auto;": "worker_processes 1;",
            "listen 8443 ": f"listen 127.0.0.1:{self.port} ",
            "listen 8081 ": f"listen 127.0.0.1:{self.plain_port} ",
            "/run/secrets/tls_certificate;": f"{CERTIFICATE};",
            "/run/secrets/tls_key;": f"{CERTIFICATE};",
        }
        for told, here in changes.items():
            assert text.count(told) == 1, told
            text = text.replace(told, here)
        self._file.write_text(text, "utf-8")

    @staticmethod
    def _program() -> str:
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
        assert program, "nginx is missing: tests/prerequisites.sh installs it"
        return program

    @property
    def _listens(self) -> bool:
        assert self._child.running, self.log
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class SecureClient(Client):
    """A caller by TLS."""

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> requests.Response:
        """As every caller's; the certificate is verified."""
        return super().request(method, path, headers, verify=str(CERTIFICATE), **more)
