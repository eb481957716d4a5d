"""Which node of a Redis Cluster has which slot, as its nodes tell it, and the way to each node.

They are asked at the start, and again when a node does not answer or says that a slot is elsewhere;
never on the way of a batch that goes well. One caller of a worker asks at a time, the others go on
with what is known.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import ClusterDownError

from proxy.store.server import Server
from proxy.telemetry import logs

if TYPE_CHECKING:
    from proxy.settings import Place, RedisAddress, Settings
    from proxy.store.server import Argument

_SAID_EVERY_S = 60.0
"""How often the log says that a node does not help."""


class Slots:
    """The nodes of a cluster, and the slots that each one has.

    Attributes:
        stale: whether what is known is to be asked for anew.
        silent: the nodes with slots that did not answer the last time.
    """

    def __init__(self, address: RedisAddress, settings: Settings) -> None:
        """Nobody is asked yet."""
        self.stale = True
        self.silent: set[Place] = set()
        self._address = address
        self._settings = settings
        self._servers: dict[Place, Server] = {}
        self._owners: list[Place | None] = []
        self._told = 0
        self._asking = threading.Lock()

    def server(self, place: Place) -> Server:
        """The way to a node."""
        server = self._servers.get(place)
        if server is None:
            made = Server(self._address.of_server(place), self._settings)
            server = self._servers.setdefault(place, made)
        return server

    def owner(self, key: Argument) -> Place:
        """The node that has a key.

        Raises:
            ClusterDownError: no node has its slot.
        """
        place = self._owners[key_slot(key if isinstance(key, bytes) else str(key).encode())]
        if place is None:
            self.stale = True
            raise ClusterDownError("no node has this slot")
        return place

    def owners(self) -> list[Place]:
        """The nodes that have slots."""
        return sorted({place for place in self._owners if place})

    def learn(self) -> None:
        """Ask the nodes, if what is known is stale; bounded in time.

        Raises:
            redis.ConnectionError: nothing is known, and no node answers.
        """
        patience_s = 0 if self._owners else self._settings.redis_timeout
        if self.stale and self._asking.acquire(timeout=patience_s):
            try:
                self._ask()
            finally:
                self._asking.release()
        if not self._owners:
            raise redis.ConnectionError

    def close(self) -> None:
        """Close every connection."""
        for server in self._servers.values():
            server.close()

    def _ask(self) -> None:
        """Ask one node after the other until one tells, those that were silent last."""
        deadline = time.monotonic() + self._settings.redis_timeout
        for place in self._nodes():
            if not self.stale or time.monotonic() > deadline:
                return
            try:
                (told,) = self.server(place).run([("CLUSTER", "SLOTS")])
            except (redis.RedisError, OSError) as error:
                told = error
                self.silent.add(place)
            if isinstance(told, Exception):
                logs.problem("cluster", told, every_s=_SAID_EVERY_S)
            else:
                self._take(told, place)

    def _nodes(self) -> list[Place]:
        """Each time another one first: a node that lost sight of the others tells old news."""
        nodes = list(dict.fromkeys([*self.owners(), *self._address.places]))
        first = self._told % len(nodes)
        return sorted(nodes[first:] + nodes[:first], key=self.silent.__contains__)

    def _take(self, told: list[Any], asked: Place) -> None:
        """Take over the answer of a node: for each range of slots its master and its replicas."""
        owners: list[Place | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        members = {*self._address.places}
        for first, last, *nodes in told:
            places = [(_host(host, asked), int(port)) for host, port, *_ in nodes]
            owners[first : last + 1] = [places[0]] * (last + 1 - first)
            members.update(places)
        self._owners, self.stale = owners, False
        self._told += 1
        self.silent.intersection_update(self.owners())
        for place in self._servers.keys() - members:
            self._servers.pop(place).close()


def _host(told: bytes | None, asked: Place) -> str:
    """A node's host; one that does not know its own is where it was asked."""
    host = (told or b"?").decode()
    return asked[0] if host == "?" else host
