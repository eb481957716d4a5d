"""A Redis behind Sentinel: the master of the moment, asked for anew when it is lost.

Sentinels are asked for it at the start, and again when it does not answer or takes no writes any
more; never on the way of a command that goes well. One caller of a worker asks at a time, the
others go on with the master that is known.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import redis

from proxy.store.server import Batch, Server
from proxy.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.settings import Place, RedisAddress, Settings

_SAID_EVERY_S = 60.0
"""How often the log says that a sentinel does not help."""


class Sentinels:
    """The master that sentinels name.

    Attributes:
        sound: whether it answered the last time.
    """

    def __init__(self, address: RedisAddress, settings: Settings) -> None:
        """Nobody is asked yet."""
        own = settings.redis_sentinel_password
        password = own.get_secret_value() if own else ""
        self.sound = True
        self._address = address
        self._settings = settings
        self._sentinels = deque(
            Server(address.of_sentinel(place, password), settings) for place in address.places
        )
        self._master: Server | None = None
        self._place: Place | None = None
        self._asking = threading.Lock()

    def run(self, batch: Batch, *, unless: Callable[[], bool] = lambda: False) -> list[Any]:
        """The replies of the master to these commands, in one round trip; as `Server.run` does.

        Raises:
            redis.RedisError: there is no way to it, or nobody knows it.
            OSError: likewise.
        """
        master = self._known()
        try:
            replies = master.run(batch, unless=unless)
        except (redis.RedisError, OSError):
            self.sound = False
            raise
        self.sound = not any(map(_takes_no_writes, replies))
        if not self.sound:
            self._place = None
        return replies

    def everywhere(self, batch: Batch) -> dict[str, list[Any]]:
        """The replies of the master; what is a replica needs none."""
        return {"": self.run(batch)}

    def close(self) -> None:
        """Close every connection."""
        for server in (self._master, *self._sentinels):
            if server is not None:
                server.close()

    def _known(self) -> Server:
        """The master; asked for if there is reason to, or waited for if nobody knows it yet."""
        known = self._master
        if known is not None and self.sound:
            return known
        if self._asking.acquire(timeout=0 if known else self._settings.redis_timeout):
            try:
                self._ask()
            finally:
                self._asking.release()
        if self._master is None:
            raise redis.ConnectionError
        return self._master

    def _ask(self) -> None:
        """Ask one sentinel after the other, until one names a server that says it is the master."""
        for _ in range(len(self._sentinels)):
            try:
                if self._follows(self._sentinels[0]):
                    return
            except (redis.RedisError, OSError) as error:
                logs.problem("sentinel", error, every_s=_SAID_EVERY_S)
            self._sentinels.rotate(-1)

    def _follows(self, sentinel: Server) -> bool:
        """Whether the master that this sentinel names is the known one, or can be taken for it."""
        asked = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._address.service)
        (told,) = sentinel.run([asked])
        if isinstance(told, redis.RedisError):
            raise told
        if told is None:
            return False
        place = (told[0].decode(), int(told[1]))
        if place == self._place:
            return True
        master = Server(self._address.of_server(place), self._settings)
        if not _says_so(master):
            master.close()
            return False
        former, self._master, self._place = self._master, master, place
        if former is not None:
            former.close()
            logs.notice("redis_master", at=f"{place[0]}:{place[1]}")
        return True


def _says_so(master: Server) -> bool:
    """Whether a server takes itself for the master: a sentinel may not have heard the news."""
    (role,) = master.run([("ROLE",)])
    if isinstance(role, redis.RedisError):
        raise role
    return bool(role[0] == b"master")


def _takes_no_writes(reply: Any) -> bool:
    """Whether a reply says that the server has become a replica."""
    if not isinstance(reply, redis.ResponseError):
        return False
    return isinstance(reply, redis.ReadOnlyError) or "READONLY" in str(reply)
