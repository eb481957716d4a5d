"""The connection to Redis: commands in, replies out, one round trip a call."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import gevent
import redis

from proxy.store import record, scripts
from proxy.store.outage import Outage, unavailable
from proxy.store.topology import connect
from proxy.telemetry import current, figures, logs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.errors import StoreUnavailable
    from proxy.settings import Settings
    from proxy.store.server import Argument, Batch

T = TypeVar("T")

_WRAPPED = re.compile(r": -([A-Z]+) ")
_REFUSED_EVERY_S = 60.0
"""Redis answers and refuses, each kind of refusal: how often the log says so."""


@dataclass(frozen=True, slots=True)
class Command(Generic[T]):
    """A Redis command, and how its reply is understood.

    Attributes:
        record: which record it reads; a reply that makes no sense is RecordDamaged then.
        spared: its reply is None where Redis does not let the service's user run it.
    """

    arguments: tuple[Argument, ...]
    parse: Callable[[Any], T]
    record: record.Name | None = None
    spared: bool = False

    def in_list(self) -> Command[T | None]:
        """The same for a list, which leaves a record out that cannot be read."""
        named = replace(self.record, in_list=True) if self.record else None
        return Command(self.arguments, self.parse, named)

    def bears(self, error: redis.RedisError) -> bool:
        """Whether this error is an answer: of a record, that its key holds another type."""
        if self.spared:
            return isinstance(error, redis.exceptions.NoPermissionError)
        return self.record is not None and "WRONGTYPE" in str(error)

    def understand(self, reply: Any) -> Any:
        """What the reply says."""
        if self.spared and isinstance(reply, redis.RedisError):
            return None
        if self.record is None:
            return self.parse(reply)
        return record.understood(self.record, self.parse, reply)


def script(
    name: str,
    keys: tuple[str, ...],
    arguments: tuple[Argument, ...],
    parse: Callable[[Any], T],
    read: record.Name | None = None,
) -> Command[T]:
    """A command that runs one of the scripts in store/lua."""
    return Command(("EVALSHA", scripts.digests()[name], len(keys), *keys, *arguments), parse, read)


class Store:
    """Redis, reached through a bounded pool.

    Attributes:
        outage: whether Redis is known to be gone; who asks is refused at once then.
    """

    def __init__(self, settings: Settings) -> None:
        self.outage = Outage(settings, self._answers)
        self._server = connect(settings)

    def run(self, command: Command[T]) -> T:
        """Run one command.

        Raises:
            StoreUnavailable: Redis is gone, too slow, or refuses.
            RecordDamaged: what it reads cannot be understood.
        """
        return self.run_all(command)[0]  # type: ignore[no-any-return]

    def run_all(self, *commands: Command[Any], within_s: float | None = None) -> list[Any]:
        """Run commands in one round trip; each one's outcome is its own, there is no transaction.

        Args:
            commands: what to run.
            within_s: give up after so long, where that is sooner than the timeouts say.

        Raises:
            StoreUnavailable: Redis is gone, too slow, or refuses one of them.
            RecordDamaged: what one of them reads cannot be understood.
        """
        packed = [command.arguments for command in commands]
        return _understood(commands, self._asked(lambda: self._run(packed, within_s)))

    def run_everywhere(self, *commands: Command[Any]) -> dict[str, list[Any]]:
        """Run commands on each server that keeps keys of its own, by where it is; as `run_all`.

        Where there is one it has no name.
        """
        packed = [command.arguments for command in commands]
        told = self._asked(lambda: self._server.everywhere(packed))
        return {where: _understood(commands, replies) for where, replies in told.items()}

    def _asked(self, ask: Callable[[], T]) -> T:
        if self.outage.lasts:
            raise unavailable()
        try:
            told = ask()
        except (redis.RedisError, OSError) as error:
            raise self._gone(error) from None
        if self._server.sound:
            self.outage.succeeded()
        return told

    def _run(self, batch: Batch, within_s: float | None) -> list[Any]:
        begun = time.perf_counter()
        try:
            if within_s is None:
                return self._server.run(batch, unless=lambda: self.outage.lasts)
            with gevent.Timeout(within_s, redis.TimeoutError()):
                return self._server.run(batch, unless=lambda: self.outage.lasts)
        finally:
            seconds = time.perf_counter() - begun
            figures.redis_seconds.observe(seconds)
            current.get().redis_s += seconds

    def _gone(self, error: Exception) -> StoreUnavailable:
        figures.redis_errors.add(1)
        if not self.outage.lasts:
            logs.problem("redis", error)
            self.outage.failed()
        return unavailable()

    def _answers(self) -> bool:
        """Whether Redis is back, asked during an outage."""
        try:
            self._server.everywhere([("PING",)])
        except (redis.RedisError, OSError) as error:
            logs.problem("redis_watch", error, every_s=_REFUSED_EVERY_S)
            return False
        return True

    def close(self) -> None:
        """Close every connection."""
        self.outage.close()
        self._server.close()


def _understood(commands: Sequence[Command[Any]], replies: list[Any]) -> list[Any]:
    """What the replies say, if none of them is a refusal."""
    for command, reply in zip(commands, replies, strict=True):
        if isinstance(reply, redis.RedisError) and not command.bears(reply):
            logs.problem(_refusal(reply), reply, every_s=_REFUSED_EVERY_S)
            raise unavailable()
    return [command.understand(reply) for command, reply in zip(commands, replies, strict=True)]


def _refusal(reply: redis.RedisError) -> str:
    """What refuses: Redis 6.2 wraps a script's error into words, the code comes after a dash."""
    code = _WRAPPED.search(str(reply))
    return f"redis {code[1]}" if code else "redis"


def decoded(reply: list[bytes]) -> dict[str, str]:
    """A hash as HGETALL answers it."""
    texts = [raw.decode() for raw in reply]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def ping() -> Command[bool]:
    """Whether Redis answers."""
    return Command(("PING",), lambda reply: reply == b"PONG")


def time_us() -> Command[int]:
    """The server's clock, in microseconds since 1970."""
    return Command(("TIME",), lambda reply: int(reply[0]) * 1_000_000 + int(reply[1]))
