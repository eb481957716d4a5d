"""Limits in Redis: reserve, settle, hold and peek, each one step for all limits of a request.

When Redis is gone every one of them raises StoreUnavailable: limits are never silently off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxy.store import keyspace
from proxy.store.connection import Command, script
from proxy.store.packed_limits import MICRO, balances, owners_of, packed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.domain.limits import Balance, Bucket, Room
    from proxy.store.server import Argument
    from proxy.store.usage import Count

RESERVATION_MS = 3_600_000
"""How long a reservation can be settled, unless it says otherwise."""
LEASE_MS = 30_000
"""How long a place in flight is held without news of its request, unless it says otherwise."""


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
    owners = owners_of(buckets)
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
    owners = owners_of(buckets)
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
    owners = owners_of(buckets)
    arguments = _asked(now_us, buckets, costs, owners)
    return script("peek", tuple(owners), arguments, lambda reply: _reserved(buckets, reply))


def leave(rooms: Sequence[Room], line: str, now_us: int | None = None) -> Command[None]:
    """Wait no more in this line: give up its places in these rooms."""
    keys = tuple(key for room in rooms for key in keyspace.room(room))
    flows = (room.flow for room in rooms)
    return script("leave", keys, (_moment(now_us), line, *flows), lambda _: None)


def _moment(now_us: int | None) -> Argument:
    return "" if now_us is None else now_us


def _asked(
    now_us: int | None,
    buckets: Sequence[Bucket],
    costs: Mapping[str, int],
    owners: Mapping[str, int],
    rooms: Sequence[Room] = (),
) -> tuple[Argument, ...]:
    """When, the limits as _limits.lua reads them, and how many they are."""
    return _moment(now_us), packed(buckets, costs, owners, rooms), len(buckets)


def _reserved(buckets: Sequence[Bucket], reply: list[Any], rooms: Sequence[Room] = ()) -> Reserved:
    left = balances(buckets, reply[1])
    if len(reply) == 2:
        return Reserved(reply[0] == 1, left)
    _, _, before, waiting, turn_us, stop = reply
    room = rooms[stop - 1] if stop else None
    return Reserved(reply[0] == 1, left, before, waiting, turn_us / MICRO, room)
