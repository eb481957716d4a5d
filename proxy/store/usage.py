"""Usage in Redis: a hash for each day of each key, team, user and model.

It is counted by the scripts that settle a request or refuse it, so that it is counted once. When
Redis is gone every verb raises StoreUnavailable.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from proxy.domain.usage import METRICS, Metrics
from proxy.store import keyspace, record
from proxy.store.connection import Command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxy.domain.usage_report import Kind
    from proxy.store.server import Argument

HOUR_S = 3600
Parts = dict[str, Metrics]
"""What was used in each part of a day."""
HOURS = tuple(f"{hour:02}" for hour in range(24))
_PLACES = {name: place for place, name in enumerate(METRICS)}
_NAMES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Count:
    """What a script counts: the keys it is told, and the arguments, as _usage.lua reads them."""

    keys: tuple[str, ...]
    arguments: tuple[Argument, ...]


def count(
    things: Sequence[tuple[Kind, str]], metrics: Mapping[str, int], now: float, keep_s: int
) -> Count:
    """Count a request for each of these things.

    Args:
        things: the kinds and names that it is counted for.
        metrics: amounts by metric.
        now: seconds since 1970; which day and hour it is counted in.
        keep_s: how long a day is kept.
    """
    day, hour = _hour(int(now) // HOUR_S)
    keys = tuple(
        key
        for kind, name in things
        for key in (keyspace.usage_day(kind, name, day), keyspace.usage_index(kind, day))
    )
    names = (name for _, name in things)
    return Count(keys, (len(things), hour, keep_s * 1000, packed(metrics), *names))


def names(kind: Kind, day: str, cursor: int = 0) -> Command[tuple[int, list[str]]]:
    """Some of what was used on a day, from a cursor; the next cursor, 0 at the end."""
    key = keyspace.usage_index(kind, day)
    return Command(
        ("SSCAN", key, cursor, "COUNT", _NAMES_AT_ONCE),
        lambda reply: (int(reply[0]), [name.decode() for name in reply[1]]),
    )


def of_day(kind: Kind, name: str, day: str) -> Command[Parts | None]:
    """What was used on a day as a whole, under ``day``."""
    key = keyspace.usage_day(kind, name, day)
    return _counted(key, ("HGET", key, "day"), lambda reply: _parts(("day",), [reply]))


def of_hours(kind: Kind, name: str, day: str) -> Command[Parts | None]:
    """What was used on a day, by its hours of UTC: ``00`` to ``23``."""
    key = keyspace.usage_day(kind, name, day)
    return _counted(key, ("HMGET", key, *HOURS), lambda reply: _parts(HOURS, reply))


def _counted(
    key: str, arguments: tuple[str, ...], parse: Callable[[Any], Parts]
) -> Command[Parts | None]:
    """A day's parts; None, and a line in the log, where they cannot be read."""
    return Command(arguments, parse, record.Name("usage", key, in_list=True))


def _parts(names: Sequence[str], packed: list[bytes | None]) -> Parts:
    return {name: unpacked(words) for name, words in zip(names, packed, strict=True) if words}


def packed(metrics: Mapping[str, int]) -> bytes:
    """Metrics as _usage.lua reads them: a byte for which it is, seven for the amount."""
    words = [_PLACES[name] | amount << 8 for name, amount in metrics.items()]
    return struct.pack(f"<{len(words)}Q", *words)


def unpacked(words: bytes) -> Metrics:
    """The metrics that were packed; those of a newer version are left out."""
    found = struct.unpack(f"<{len(words) // 8}Q", words)
    return {METRICS[word & 255]: word >> 8 for word in found if word & 255 < len(METRICS)}


@lru_cache(maxsize=4)
def _hour(number: int) -> tuple[str, str]:
    """The day and the hour of UTC, of an hour since 1970."""
    moment = datetime.fromtimestamp(number * HOUR_S, UTC)
    return f"{moment:%Y-%m-%d}", f"{moment:%H}"
