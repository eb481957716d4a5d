"""What was used, as Redis has it: exact, whatever time it takes to look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from proxy.domain.usage import figures, summed
from proxy.store import client_keys, keyspace, usage
from proxy.store.connection import Command

if TYPE_CHECKING:
    from proxy.domain.usage import Metrics
    from proxy.domain.usage_report import Kind
    from proxy.store.connection import Store
    from tests.support.service import Client


def used(store: Store, kind: Kind, name: str) -> dict[str, Any]:
    """What it used today, and yesterday should midnight have come between."""
    days = [datetime.now(UTC) - timedelta(days=back) for back in (0, 1)]
    parts = store.run_all(*(usage.of_day(kind, name, f"{day:%Y-%m-%d}") for day in days))
    return figures(summed(metrics for part in parts for metrics in part.values()))


def record(store: Store, things: list[tuple[Kind, str]], hours: dict[datetime, Metrics]) -> None:
    """Let each of these have used so much in these hours, of days on which it used nothing yet."""
    days: dict[str, dict[str, Metrics]] = {}
    for at, metrics in hours.items():
        days.setdefault(f"{at:%Y-%m-%d}", {})[f"{at:%H}"] = metrics
    commands = []
    for kind, name in things:
        for day, parts in days.items():
            whole = parts | {"day": summed(parts.values())}
            fields = [part for pair in whole.items() for part in (pair[0], usage.packed(pair[1]))]
            commands += [
                Command(("HSET", keyspace.usage_day(kind, name, day), *fields), bool),
                Command(("SADD", keyspace.usage_index(kind, day), name), bool),
            ]
    store.run_all(*commands)


def spent(store: Store, client: Client) -> tuple[int, int]:
    """Requests and tokens that a caller's key was charged."""
    told = used(store, "key", key_of(client))
    return told["requests"], told["total_tokens"]


def key_of(client: Client) -> str:
    """The id of a caller's key."""
    parts = client_keys.split(client.headers["Authorization"].removeprefix("Bearer "))
    assert parts
    return parts[0]


def requests_left(client: Client) -> int:
    """Requests that are left to a caller's key, as a request that takes none is told."""
    return int(client.post("/chat", json={}).headers["x-ratelimit-remaining-requests"])


def about(tokens: int) -> Any:
    """So many tokens; an estimate may be a tenth off."""
    return pytest.approx(tokens, rel=0.1)
