"""The connection to Redis: commands in, replies out, one round trip a call.

redis-py's connections are used without its client: a batch is one write and one read, it is never
sent twice by itself (its scripts may have run), and a connection whose reply was not read to the
end is closed, so that no reply can reach another caller.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import gevent
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from proxy.store import record
from proxy.store.outage import Outage, unavailable
from proxy.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.errors import StoreUnavailable
    from proxy.settings import Settings

T = TypeVar("T")
Argument = str | bytes | int | float

_SCRIPTS: dict[str, tuple[str, ...]] = {
    "reserve": ("_limits", "_usage", "_rooms"),
    "settle": ("_limits", "_usage"),
    "leave": ("_limits", "_rooms"),
    **dict.fromkeys(("peek", "hold", "learn"), ("_limits",)),
    **dict.fromkeys(
        ("create", "open", "commit", "release", "renew", "read", "patch", "undo", "delete"),
        ("_record", "_session"),
    ),
    **dict.fromkeys(("list", "list_session"), ()),
    **dict.fromkeys(("turn_begin", "turn_read", "turn_cancel", "claim"), ("_record",)),
    **dict.fromkeys(("turn_append", "claim_renew", "claim_end"), ()),
}
"""The scripts of store/lua, and the files that stand before each."""
_WRAPPED = re.compile(r": -([A-Z]+) ")
_REFUSED_EVERY_S = 60.0
"""Redis answers and refuses, each kind of refusal: how often the log says so."""


@dataclass(frozen=True, slots=True)
class Command(Generic[T]):
    """A Redis command, and how its reply is understood.

    Attributes:
        record: which record it reads; a reply that makes no sense is RecordDamaged then.
    """

    arguments: tuple[Argument, ...]
    parse: Callable[[Any], T]
    record: record.Name | None = None

    def in_list(self) -> Command[T | None]:
        """The same for a list, which leaves a record out that cannot be read."""
        named = replace(self.record, in_list=True) if self.record else None
        return Command(self.arguments, self.parse, named)

    def understand(self, reply: Any) -> Any:
        """What the reply says."""
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
    return Command(("EVALSHA", _digests()[name], len(keys), *keys, *arguments), parse, read)


class Store:
    """Redis, reached through a bounded pool.

    Attributes:
        outage: whether Redis is known to be gone; who asks is refused at once then.
    """

    def __init__(self, settings: Settings) -> None:
        self.outage = Outage(settings, self._answers)
        self._pool: Any = redis.BlockingConnectionPool.from_url(
            settings.redis_url.get_secret_value(),
            protocol=2,
            max_connections=settings.redis_max_connections,
            timeout=settings.redis_timeout,
            socket_connect_timeout=settings.redis_connect_timeout,
            socket_timeout=settings.redis_timeout,
            retry=Retry(NoBackoff(), 0),
            client_name="chat-proxy",
            driver_info=None,  # sends CLIENT SETINFO, which Redis before 7.2 does not know
        )

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
        if self.outage.lasts:
            raise unavailable()
        packed = [command.arguments for command in commands]
        try:
            if within_s is None:
                replies = self._run(packed)
            else:
                with gevent.Timeout(within_s, redis.TimeoutError()):
                    replies = self._run(packed)
        except (redis.RedisError, OSError) as error:
            raise self._gone(error) from None
        self.outage.succeeded()
        for command, reply in zip(commands, replies, strict=True):
            if isinstance(reply, redis.RedisError) and not (command.record and _of_type(reply)):
                logs.problem(_refusal(reply), reply, every_s=_REFUSED_EVERY_S)
                raise unavailable()
        return [command.understand(reply) for command, reply in zip(commands, replies, strict=True)]

    def _run(self, packed: list[tuple[Argument, ...]]) -> list[Any]:
        replies = self._exchange(packed)
        if any(isinstance(reply, redis.exceptions.NoScriptError) for reply in replies):
            self._exchange([("SCRIPT", "LOAD", text) for text in _texts().values()])
            replies = self._exchange(packed)
        return replies

    def _exchange(self, commands: list[tuple[Argument, ...]], *, trial: bool = False) -> list[Any]:
        connection = self._pool.get_connection()
        whole = False
        try:
            if self.outage.lasts and not trial:  # it began while this one waited for a connection
                raise redis.ConnectionError
            connection.send_packed_command(connection.pack_commands(commands))
            replies = [_read(connection) for _ in commands]
            whole = True
        finally:
            if not whole:
                connection.disconnect()
            self._pool.release(connection)
        return replies

    def _gone(self, error: Exception) -> StoreUnavailable:
        if not self.outage.lasts:
            logs.problem("redis", error)
            self.outage.failed()
        return unavailable()

    def _answers(self) -> bool:
        """Whether Redis is back, asked during an outage."""
        try:
            self._exchange([("PING",)], trial=True)
        except (redis.RedisError, OSError) as error:
            logs.problem("redis_watch", error, every_s=_REFUSED_EVERY_S)
            return False
        return True

    def close(self) -> None:
        """Close every connection."""
        self.outage.close()
        self._pool.disconnect()


def _refusal(reply: redis.RedisError) -> str:
    """What refuses: Redis 6.2 wraps a script's error into words, the code comes after a dash."""
    code = _WRAPPED.search(str(reply))
    return f"redis {code[1]}" if code else "redis"


def _of_type(reply: redis.RedisError) -> bool:
    """Whether the key holds another type of value than the record's."""
    return "WRONGTYPE" in str(reply)


def _read(connection: Any) -> Any:
    """One reply; an error reply is a value, the replies behind it must be read all the same."""
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return error


@cache
def _texts() -> dict[str, str]:
    folder = resources.files("proxy.store") / "lua"
    return {
        name: "".join((folder / f"{part}.lua").read_text("utf-8") for part in (*preludes, name))
        for name, preludes in _SCRIPTS.items()
    }


@cache
def _digests() -> dict[str, str]:
    return {
        name: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        for name, text in _texts().items()
    }


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
