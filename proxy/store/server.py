"""One Redis server, reached through a bounded pool: a batch is one write and one read.

A batch is never sent twice by itself (its scripts may have run), and a connection whose reply was
not read to the end is closed, so that no reply can reach another caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import redis

from proxy.store import scripts
from proxy.store.wires import Argument, Batch, Wires

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.settings import Settings

__all__ = ["Argument", "Batch", "Server"]


class Server:
    """A server and the connections to it."""

    sound = True

    def __init__(
        self, url: str, settings: Settings, before: Callable[[], None] = lambda: None
    ) -> None:
        """Nothing is connected yet.

        Args:
            url: where it is.
            settings: how many connections there may be, and how long they are waited for.
            before: is called before each connection is made; raises what `run` then does.
        """
        self._wires = Wires(url, settings, before)

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
        wire = self._wires.take()
        whole = False
        try:
            if unless():
                raise redis.ConnectionError
            wire.send(batch)
            replies = wire.replies(len(batch))
            whole = True
        finally:
            if whole:
                self._wires.give_back(wire)
            else:
                self._wires.drop(wire)
        return replies

    def everywhere(self, batch: Batch) -> dict[str, list[Any]]:
        """The replies of each server there is, by where it is: this one alone."""
        return {"": self.run(batch)}

    def close(self) -> None:
        """Close every connection."""
        self._wires.close()
