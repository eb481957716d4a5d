"""Authorization header -> Caller; keys are cached for seconds: a revoked one ends within five."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from proxy.domain.limits import Bucket, bucket
from proxy.domain.request import Caller
from proxy.errors import InvalidApiKey
from proxy.store import client_keys

if TYPE_CHECKING:
    from proxy.settings import Settings
    from proxy.store.client_keys import ClientKey
    from proxy.store.connection import Store

CACHE_S = 3.0
_MOST_CACHED = 10_000


class Authenticator:
    """Tells who calls."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._cache: dict[bytes, tuple[float, Caller | None]] = {}
        self._anybody = Caller("open", "open", self._buckets("open", None, None, None))

    def caller(self, authorization: str) -> Caller:
        """Who sent this Authorization header.

        Raises:
            InvalidApiKey: a key is needed and this is none, or none that is good now.
            StoreUnavailable: the key is not cached and Redis cannot be asked.
        """
        scheme, _, token = authorization.partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
        if self._settings.auth == "open" and not token.startswith(client_keys.PREFIX):
            return self._anybody
        caller = self._known(token)
        if caller is None:
            raise InvalidApiKey
        return caller

    def _known(self, token: str) -> Caller | None:
        parts = client_keys.split(token)
        if parts is None:
            return None
        digest = hashlib.sha256(token.encode()).digest()
        cached = self._cache.get(digest)
        if cached is not None and time.monotonic() < cached[0]:
            return cached[1]
        key_id, secret = parts
        key = self._store.run(client_keys.find(key_id))
        good = key is not None and key.opens_with(secret, time.time())
        caller = self._caller(key) if key and good else None
        if len(self._cache) >= _MOST_CACHED:
            self._cache.clear()
        self._cache[digest] = (time.monotonic() + CACHE_S, caller)
        return caller

    def _caller(self, key: ClientKey) -> Caller:
        buckets = self._buckets(key.id, key.rpm, key.tpm, key.burst)
        return Caller(key.id, f"key:{key.id}", buckets, key.models)

    def _buckets(
        self, key_id: str, rpm: int | None, tpm: int | None, burst: int | None
    ) -> tuple[Bucket, ...]:
        default = self._settings
        if burst is None:
            burst = default.key_burst if rpm is None else 0
        requests = default.key_rpm if rpm is None else rpm
        tokens = default.key_tpm if tpm is None else tpm
        return (
            *bucket("key", key_id, "requests", requests, burst),
            *bucket("key", key_id, "tokens", tokens, 0),
        )
