"""A Redis behind Sentinel: the master of the moment, asked for anew when it is lost.

Sentinels are asked for it at the start, before each new connection to it (it may be a former master
that is up again), and when it does not answer, takes no writes any more or has too few replicas;
never on the way of a command that goes well. One caller of a worker asks at a time, the others wait
for what it is told, for as long as they would for Redis.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import redis

from proxy.store.server import Batch, Server
from proxy.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.settings import Place, RedisAddress, Settings

_FRESH_S = 0.2
"""What was told so lately still holds: no failover is faster."""
_SAID_EVERY_S = 60.0
"""How often the log says that a sentinel does not help."""


class _Superseded(redis.ConnectionError):
    """There is another master now; nothing was sent."""


class Sentinels:
    """The master that sentinels name.

    Attributes:
        sound: whether it did the last time what a master does.
    """

    def __init__(self, address: RedisAddress, settings: Settings) -> None:
        """Nobody is asked yet."""
        own = settings.redis_sentinel_password
        password = own.get_secret_value() if own else ""
        self.sound = True
        self._doubted = True
        self._asked = -_FRESH_S
        self._address = address
        self._settings = settings
        self._sentinels = deque(
            Server(address.of_sentinel(place, password), settings) for place in address.places
        )
        self._master: Server | None = None
        self._place: Place | None = None
        self._epoch = 0
        self._asking = threading.Lock()

    def run(self, batch: Batch, *, unless: Callable[[], bool] = lambda: False) -> list[Any]:
        """The replies of the master to these commands, in one round trip; as `Server.run` does.

        Raises:
            redis.RedisError: there is no way to it, or nobody knows it.
            OSError: likewise.
        """
        try:
            replies = self._run(batch, unless)
        except (redis.RedisError, OSError):
            self.sound, self._doubted = False, True
            raise
        if any(map(_takes_no_writes, replies)):
            self.sound, self._doubted, self._place = False, True, None
        elif _followed(batch, replies):
            self.sound = True
        else:
            self._doubted = True
        return replies

    def _run(self, batch: Batch, unless: Callable[[], bool]) -> list[Any]:
        """Ask the master; if it turns out before anything is sent that it is another, ask that."""
        try:
            return self._known().run(batch, unless=unless)
        except _Superseded:
            self._doubted = True
            return self._known().run(batch, unless=unless)

    def everywhere(self, batch: Batch) -> dict[str, list[Any]]:
        """The replies of the master; what is a replica needs none."""
        return {"": self.run(batch)}

    def close(self) -> None:
        """Close every connection."""
        for server in (self._master, *self._sentinels):
            if server is not None:
                server.close()

    def _known(self) -> Server:
        """The master; asked for if there is reason to."""
        if self._doubted and self._asking.acquire(timeout=self._settings.redis_timeout):
            try:
                if self._doubted:
                    self._ask()
                    self._doubted = False
            finally:
                self._asking.release()
        if self._master is None:
            self._doubted = True
            raise redis.ConnectionError
        return self._master

    def _ask(self) -> None:
        """Take the server for the master that the newest news name, if it says that it is it.

        A sentinel that has not yet heard of a failover may name a former master that is up again.
        When newer news name one that cannot be asked yet, the former one is left all the same: what
        it took would be lost.
        """
        epoch, places = self._newest()
        for place in places:
            if place == self._place or self._taken(place):
                self._epoch = epoch
                return
        if places and epoch > self._epoch and self._master is not None:
            self._master.close()
            self._master = self._place = None

    def _newest(self) -> tuple[int, list[Place]]:
        """Since which epoch the master is where, by the newest news; nowhere if nobody answers."""
        told: list[tuple[int, Place]] = []
        deadline = time.monotonic() + self._settings.redis_timeout
        for sentinel in list(self._sentinels):
            if told and time.monotonic() > deadline:
                break
            try:
                told.append(self._named_by(sentinel))
            except (redis.RedisError, OSError) as error:
                logs.problem("sentinel", error, every_s=_SAID_EVERY_S)
                self._sentinels.rotate(-1)
        self._asked = time.monotonic()
        newest = max((epoch for epoch, _ in told), default=0)
        return newest, list(dict.fromkeys(place for epoch, place in told if epoch == newest))

    def _check(self, place: Place) -> None:
        """Object to a new connection to what is not the master any more."""
        if time.monotonic() - self._asked < _FRESH_S:
            return
        _, places = self._newest()
        if places and place not in places:
            raise _Superseded("There is another master now.")

    def _named_by(self, sentinel: Server) -> tuple[int, Place]:
        """The master as a sentinel knows it: in which epoch it became that, and where it is.

        During a failover it tells the new one's address first, and its epoch at the end.
        """
        service = self._address.service
        at, told = sentinel.run(
            [
                ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service),
                ("SENTINEL", "MASTER", service),
            ]
        )
        if isinstance(told, redis.RedisError):
            raise told
        known = dict(zip(told[::2], told[1::2], strict=True))
        ahead = at != [known[b"ip"], known[b"port"]]
        return int(known[b"config-epoch"]) + ahead, (at[0].decode(), int(at[1]))

    def _taken(self, place: Place) -> bool:
        """Whether the server there is the master, and is used from now on."""
        url, check = self._address.of_server(place), partial(self._check, place)
        master = Server(url, self._settings, check)
        try:
            if not _says_so(master):
                master.close()
                return False
        except (redis.RedisError, OSError) as error:
            logs.problem("redis_master", error, every_s=_SAID_EVERY_S)
            master.close()
            return False
        former, self._master, self._place = self._master, master, place
        if former is not None:
            former.close()
            logs.notice("redis_master", at=f"{place[0]}:{place[1]}")
        return True


def _says_so(master: Server) -> bool:
    """Whether a server takes itself for the master."""
    (role,) = master.run([("ROLE",)])
    if isinstance(role, redis.RedisError):
        raise role
    return bool(role[0] == b"master")


def _followed(batch: Batch, replies: list[Any]) -> bool:
    """Whether as many replicas have what was written as were waited for, if they were.

    If not it may be a former master that nobody follows any more.
    """
    (verb, *wanted), there = batch[-1], replies[-1]
    return verb != "WAIT" or (isinstance(there, int) and there >= int(wanted[0]))


def _takes_no_writes(reply: Any) -> bool:
    """Whether a reply says that the server has become a replica."""
    if not isinstance(reply, redis.ResponseError):
        return False
    return isinstance(reply, redis.ReadOnlyError) or "READONLY" in str(reply)
