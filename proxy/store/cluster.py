"""A Redis Cluster: each command of a batch goes to the node that has its key.

A batch is one round trip: what goes to different nodes is sent and answered at the same time. The
cluster is taken as a whole: a turn has keys on several nodes, so nothing is begun while one of them
is known not to answer, until another one has taken its place.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import gevent
import redis
from redis.exceptions import AskError, ClusterDownError, MovedError, TryAgainError

from proxy.store.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.settings import Place, RedisAddress, Settings
    from proxy.store.server import Argument, Batch

    Unless = Callable[[], bool]
    Parts = dict[Place, list[int]]

ANYWHERE = frozenset({"INFO", "PING", "TIME"})
"""Commands without a key: they go where the first one with a key goes."""
ON_EACH = "WAIT"
"""Goes behind each part of its batch; the least that a node answers is the answer."""
_ASKING = ("ASKING",)
_REDIRECTIONS = 8
"""How often a command is sent on before its caller is told."""
_PAUSE_S = 0.02
"""Until a command whose keys are just being moved is tried again."""


class Cluster:
    """All nodes as one Redis."""

    def __init__(self, address: RedisAddress, settings: Settings) -> None:
        """Nothing is connected yet."""
        self._slots = Slots(address, settings)

    @property
    def sound(self) -> bool:
        """Whether each node answered the last time it was asked."""
        return not self._slots.silent

    def run(self, batch: Batch, *, unless: Unless = lambda: False) -> list[Any]:
        """The replies to these commands, in their order; as `Server.run` does.

        What a node says is elsewhere now takes a round trip more.

        Raises:
            redis.RedisError: there is no way to one of the nodes that have their keys.
            OSError: likewise.
        """
        self._slots.learn()
        replies: list[Any] = [None] * len(batch)
        parts, asking = self._parts(batch), set[int]()
        for _ in range(_REDIRECTIONS):
            self._exchange(batch, parts, asking, replies, unless)
            if not any(isinstance(reply, redis.ResponseError) for reply in replies):
                break
            parts, asking = self._elsewhere(batch, replies)
            if not parts:
                break
        return replies

    def everywhere(self, batch: Batch) -> dict[str, list[Any]]:
        """The replies of each node that has slots, by where it is.

        Raises:
            redis.RedisError: there is no way to one of them.
            OSError: likewise.
        """
        self._slots.stale = True
        self._slots.learn()
        told: dict[str, list[Any]] = {}
        for place in self._slots.owners():
            told[f"{place[0]}:{place[1]}"] = self._answered(place, batch, lambda: False)
        return told

    def close(self) -> None:
        """Close every connection."""
        self._slots.close()

    def _parts(self, batch: Batch) -> Parts:
        """Which of these commands go where."""
        parts: Parts = {}
        anywhere: list[int] = []
        for position, command in enumerate(batch):
            if command[0] in ANYWHERE:
                anywhere.append(position)
            elif command[0] != ON_EACH:
                parts.setdefault(self._slots.owner(key_of(command)), []).append(position)
        if anywhere:
            first = next(iter(parts), self._slots.owners()[0])
            parts[first] = anywhere + parts.get(first, [])
        return _with_those_behind(batch, parts)

    def _elsewhere(self, batch: Batch, replies: list[Any]) -> tuple[Parts, set[int]]:
        """Where the commands go that were sent on, and which of them that node does not expect."""
        parts: Parts = {}
        asking: set[int] = set()
        early = False
        for position, reply in enumerate(replies):
            if isinstance(reply, AskError):  # MOVED is one too
                owner = self._slots.owner(key_of(batch[position]))
                place = (reply.host or owner[0], reply.port)
                if isinstance(reply, MovedError):
                    self._slots.stale = True
                else:
                    asking.add(position)
            elif isinstance(reply, TryAgainError):
                early, place = True, self._slots.owner(key_of(batch[position]))
            else:
                self._slots.stale |= isinstance(reply, ClusterDownError)
                continue
            parts.setdefault(place, []).append(position)
        if early:
            time.sleep(_PAUSE_S)
        return _with_those_behind(batch, parts), asking

    def _exchange(
        self, batch: Batch, parts: Parts, asking: set[int], replies: list[Any], unless: Unless
    ) -> None:
        """Send each part to its node and put the answers into their places; all at once."""
        (nearest, *others) = parts.items()
        sent = [gevent.spawn(self._part, batch, part, asking, unless) for part in others]
        outcomes = [self._part(batch, nearest, asking, unless), *(part.get() for part in sent)]
        for positions, outcome in zip(parts.values(), outcomes, strict=True):
            if isinstance(outcome, Exception):
                raise outcome
            for position, reply in zip(positions, outcome, strict=True):
                former = replies[position]
                on_each = batch[position][0] == ON_EACH and former is not None
                replies[position] = _least(former, reply) if on_each else reply

    def _part(
        self, batch: Batch, part: tuple[Place, list[int]], asking: set[int], unless: Unless
    ) -> list[Any] | redis.RedisError | OSError:
        """What a node answers to its part, or why it does not: nobody would catch it here."""
        place, positions = part
        commands: Batch = []
        for position in positions:
            commands += [_ASKING, batch[position]] if position in asking else [batch[position]]
        try:
            replies = self._answered(place, commands, unless)
        except (redis.RedisError, OSError) as error:
            return error
        return [
            reply for command, reply in zip(commands, replies, strict=True) if command != _ASKING
        ]

    def _answered(self, place: Place, commands: Batch, unless: Unless) -> list[Any]:
        try:
            replies = self._slots.server(place).run(commands, unless=unless)
        except (redis.RedisError, OSError):
            self._slots.silent.add(place)
            self._slots.stale = True
            raise
        self._slots.silent.discard(place)
        return replies


def key_of(command: tuple[Argument, ...]) -> Argument:
    """The key that decides where a command goes."""
    return command[3] if command[0] == "EVALSHA" else command[1]


def _with_those_behind(batch: Batch, parts: Parts) -> Parts:
    behind = [position for position, command in enumerate(batch) if command[0] == ON_EACH]
    return {place: positions + behind for place, positions in parts.items()}


def _least(one: Any, other: Any) -> Any:
    """Of two nodes' answers the one that is worse news."""
    if isinstance(one, Exception) or isinstance(other, Exception):
        return one if isinstance(one, Exception) else other
    return min(one, other)
