"""Client keys whose records a test goes on to change."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from proxy.store import client_keys
from proxy.store.client_keys import ClientKey

if TYPE_CHECKING:
    from proxy.store.connection import Store


def issue(store: Store, **fields: Any) -> tuple[ClientKey, str]:
    """A new key's record, and what its client sends."""
    secret = client_keys.new_secret()
    key = ClientKey(
        id=client_keys.new_id(),
        hash=client_keys.hashed(secret),
        created_at=int(time.time()),
        **({"name": "test"} | fields),
    )
    store.run_all(*client_keys.create(key))
    return key, client_keys.token(key.id, secret)
