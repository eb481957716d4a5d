"""One Redis server, reached through a bounded pool: a batch is one write and one read.

redis-py's connections are used without its client: a batch is never sent twice by itself (its
scripts may have run), and a connection whose reply was not read to the end is closed, so that no
reply can reach another caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from proxy.store import scripts

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.settings import Settings

Argument = str | bytes | int | float
Batch = list[tuple[Argument, ...]]


class Server:
    """A server and the connections to it."""

    def __init__(self, url: str, settings: Settings) -> None:
        """Nothing is connected yet.

        Args:
            url: where it is.
            settings: how many connections there may be, and how long they are waited for.
        """
        self._pool: Any = redis.BlockingConnectionPool.from_url(
            url,
            protocol=2,
            max_connections=settings.redis_max_connections,
            timeout=settings.redis_timeout,
            socket_connect_timeout=settings.redis_connect_timeout,
            socket_timeout=settings.redis_timeout,
            retry=Retry(NoBackoff(), 0),
            client_name="chat-proxy",
            driver_info=None,  # sends CLIENT SETINFO, which Redis before 7.2 does not know
        )

    def run(self, batch: Batch, *, unless: Callable[[], bool] = lambda: False) -> list[Any]:
        """The replies to these commands, in one round trip; scripts it does not know are loaded.

        Args:
            batch: the commands.
            unless: whether not to send them after all, asked when there is a connection.

        Raises:
            redis.RedisError: there is no way to it.
            OSError: likewise.
        """
        replies = self._exchange(batch, unless)
        if any(isinstance(reply, redis.exceptions.NoScriptError) for reply in replies):
            load: Batch = [("SCRIPT", "LOAD", text) for text in scripts.texts().values()]
            self._exchange(load, unless)
            replies = self._exchange(batch, unless)
        return replies

    def _exchange(self, batch: Batch, unless: Callable[[], bool]) -> list[Any]:
        connection = self._pool.get_connection()
        whole = False
        try:
            if unless():
                raise redis.ConnectionError
            connection.send_packed_command(connection.pack_commands(batch))
            replies = [_read(connection) for _ in batch]
            whole = True
        finally:
            if not whole:
                connection.disconnect()
            self._pool.release(connection)
        return replies

    def close(self) -> None:
        """Close every connection."""
        self._pool.disconnect()


def _read(connection: Any) -> Any:
    """One reply; an error reply is a value, the replies behind it must be read all the same."""
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return error
