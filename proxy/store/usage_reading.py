"""Usage read from Redis, in many small steps: none of them keeps Redis or this worker long.

When Redis is gone every verb raises StoreUnavailable.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from proxy.domain.usage_report import Report
from proxy.store import usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proxy.domain.usage import Metrics
    from proxy.domain.usage_report import Kind, Span
    from proxy.store.connection import Store

DAYS_AT_ONCE = 100
THINGS_AT_ONCE = 200


def read(store: Store, span: Span, tell: Callable[[int, int], None] = lambda _, __: None) -> Report:
    """All that was used in a span.

    Args:
        store: where it is kept.
        span: what is asked for.
        tell: is told how many of how many days of a thing are read, now and then.
    """
    kind, days = span.kind, span.days()
    things = [(day, name) for day in days for name in span.names] or _things(store, kind, days)
    command = usage.of_day if span.step == "day" else usage.of_hours
    used: list[tuple[datetime, str, Metrics]] = []
    for at in range(0, len(things), THINGS_AT_ONCE):
        tell(at, len(things))
        some = things[at : at + THINGS_AT_ONCE]
        found = store.run_all(*(command(kind, name, day) for day, name in some))
        for (day, name), parts in zip(some, found, strict=True):
            used += ((start, name, metrics) for start, metrics in _within(span, day, parts or {}))
    return Report.of(span, used)


def _things(store: Store, kind: Kind, days: list[str]) -> list[tuple[str, str]]:
    """Each day and each name that was used on it."""
    found: set[tuple[str, str]] = set()
    cursors = dict.fromkeys(days, 0)
    while cursors:
        some = list(cursors.items())[:DAYS_AT_ONCE]
        replies = store.run_all(*(usage.names(kind, day, cursor) for day, cursor in some))
        for (day, _), (cursor, names) in zip(some, replies, strict=True):
            found.update((day, name) for name in names)
            cursors[day] = cursor
            if not cursor:
                del cursors[day]
    return sorted(found)


def _within(span: Span, day: str, parts: dict[str, Metrics]) -> Iterator[tuple[datetime, Metrics]]:
    midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
    for part, metrics in parts.items():
        start = midnight if part == "day" else midnight + timedelta(hours=int(part))
        if span.begins <= start < span.ends:
            yield start, metrics
