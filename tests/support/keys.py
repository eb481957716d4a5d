"""Client keys, made straight in Redis."""

from __future__ import annotations

import time
from dataclasses import fields as fields_of
from typing import TYPE_CHECKING, Any

from proxy.domain.limits import Limits
from proxy.store import client_keys, teams
from proxy.store.client_keys import ClientKey
from proxy.store.teams import Team
from tests.support import custody

if TYPE_CHECKING:
    from proxy.store.connection import Store

_LIMITS = {field.name for field in fields_of(Limits)}


def issue(store: Store, **fields: Any) -> tuple[ClientKey, str]:
    """A new key's record, and what its client sends; limits are fields like the others."""
    secret = client_keys.new_secret()
    limits = Limits(**{name: fields.pop(name) for name in _LIMITS & fields.keys()})
    key = ClientKey(
        id=client_keys.new_id(),
        hash=client_keys.hashed(secret),
        created_at=int(time.time()),
        limits=limits,
        **({"name": "test"} | fields),
    )
    store.run_all(*client_keys.create(key))
    custody.issued.add(secret)
    return key, client_keys.token(key.id, secret)


def form_team(store: Store, weight: int = 1, **limits: Any) -> str:
    """A new team; its id."""
    team = Team(f"team-{client_keys.new_id()}", int(time.time()), weight, Limits(**limits))
    store.run_all(*teams.write(team))
    return team.id
