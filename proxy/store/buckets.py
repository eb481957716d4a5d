"""Token buckets in Redis: reserve, settle and peek, each one step for all buckets of a request.

When Redis is gone every one of them raises StoreUnavailable: limits are never silently off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxy.domain.limits import PERIOD_S, Balance, Bucket
from proxy.store import keyspace
from proxy.store.connection import Argument, Command, script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MICRO = 1_000_000
RESERVATION_MS = 3_600_000
"""How long a reservation can be settled, unless it says otherwise."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """What `reserve` answers: whether all was taken, and every bucket's balance."""

    granted: bool
    balances: list[Balance]


def reserve(
    reservation_id: str,
    buckets: Sequence[Bucket],
    costs: Mapping[str, int],
    now_us: int | None = None,
    *,
    keep_ms: int = RESERVATION_MS,
) -> Command[Reserved]:
    """Take a request's costs from every bucket, or from none.

    Args:
        reservation_id: names what was taken, for `settle`; repeated, it takes nothing more.
        buckets: all that limit the request.
        costs: units by resource.
        now_us: microseconds; Redis's own clock when None.
        keep_ms: how long it can be settled; `hold` prolongs that.
    """
    keys = (keyspace.reservation(reservation_id), *map(keyspace.bucket, buckets))
    arguments = _arguments(now_us, keep_ms, buckets, costs)
    return script("reserve", keys, arguments, lambda reply: _reserved(buckets, reply))


def hold(reservation_id: str, keep_ms: int) -> Command[None]:
    """Keep a reservation for longer."""
    key = keyspace.reservation(reservation_id)
    return Command(("PEXPIRE", key, keep_ms), lambda _: None)


def settle(
    reservation_id: str,
    buckets: Sequence[Bucket],
    costs: Mapping[str, int],
    now_us: int | None = None,
) -> Command[Reserved]:
    """Charge what a request really cost in place of what was reserved; costs of 0 release it.

    It acts once, however often it is repeated; `granted` tells whether it did now.
    """
    keys = (keyspace.reservation(reservation_id), *map(keyspace.bucket, buckets))
    arguments = _arguments(now_us, "", buckets, costs)
    return script("settle", keys, arguments, lambda reply: _reserved(buckets, reply))


def peek(
    buckets: Sequence[Bucket], costs: Mapping[str, int], now_us: int | None = None
) -> Command[Reserved]:
    """Look at the balances, and at the wait that these costs would meet; nothing is taken."""
    keys = tuple(map(keyspace.bucket, buckets))
    arguments = _arguments(now_us, "", buckets, costs)
    return script("peek", keys, arguments, lambda reply: _reserved(buckets, reply))


def _arguments(
    now_us: int | None, keep_ms: int | str, buckets: Sequence[Bucket], costs: Mapping[str, int]
) -> tuple[Argument, ...]:
    arguments: list[Argument] = ["" if now_us is None else now_us, keep_ms]
    for bucket in buckets:
        cost = costs.get(bucket.resource, 0)
        arguments += (bucket.rate, PERIOD_S, bucket.burst * MICRO, cost * MICRO)
    return tuple(arguments)


def _reserved(buckets: Sequence[Bucket], reply: list[Any]) -> Reserved:
    balances = [
        Balance(bucket, max(0, int(balance) // MICRO), int(wait) / MICRO, int(full) / MICRO)
        for bucket, (balance, wait, full) in zip(buckets, reply[1:], strict=True)
    ]
    return Reserved(reply[0] == 1, balances)
