"""What is reserved at the moment, by anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.store import keyspace
from proxy.store.connection import Command

if TYPE_CHECKING:
    from proxy.store.connection import Store


def reservations(redis_admin: Store) -> set[bytes]:
    """The keys of all reservations; to list keys is nothing that the service may."""
    return redis_admin.run(Command(("KEYS", keyspace.reservation("*")), set))
