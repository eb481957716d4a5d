"""Limits as the bytes that _limits.lua reads, and their balances as it tells them."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

from proxy.domain.limits import PERIOD_S, Balance, Bucket
from proxy.store import keyspace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.domain.limits import Room

MICRO = 1_000_000

_LIMIT = struct.Struct("=9d")
_TOLD = struct.Struct("=5d")
_BUCKET, _LEARNED, _PLACES, _BUDGET = range(4)
_KINDS = {"concurrency": _PLACES, "usd": _BUDGET}
_PERIODS = {"minute": PERIOD_S, "day": 1, "month": 2}
_PLACES_IN_STATE = {"requests": 2, "tokens": 5, "usd": 8, "concurrency": 10}
_LEARNED_IN_STATE = {"requests": 2, "tokens": 8}
"""Where a limit's numbers begin in its owner's state, as _limits.lua keeps it."""


def owners_of(buckets: Sequence[Bucket]) -> dict[str, int]:
    """The keys of the limits' owners, numbered from 1."""
    owners: dict[str, int] = {}
    for bucket in buckets:
        owners.setdefault(keyspace.limits(bucket), len(owners) + 1)
    return owners


def packed(
    buckets: Sequence[Bucket],
    costs: Mapping[str, int],
    owners: Mapping[str, int],
    rooms: Sequence[Room] = (),
) -> bytes:
    """What the limits are, and what is asked of each.

    Args:
        buckets: the limits.
        costs: units by resource; of money billionths of a USD.
        owners: the numbers of their owners' keys.
        rooms: where their requests wait.
    """
    places = {(room.scope, room.id): index for index, room in enumerate(rooms, 1)}
    parts = []
    for bucket in buckets:
        unit, resource = _unit(bucket), bucket.resource
        parts.append(
            _LIMIT.pack(
                _LEARNED if bucket.learned else _KINDS.get(resource, _BUCKET),
                bucket.rate,
                _PERIODS[bucket.period],
                bucket.burst * unit,
                costs.get(resource, 0) * unit,
                bucket.enforced,
                places.get((bucket.scope, bucket.id), 0),
                (_LEARNED_IN_STATE if bucket.learned else _PLACES_IN_STATE)[resource],
                owners[keyspace.limits(bucket)],
            )
        )
    return b"".join(parts)


def balances(buckets: Sequence[Bucket], told: bytes) -> list[Balance]:
    """The balances of the limits that are known, or that hold the request up."""
    return [
        _balance(bucket, *numbers)
        for bucket, numbers in zip(buckets, _TOLD.iter_unpack(told), strict=True)
        if numbers[4] or numbers[1]  # a limit that is not known yet may have been paused
    ]


def _balance(
    bucket: Bucket, balance: float, wait: float, full: float, rate: float, burst: float
) -> Balance:
    unit = _unit(bucket)
    if bucket.learned:
        bucket = bucket._replace(rate=math.ceil(rate), burst=math.ceil(burst / unit))
    left = max(0, int(balance) // unit)
    return Balance(bucket, left, wait / MICRO, full / MICRO, max(0.0, -balance / unit))


def _unit(bucket: Bucket) -> int:
    """What a unit is in Redis: a million parts, but money is counted in parts already."""
    return 1 if bucket.resource == "usd" else MICRO
