"""Several Redis servers that stand in for each other: behind Sentinel, or as a Redis Cluster."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.retry import Retry

from proxy.embedded import Child, find_redis_server
from tests.support.redis_server import ADMIN, GUARDED, RedisServer, as_service
from tests.support.service import free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = "chats"
PATIENCE_S = 80
"""Sentinels do nothing for half a minute after the machine held them up for two seconds (TILT)."""
SLOTS = 16384


def asked(port: int, *command: str | int, user: str | None = None) -> Any:
    """What the server on this port answers this user; None if it does not."""
    no_retry = Retry(NoBackoff(), 0)
    client: Any = redis.Redis(
        port=port, protocol=2, socket_timeout=5, retry=no_retry, username=user
    )
    with closing(client):
        try:
            return client.execute_command(*command)
        except redis.ConnectionError:
            return None


class Member(RedisServer):
    """One of several servers.

    Attributes:
        port: where it listens on 127.0.0.1.
    """

    def __init__(self, *arguments: str, port: int | None = None) -> None:
        self.port = port or free_port()
        fast = ("--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0")
        enters = ("--masteruser", ADMIN, "--masterauth", "any") if GUARDED else ()
        super().__init__(port=self.port, arguments=(*fast, *enters, *arguments))

    def ask(self, *command: str | int) -> Any:
        """What it answers."""
        return asked(self.port, *command, user=ADMIN if GUARDED else None)

    def hand_over(self, key: str, target: Member) -> None:
        """Move a key to another master."""
        enters = ("AUTH2", ADMIN, "any") if GUARDED else ()
        self.ask("MIGRATE", "127.0.0.1", target.port, key, 0, 5000, *enters)

    @property
    def follows(self) -> bool:
        """Whether it is a replica that has all that its master had."""
        role = self.ask("ROLE")
        return bool(role) and role[0] == b"slave" and role[3] == b"connected"


class Sentinel:
    """A sentinel that watches a master."""

    def __init__(
        self,
        master: Member,
        *,
        down_after_ms: int,
        quorum: int = 2,
        epoch: int = 0,
        port: int | None = None,
    ) -> None:
        self.port = port or free_port()
        self._config = (
            f"port {self.port}\nbind 127.0.0.1\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} {quorum}\n"
            f"sentinel down-after-milliseconds {SERVICE} {down_after_ms}\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
            f"sentinel config-epoch {SERVICE} {epoch}\n"
        )
        if GUARDED:
            enters = f"sentinel auth-user {SERVICE} {ADMIN}\nsentinel auth-pass {SERVICE} any\n"
            self._config += enters
        self._directory: Any
        self._child: Child

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="chat-proxy-sentinel-")
        config = Path(self._directory.name) / "sentinel.conf"
        config.write_text(f"{self._config}dir {self._directory.name}\n")
        command = (str(find_redis_server()), str(config), "--sentinel")
        self._child = Child(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        wait_until(lambda: asked(self.port, "PING"), "a sentinel to answer")
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()
        self._directory.cleanup()

    @property
    def knows(self) -> tuple[int, int]:
        """How many replicas and how many other sentinels it knows."""
        told = asked(self.port, "SENTINEL", "MASTER", SERVICE)
        known = dict(zip(told[::2], told[1::2], strict=True))
        return int(known[b"num-slaves"]), int(known[b"num-other-sentinels"])

    @property
    def at_ease(self) -> bool:
        """Whether it finds nothing wrong with the master and the replicas."""
        told = [asked(self.port, "SENTINEL", "MASTER", SERVICE)]
        told += asked(self.port, "SENTINEL", "REPLICAS", SERVICE)
        flags = {dict(zip(one[::2], one[1::2], strict=True))[b"flags"] for one in told}
        return flags == {b"master", b"slave"}

    @property
    def master(self) -> int:
        """The port of the master, as it says."""
        return int(asked(self.port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])


class Watched:
    """A master and two replicas, and three sentinels that watch them.

    Attributes:
        members: the servers; which one is the master changes.
        sentinels: all of them.
        url: what REDIS_URL is.
    """

    def __init__(self, *, down_after_ms: int = 1000) -> None:
        first = Member()
        whose = ("--replicaof", "127.0.0.1", str(first.port))
        self.members = [first, Member(*whose), Member(*whose)]
        self.sentinels = [Sentinel(first, down_after_ms=down_after_ms) for _ in range(3)]
        places = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        self.url = as_service(f"redis+sentinel://{places}/{SERVICE}/0")
        self._started = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as started:
            for member in self.members:
                started.enter_context(member)
            wait_until(lambda: self.replicated, "the replicas to follow")
            for sentinel in self.sentinels:
                started.enter_context(sentinel)
            wait_until(self._known, "the sentinels to know each other", PATIENCE_S)
            self._started = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._started.close()

    @property
    def master(self) -> Member:
        """The server that the sentinels call the master."""
        port = self.sentinels[0].master
        return next(member for member in self.members if member.port == port)

    @property
    def replicated(self) -> bool:
        """Whether the master has its two replicas."""
        return sum(member.follows for member in self.members) == 2

    @property
    def settled(self) -> bool:
        """Whether a failover is over for all: they agree, and all servers are up and follow."""
        agreed = len({sentinel.master for sentinel in self.sentinels}) == 1
        return agreed and self.replicated and all(one.at_ease for one in self.sentinels)

    def wait_for_another(self, former: Member) -> None:
        """Wait until the sentinels have made another server the master."""
        wait_until(lambda: self.master is not former, "another master", PATIENCE_S)

    def _known(self) -> bool:
        return all(sentinel.knows == (2, 2) for sentinel in self.sentinels)


class Clustered:
    """A Redis Cluster of three masters with a replica each.

    Attributes:
        members: all six; which ones are masters changes.
        url: what REDIS_URL is.
    """

    def __init__(self, *, node_timeout_ms: int = 1500) -> None:
        arguments = (
            *("--cluster-enabled", "yes", "--cluster-node-timeout", str(node_timeout_ms)),
            *("--cluster-replica-validity-factor", "0"),
        )
        self.members = [Member(*arguments, port=_port_with_a_bus()) for _ in range(6)]
        places = ",".join(f"127.0.0.1:{member.port}" for member in self.members[:3])
        self.url = as_service(f"redis+cluster://{places}")
        self._started = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as started:
            for member in self.members:
                started.enter_context(member)
            self._join()
            self._started = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._started.close()

    @property
    def sound(self) -> bool:
        """Whether each living member has all slots served."""
        told = [member.ask("CLUSTER", "INFO") for member in self.members]
        return all("cluster_state:ok" in str(one) for one in told if one)

    def owner(self, key: str) -> Member:
        """The master that has a key, as the living say."""
        slot = key_slot(key.encode())
        ranges = next(filter(None, (member.ask("CLUSTER", "SLOTS") for member in self.members)))
        (port,) = (entry[2][1] for entry in ranges if entry[0] <= slot <= entry[1])
        return next(member for member in self.members if member.port == port)

    @property
    def replicated(self) -> bool:
        """Whether each master has a replica that follows it."""
        return sum(member.follows for member in self.members) == 3

    def replica_of(self, master: Member) -> Member:
        """The replica of a master."""
        following = ((member, member.ask("ROLE")) for member in self.members)
        return next(
            one for one, role in following if role[0] == b"slave" and role[2] == master.port
        )

    @contextmanager
    def moving(self, key: str, target: Member) -> Iterator[None]:
        """The slot of a key is on its way to another master; at the end it is there."""
        slot, former = key_slot(key.encode()), self.owner(key)
        ids = {member: member.ask("CLUSTER", "MYID") for member in (former, target)}
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[former])
        former.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        yield
        for left in former.ask("CLUSTER", "GETKEYSINSLOT", slot, 100):
            former.hand_over(left, target)
        for member in (target, former):
            member.ask("CLUSTER", "SETSLOT", slot, "NODE", ids[target])
        wait_until(lambda: self.owner(key) is target, "the slot to have moved")

    def wait_for_another(self, former: Member, key: str) -> None:
        """Wait until another master has this key."""
        wait_until(lambda: self.owner(key) is not former, "another owner", seconds=60)

    def _join(self) -> None:
        masters, replicas = self.members[:3], self.members[3:]
        for number, member in enumerate(self.members):
            member.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            member.ask("CLUSTER", "MEET", "127.0.0.1", masters[0].port)
        for number, master in enumerate(masters):
            share = range(SLOTS * number // 3, SLOTS * (number + 1) // 3)
            master.ask("CLUSTER", "ADDSLOTS", *share)
        wait_until(lambda: all(map(_knows_all, self.members)), "the members to know each other")
        for master, replica in zip(masters, replicas, strict=True):
            replica.ask("CLUSTER", "REPLICATE", master.ask("CLUSTER", "MYID"))
        wait_until(lambda: self.sound, "the cluster to be whole")
        wait_until(lambda: all(one.follows for one in replicas), "the replicas to follow")
        wait_until(lambda: all(map(_shows_all, self.members)), "the replicas to be known")


def _port_with_a_bus() -> int:
    """A port whose number plus 10,000, where the nodes talk to each other, is free as well."""
    while True:
        port = free_port()
        with suppress(OSError, OverflowError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port + 10_000))
            return port


def _knows_all(member: Member) -> bool:
    return "cluster_known_nodes:6" in str(member.ask("CLUSTER", "INFO"))


def _shows_all(member: Member) -> bool:
    return all(len(entry) == 4 for entry in member.ask("CLUSTER", "SLOTS"))
