"""Limits in Redis: reserve, settle, hold and peek, each one step for all limits of a request.

When Redis is gone every one of them raises StoreUnavailable: limits are never silently off.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxy.domain.limits import PERIOD_S, Balance, Bucket, Room
from proxy.store import keyspace
from proxy.store.connection import Command, script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.store.server import Argument
    from proxy.store.usage import Count

MICRO = 1_000_000
RESERVATION_MS = 3_600_000
"""How long a reservation can be settled, unless it says otherwise."""
LEASE_MS = 30_000
"""How long a place in flight is held without news of its request, unless it says otherwise."""

_LIMIT = struct.Struct("=9d")
_TOLD = struct.Struct("=5d")
_BUCKET, _LEARNED, _PLACES, _BUDGET = range(4)
_KINDS = {"concurrency": _PLACES, "usd": _BUDGET}
_PERIODS = {"minute": PERIOD_S, "day": 1, "month": 2}
_PLACES_IN_STATE = {"requests": 2, "tokens": 5, "usd": 8, "concurrency": 10}
_LEARNED_IN_STATE = {"requests": 2, "tokens": 8}
"""Where a limit's numbers begin in its owner's state, as _limits.lua keeps it."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """What `reserve` answers.

    Attributes:
        granted: whether all was taken.
        balances: of every limit that is known, or that holds the request up.
        before: how many callers go before this one where it has to wait for others.
        waiting: how many callers wait there.
        turn_s: seconds until its turn may have come there.
        room: where that is; None for a limit that is the caller's alone.
    """

    granted: bool
    balances: list[Balance]
    before: int = 0
    waiting: int = 0
    turn_s: float = 0.0
    room: Room | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How a request reserves.

    Attributes:
        rooms: where it is ordered among those who wait, from the innermost to the outermost.
        keep_ms: how long it can be settled; `hold` prolongs that.
        lease_ms: how long its places in flight are held; likewise.
        wait_ms: how long it counts as waiting if it is refused; 0 if it does not wait.
        line: the line it waits in; any word.
        more: whether others stand behind it in its line.
        refusal: what is counted if it is refused.
    """

    rooms: Sequence[Room] = ()
    keep_ms: int = RESERVATION_MS
    lease_ms: int = LEASE_MS
    wait_ms: int = 0
    line: str = "-"
    more: bool = False
    refusal: Count | None = None


_PLAINLY = Terms()


def reserve(
    reservation_id: str,
    buckets: Sequence[Bucket],
    costs: Mapping[str, int],
    now_us: int | None = None,
    *,
    terms: Terms = _PLAINLY,
) -> Command[Reserved]:
    """Take a request's costs from every limit, or from none.

    Args:
        reservation_id: names what was taken, for `settle`; repeated, it takes nothing more.
        buckets: all limits of the request.
        costs: units by resource; of money billionths of a USD.
        now_us: microseconds; Redis's own clock when None.
        terms: for how long, and how it waits.
    """
    rooms, refusal = terms.rooms, terms.refusal
    owners = _owners(buckets)
    keys = (
        keyspace.reservation(reservation_id),
        *owners,
        *(key for room in rooms for key in keyspace.room(room)),
        *(refusal.keys if refusal else ()),
    )
    arguments = (
        *_asked(now_us, buckets, costs, owners, rooms),
        len(owners),
        terms.keep_ms,
        terms.lease_ms,
        terms.wait_ms or "",
        terms.line,
        int(terms.more),
        len(rooms),
        *(part for room in rooms for part in (room.flow, room.weight)),
        *(refusal.arguments if refusal else (0,)),
    )
    return script("reserve", keys, arguments, lambda reply: _reserved(buckets, reply, rooms))


def hold(
    reservation_id: str,
    buckets: Sequence[Bucket],
    keep_ms: int,
    lease_ms: int,
    now_us: int | None = None,
) -> Command[None]:
    """Keep a reservation and its places in flight for longer.

    Args:
        reservation_id: which.
        buckets: the limits it was made with, in the same order; later ones without places may lack.
        keep_ms: how long it can be settled from now on.
        lease_ms: how long its places are held.
        now_us: as in `reserve`.
    """
    places = {n: of for n, of in enumerate(buckets, 1) if of.resource == "concurrency"}
    keys = (keyspace.reservation(reservation_id), *map(keyspace.limits, places.values()))
    return script("hold", keys, (_moment(now_us), keep_ms, lease_ms, *places), lambda _: None)


def settle(
    reservation_id: str,
    buckets: Sequence[Bucket],
    costs: Mapping[str, int],
    now_us: int | None = None,
    *,
    count: Count | None = None,
) -> Command[Reserved]:
    """Charge what a request really cost in place of what was reserved; costs of 0 release it.

    It acts, and counts, once, however often it is repeated; `granted` tells whether it did now.
    """
    owners = _owners(buckets)
    keys = (
        keyspace.reservation(reservation_id),
        *owners,
        *(count.keys if count else ()),
    )
    arguments = (
        *_asked(now_us, buckets, costs, owners),
        len(owners),
        *(count.arguments if count else (0,)),
    )
    return script("settle", keys, arguments, lambda reply: _reserved(buckets, reply))


def peek(
    buckets: Sequence[Bucket], costs: Mapping[str, int], now_us: int | None = None
) -> Command[Reserved]:
    """Look at the balances, and at the wait that these costs would meet; nothing is taken."""
    owners = _owners(buckets)
    arguments = _asked(now_us, buckets, costs, owners)
    return script("peek", tuple(owners), arguments, lambda reply: _reserved(buckets, reply))


def leave(rooms: Sequence[Room], line: str, now_us: int | None = None) -> Command[None]:
    """Wait no more in this line: give up its places in these rooms."""
    keys = tuple(key for room in rooms for key in keyspace.room(room))
    flows = (room.flow for room in rooms)
    return script("leave", keys, (_moment(now_us), line, *flows), lambda _: None)


def _moment(now_us: int | None) -> Argument:
    return "" if now_us is None else now_us


def _owners(buckets: Sequence[Bucket]) -> dict[str, int]:
    """The keys of the limits' owners, numbered from 1."""
    owners: dict[str, int] = {}
    for bucket in buckets:
        owners.setdefault(keyspace.limits(bucket), len(owners) + 1)
    return owners


def _asked(
    now_us: int | None,
    buckets: Sequence[Bucket],
    costs: Mapping[str, int],
    owners: Mapping[str, int],
    rooms: Sequence[Room] = (),
) -> tuple[Argument, ...]:
    """When, the limits as _limits.lua reads them, and how many they are."""
    places = {(room.scope, room.id): index for index, room in enumerate(rooms, 1)}
    packed = []
    for bucket in buckets:
        unit, resource = _unit(bucket), bucket.resource
        packed.append(
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
    return _moment(now_us), b"".join(packed), len(buckets)


def _reserved(buckets: Sequence[Bucket], reply: list[Any], rooms: Sequence[Room] = ()) -> Reserved:
    told = zip(buckets, _TOLD.iter_unpack(reply[1]), strict=True)
    balances = [
        _balance(bucket, *numbers)
        for bucket, numbers in told
        if numbers[4] or numbers[1]  # a limit that is not known yet may have been paused
    ]
    if len(reply) == 2:
        return Reserved(reply[0] == 1, balances)
    _, _, before, waiting, turn_us, stop = reply
    room = rooms[stop - 1] if stop else None
    return Reserved(reply[0] == 1, balances, before, waiting, turn_us / MICRO, room)


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
