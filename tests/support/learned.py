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
    keys = [keyspace.limits(learned.buckets(model)[0]) for model in models]
    store.run(Command(("DEL", keyspace.learned_models(), *keys), lambda _: None))
