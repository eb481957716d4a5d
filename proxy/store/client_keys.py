"""Client keys in Redis: a record each, with a hash in place of the secret.

When Redis is gone every verb raises StoreUnavailable.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.domain.limits import Limits
from proxy.store import keyspace, limit_fields, record
from proxy.store.connection import Command, decoded

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "sk-proxy-"
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A client key's record.

    Attributes:
        created_at: seconds since 1970, as are the other times; 0 for never.
        limits: its own.
        team: whose limits hold for it too; empty for none.
        models: the models it may use; empty for all.
        hash: SHA-256 of the secret, in hex.
        former_hash: the one before the last rotation, good until `overlap_until`.
    """

    id: str
    name: str
    hash: str
    created_at: int
    limits: Limits = field(default_factory=Limits)
    team: str = ""
    models: tuple[str, ...] = ()
    expires_at: int = 0
    revoked_at: int = 0
    former_hash: str = ""
    overlap_until: int = 0

    def opens_with(self, secret: str, now: float) -> bool:
        """Whether this secret is good now; it takes the same time for any wrong one."""
        given = hashed(secret).encode()
        current = hmac.compare_digest(given, self.hash.encode())
        former = hmac.compare_digest(given, self.former_hash.encode())
        return self._is_good(now, current=current, former=former)

    def has_seal(self, seal: str, now: float) -> bool:
        """Whether the secret whose hash begins with these characters is good now."""
        current, former = self.hash.startswith(seal), self.former_hash.startswith(seal)
        return self._is_good(now, current=current, former=former)

    def _is_good(self, now: float, *, current: bool, former: bool) -> bool:
        valid = self.state(now) == "active"
        return valid and (current or (former and now < self.overlap_until))

    def state(self, now: float) -> str:
        """``active``, ``revoked`` or ``expired``."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and now >= self.expires_at else "active"


def new_id() -> str:
    """A new key's id: ten letters and digits that cannot be mistaken for each other."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(10))


def new_secret() -> str:
    """A new secret: 256 random bits."""
    return secrets.token_urlsafe(32)


def split(token: str) -> tuple[str, str] | None:
    """The id and the secret of ``sk-proxy-<id>-<secret>``; None for anything else."""
    if not token.startswith(PREFIX) or not token.isascii():
        return None
    key_id, dash, secret = token[len(PREFIX) :].partition("-")
    known = dash and secret and len(key_id) <= 32 and key_id.isalnum()
    return (key_id, secret) if known else None


def token(key_id: str, secret: str) -> str:
    """What a client sends."""
    return f"{PREFIX}{key_id}-{secret}"


def hashed(secret: str) -> str:
    """What is kept of a secret: SHA-256 in hex; 256 random bits need no slower hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def find(key_id: str) -> Command[ClientKey | None]:
    """A key's record, None where there is none."""
    return Command(
        ("HGETALL", keyspace.client_key(key_id)),
        lambda reply: _key(key_id, reply),
        record.Name("client key", key_id),
    )


def create(key: ClientKey) -> list[Command[None]]:
    """Write a new key's record and enter it into the list of keys."""
    made = _set(key.id, **_record(key), **record.marks(key.id))
    enter = Command(("ZADD", keyspace.client_keys(), "NX", key.created_at, key.id), lambda _: None)
    return [made, enter]


def change(key: ClientKey, fields: Iterable[str]) -> Command[None]:
    """Write these fields of a key's record as they are in `key`, and no others.

    So a change never undoes what happened to the key since it was read, such as a revocation.
    """
    written = _record(key)
    return _set(key.id, **{name: written[name] for name in fields})


def rotate(key: ClientKey, secret: str, overlap_until: int) -> Command[None]:
    """Give a key a new secret; the one before it stays good until `overlap_until`."""
    return _set(key.id, hash=hashed(secret), former_hash=key.hash, overlap_until=overlap_until)


def revoke(key_id: str, now: int) -> Command[None]:
    """End a key; every worker sees it within the time it caches keys for."""
    return _set(key_id, revoked_at=now)


def remove(key_id: str) -> list[Command[None]]:
    """Remove a key's record, whatever it holds."""
    return [
        Command(("DEL", keyspace.client_key(key_id)), lambda _: None),
        Command(("ZREM", keyspace.client_keys(), key_id), lambda _: None),
    ]


def _record(key: ClientKey) -> dict[str, str | int]:
    return {
        "name": key.name,
        "hash": key.hash,
        "created_at": key.created_at,
        "team": key.team,
        "models": ",".join(key.models),
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "former_hash": key.former_hash,
        "overlap_until": key.overlap_until,
        **limit_fields.written(key.limits),
    }


def _set(key_id: str, **fields: str | int) -> Command[None]:
    pairs = [part for pair in fields.items() for part in pair]
    return Command(("HSET", keyspace.client_key(key_id), *pairs), lambda _: None)


def ids() -> Command[list[str]]:
    """All keys' ids, oldest first."""
    return Command(
        ("ZRANGE", keyspace.client_keys(), 0, -1), lambda reply: [raw.decode() for raw in reply]
    )


def _key(key_id: str, reply: list[bytes]) -> ClientKey | None:
    if not reply:
        return None
    kept = record.verified(decoded(reply), key_id)
    return ClientKey(
        id=key_id,
        name=kept["name"],
        hash=kept["hash"],
        created_at=int(kept["created_at"]),
        limits=limit_fields.read(kept),
        team=kept.get("team", ""),
        models=tuple(filter(None, kept["models"].split(","))),
        expires_at=int(kept["expires_at"]),
        revoked_at=int(kept["revoked_at"]),
        former_hash=kept["former_hash"],
        overlap_until=int(kept["overlap_until"]),
    )
