"""Headers -> Caller; keys are cached for seconds: a revoked one ends within five."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from proxy.domain import browser_tokens
from proxy.domain.limits import Limits, Room
from proxy.domain.request import Caller
from proxy.errors import InvalidApiKey, OriginNotAllowed
from proxy.limiter import key_limits
from proxy.store import client_keys, teams
from proxy.web.pages import OwnPages

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from werkzeug.datastructures import Headers

    from proxy.domain.browser_tokens import BrowserToken, Signer
    from proxy.settings import Settings
    from proxy.store.client_keys import ClientKey
    from proxy.store.connection import Store
    from proxy.store.teams import Team

    IsGood = Callable[[ClientKey, float], bool]

CACHE_S = 3.0
TRUSTED_S = 600.0
"""How long a key that was looked up is believed while Redis is gone, if the settings allow it."""
_MOST_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class _Seen:
    """A key as it was looked up, when, and who has it if it was good."""

    at: float
    key: ClientKey | None
    caller: Caller | None


class Authenticator:
    """Tells who calls."""

    def __init__(self, store: Store, settings: Settings, signer: Signer | None) -> None:
        self._store = store
        self._settings = settings
        self._signer = signer
        self._cache: dict[Hashable, _Seen] = {}
        self._pages = OwnPages(settings)
        self._anybody = _holder_of("open", "open", key_limits(Limits(), settings))

    def caller(self, headers: Headers, *, stateless: bool = False) -> Caller:
        """Who sent these headers: who has a client key, or a user that one vouches for.

        Args:
            headers: the request's.
            stateless: whether a key that was good lately may do while Redis is gone.

        Raises:
            InvalidApiKey: a key is needed and this is none, or none that is good now.
            OriginNotAllowed: it is a browser token, for pages of another origin; or nobody is
                asked for a key, and a page of another origin asks.
            StoreUnavailable: the key is not cached and Redis cannot be asked.
        """
        bearer = _bearer(headers)
        if not bearer.startswith(browser_tokens.PREFIX):
            return self._holder(bearer, headers, stateless=stateless)
        token = self._signer.read(bearer, time.time()) if self._signer else None
        if token is None:
            raise InvalidApiKey
        voucher = self._voucher(token, stateless=stateless)
        if token.origin and token.origin != headers.get("Origin"):
            raise OriginNotAllowed(token.origin)
        return _user_of(voucher, token)

    def voucher(self, headers: Headers) -> tuple[Caller, str]:
        """Who sent these headers, and the seal of its secret, to mint a token; no token does.

        Raises:
            InvalidApiKey, OriginNotAllowed, StoreUnavailable: as in `caller`.
        """
        bearer = _bearer(headers)
        if bearer.startswith(browser_tokens.PREFIX):
            raise InvalidApiKey
        holder = self._holder(bearer, headers, stateless=False)
        if holder is self._anybody:
            return holder, ""
        _, secret = client_keys.split(bearer) or ("", "")
        return holder, browser_tokens.seal(client_keys.hashed(secret))

    def _holder(self, bearer: str, headers: Headers, *, stateless: bool) -> Caller:
        """Who has this client key, or anybody where none is asked for."""
        if self._settings.auth == "open" and not bearer.startswith(client_keys.PREFIX):
            self._pages.check(headers)
            return self._anybody
        parts = client_keys.split(bearer)
        if parts is None:
            raise InvalidApiKey
        key_id, secret = parts
        digest = hashlib.sha256(bearer.encode()).digest()

        def opens(key: ClientKey, now: float) -> bool:
            return key.opens_with(secret, now)

        return self._known(digest, key_id, opens, stateless=stateless)

    def _voucher(self, token: BrowserToken, *, stateless: bool) -> Caller:
        """The client key that vouches for a user, if the secret it had then is good now."""
        if token.key_id == self._anybody.key_id and self._settings.auth == "open":
            return self._anybody
        named = (token.key_id, token.seal)

        def sealed(key: ClientKey, now: float) -> bool:
            return key.has_seal(token.seal, now)

        return self._known(named, token.key_id, sealed, stateless=stateless)

    def _known(self, name: Hashable, key_id: str, is_good: IsGood, *, stateless: bool) -> Caller:
        seen, now = self._cache.get(name), time.monotonic()
        if seen is None or now >= seen.at + CACHE_S:
            if seen and stateless and self._trusts(seen, now):
                good = seen.key is not None and is_good(seen.key, time.time())
                seen = replace(seen, caller=seen.caller if good else None)
            else:
                seen = self._looked_up(name, key_id, is_good)
        if seen.caller is None:
            raise InvalidApiKey
        return seen.caller

    def _trusts(self, seen: _Seen, now: float) -> bool:
        """Whether a key is believed without a look: Redis is gone, and it was good lately."""
        local = self._settings.on_store_failure == "local" and self._store.outage.lasts
        return local and now < seen.at + TRUSTED_S

    def _looked_up(self, name: Hashable, key_id: str, is_good: IsGood) -> _Seen:
        key = self._store.run(client_keys.find(key_id).in_list())
        good = key is not None and is_good(key, time.time())
        seen = _Seen(time.monotonic(), key, self._caller(key) if key and good else None)
        if len(self._cache) >= _MOST_CACHED:
            self._cache.clear()
        self._cache[name] = seen
        return seen

    def _caller(self, key: ClientKey) -> Caller:
        team = self._store.run(teams.find(key.team)) if key.team else None
        limits = key_limits(key.limits, self._settings)
        caller = _holder_of(key.id, f"key:{key.id}", limits, key.models)
        return _member_of(team, caller) if team else caller


def _bearer(headers: Headers) -> str:
    scheme, _, bearer = headers.get("Authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else ""


def _holder_of(key_id: str, owner: str, limits: Limits, models: tuple[str, ...] = ()) -> Caller:
    """Who has a client key; before its limits they are one of those whom it vouches for."""
    rooms = (Room("key", key_id, "key"),)
    return Caller(key_id, owner, limits.buckets("key", key_id), models, rooms=rooms)


def _member_of(team: Team, caller: Caller) -> Caller:
    return replace(
        caller,
        buckets=(*caller.buckets, *team.limits.buckets("team", team.id)),
        team=team.id,
        rooms=(*caller.rooms, Room("team", team.id, caller.key_id)),
        weight=team.weight,
    )


def _user_of(voucher: Caller, token: BrowserToken) -> Caller:
    """A user: has sessions of their own, and shares the key's limits with its other users."""
    key_id, name = voucher.key_id, token.name
    own = token.limits.buckets("user", f"{key_id}/{name}")
    return replace(
        voucher,
        owner=f"{voucher.owner}:user:{name}",
        user=f"{key_id}/{token.user}",
        buckets=(*own, *voucher.buckets),
        rooms=(Room("key", key_id, f"user:{name}"), *voucher.rooms[1:]),
    )
