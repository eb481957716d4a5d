"""A Redis for tests; with TEST_REDIS_ACL=1 the service reaches it as the user that is shipped."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from contextlib import closing, contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import redis

from proxy.embedded import EmbeddedRedis
from proxy.settings import load
from proxy.store.connection import Command, Store
from tests.support.service import CANARY, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

GUARDED = os.environ.get("TEST_REDIS_ACL") == "1"
"""Whether the tests run under the ACL."""
USER = "chat-proxy"
SHIPPED = (ROOT / "deploy" / "redis-users.acl").read_text("utf-8")
PASSWORD = "redis-canary-b94c2f8d07e1"
ADMIN = "admin"
_ADMIN_RULES = f"user {ADMIN} on nopass ~* &* +@all\n"


def with_user(url: str, user: str, password: str = "") -> str:
    """The URL of a Redis, entered as this user."""
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{address}"))


def as_service(url: str) -> str:
    """The URL of a Redis under the ACL, if it holds, as the service is given it."""
    return with_user(url, USER, PASSWORD) if GUARDED else url


@cache
def _users() -> Path:
    """The shipped users with a password for ours, and one who may do all."""
    directory = Path(tempfile.mkdtemp(prefix="chat-proxy-users-"))
    atexit.register(shutil.rmtree, directory)
    hashed = sha256(PASSWORD.encode()).hexdigest()
    users = directory / "users.acl"
    users.write_text(SHIPPED.replace(f"user {USER} on", f"user {USER} on #{hashed}") + _ADMIN_RULES)
    return users


class RedisServer(EmbeddedRedis):
    """A redis-server and two ways to it: the service's, and that of who looks after Redis.

    Without the ACL both are the same. With it Redis must have refused nothing when a test that used
    it ends well; one that means to be refused calls `forget_refusals`.

    Attributes:
        user: whom the service enters as.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        appendonly: bool = False,
        guarded: bool = GUARDED,
        arguments: Sequence[str] = (),
    ) -> None:
        self._guarded = guarded
        self.user = USER if guarded else "default"
        users = _users() if guarded else None
        super().__init__(port=port, appendonly=appendonly, users=users, arguments=arguments)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        refused = []
        if self._guarded and kind is None and self._child.running:
            os.kill(self.pid, signal.SIGCONT)  # a stopped server would not answer
            refused = self.refusals()
        super().__exit__(kind, error, traceback)
        assert refused == [], "Redis refused something to the service's user"

    @property
    def url(self) -> str:
        """As the service is given it."""
        return self._for_service(super().url)

    @property
    def tcp_url(self) -> str:
        """Likewise, over its port; also before it listens there."""
        return self._for_service(f"redis://127.0.0.1:{self._port}/0")

    @property
    def admin_url(self) -> str:
        """For what a test itself needs and the service may not do."""
        return with_user(super().url, ADMIN) if self._guarded else super().url

    def _for_service(self, url: str) -> str:
        return with_user(url, USER, PASSWORD) if self._guarded else url

    @contextmanager
    def admin(self) -> Iterator[Store]:
        """A store that may run every command, and is patient."""
        settings = {
            "REDIS_URL": self.admin_url,
            "OPENAI_API_KEY": CANARY,
            "PROXY_REDIS_TIMEOUT": "10",
        }
        with closing(Store(load(settings))) as store:
            yield store

    def tell(self, *command: str) -> None:
        """Run a command as who looks after Redis."""
        with self.admin() as store:
            store.run(Command(command, lambda _: None))

    def refusals(self) -> list[tuple[str, str]]:
        """What Redis refused, as its ACL log tells: the reason, and the command or key."""
        with closing(redis.Redis.from_url(self.admin_url, protocol=2)) as client:
            log = client.acl_log()
        told = [(str(entry["reason"]), str(entry["object"])) for entry in log]
        return [(reason, what) for reason, what in told if reason != "auth"]

    def forget_refusals(self) -> None:
        """What was refused so far was meant to be."""
        self.tell("ACL", "LOG", "RESET")
