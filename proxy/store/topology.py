"""What stands behind REDIS_URL: one Redis, one that sentinels name, or a cluster of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from proxy.store.cluster import Cluster
from proxy.store.sentinels import Sentinels
from proxy.store.server import Batch, Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.settings import Settings


class Redis(Protocol):
    """Takes commands and answers them, wherever they have to go."""

    @property
    def sound(self) -> bool:
        """Whether none of its servers failed to answer the last time it was asked."""

    def run(self, batch: Batch, *, unless: Callable[[], bool] = ...) -> list[Any]:
        """The replies to these commands; as `Server.run` does."""

    def everywhere(self, batch: Batch) -> dict[str, list[Any]]:
        """The replies of each server that keeps keys of its own, by where it is."""

    def close(self) -> None:
        """Close every connection."""


def connect(settings: Settings) -> Redis:
    """The Redis that the settings name; nothing is connected yet."""
    address = settings.redis
    if address.kind == "sentinel":
        return Sentinels(address, settings)
    if address.kind == "cluster":
        return Cluster(address, settings)
    return Server(address.whole, settings)
