"""Usage read from Redis, in many small steps: none of them keeps Redis or this worker long.

When Redis is gone every verb raises StoreUnavailable.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from proxy.domain.usage import figures
from proxy.domain.usage_report import Report, Row
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
    things = _things(store, span.by, span.days())
    command = usage.of_day if span.step == "day" else usage.of_hours
    report = Report(span)
    for at in range(0, len(things), THINGS_AT_ONCE):
        tell(at, len(things))
        some = things[at : at + THINGS_AT_ONCE]
        found = store.run_all(*(command(span.by, name, day) for day, name in some))
        for (day, name), parts in zip(some, found, strict=True):
            report.rows += _rows(span, day, name, parts)
    report.rows.sort(key=lambda row: (row.start, row.name))
    return report


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


def _rows(span: Span, day: str, name: str, parts: dict[str, Metrics]) -> Iterator[Row]:
    midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
    for part, metrics in parts.items():
        start = midnight if part == "day" else midnight + timedelta(hours=int(part))
        if span.begins <= start < span.ends:
            yield Row(start, name, metrics, figures(metrics))
