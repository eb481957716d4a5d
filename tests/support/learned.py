"""What the service learned of ChatGPT's limits, for tests that share a Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.store import keyspace, learned
from proxy.store.connection import Command

if TYPE_CHECKING:
    from proxy.store.connection import Store


def forget(store: Store) -> None:
    """Know nothing of ChatGPT's limits, and let everybody ask."""
    models = store.run(learned.models())
    keys = [keyspace.bucket(bucket) for model in models for bucket in learned.buckets(model)]
    store.run(Command(("DEL", keyspace.learned_models(), *keys), lambda _: None))
