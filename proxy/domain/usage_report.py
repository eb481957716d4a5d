"""Which usage is asked for, and how it is told."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from proxy.domain.usage import Metrics, figures, summed
from proxy.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Kind = Literal["key", "team", "user", "model"]
By = Literal["key", "team", "user", "model", "all"]
Step = Literal["hour", "day"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BYS: tuple[By, ...] = get_args(By)
STEPS: tuple[Step, ...] = get_args(Step)

MOST_NAMES = 20
"""So many may be asked for by name."""
_LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
_USUAL = {"hour": timedelta(hours=24), "day": timedelta(days=30)}
_LONGEST = {"hour": timedelta(days=7), "day": timedelta(days=3660)}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


@dataclass(frozen=True, slots=True)
class Span:
    """What is asked for.

    Attributes:
        by: whose usage it is told for; ``all`` for everybody's as one.
        begins: the first step's beginning, UTC.
        ends: the last step's end.
        step: how the time between is parted.
        total: whether the steps are told as one.
        names: the keys, teams, users or models that are asked for; empty for all.
    """

    by: By
    begins: datetime
    ends: datetime
    step: Step
    total: bool = False
    names: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """Whose usage is read: everybody's is that of all models, each request has one."""
        return "model" if self.by == "all" else self.by

    def days(self) -> list[str]:
        """The days that it touches."""
        last = (self.ends - timedelta(microseconds=1)).date()
        number = (last - self.begins.date()).days + 1
        return [str(self.begins.date() + timedelta(days=at)) for at in range(number)]


@dataclass(frozen=True, slots=True)
class Row:
    """What a key, team, user, model or all used in one step; `shown` are its figures."""

    start: datetime
    name: str
    metrics: Metrics
    shown: dict[str, Any]


@dataclass(slots=True)
class Report:
    """All that was used in a span.

    Attributes:
        rows: by start and name; where nothing was used there is none.
    """

    span: Span
    rows: list[Row] = field(default_factory=list)

    @classmethod
    def of(cls, span: Span, used: Iterable[tuple[datetime, str, Metrics]]) -> Self:
        """A report of what was used from a moment on, by whom; what is told as one is summed."""
        parts: dict[tuple[datetime, str], list[Metrics]] = {}
        for start, name, metrics in used:
            place = (span.begins if span.total else start, "all" if span.by == "all" else name)
            parts.setdefault(place, []).append(metrics)
        sums = {place: summed(metrics) for place, metrics in sorted(parts.items())}
        return cls(
            span, [Row(*place, metrics, figures(metrics)) for place, metrics in sums.items()]
        )

    def as_json(self) -> dict[str, Any]:
        """As the admin API and `usage --json` tell it."""
        return {
            "object": "usage",
            "by": self.span.by,
            "from": stamp(self.span.begins),
            "to": stamp(self.span.ends),
            "step": self.span.step,
            "total": self.span.total,
            "data": [
                {"start": stamp(row.start), "name": row.name} | row.shown for row in self.rows
            ],
            "totals": figures(summed(row.metrics for row in self.rows)),
        }

    def as_csv(self) -> str:
        """A line for each row below the names of the columns."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(_COLUMNS)
        for row in self.rows:
            name = f"'{row.name}" if row.name.startswith(_FORMULA) else row.name
            writer.writerow((stamp(row.start), name, *_flat(row.shown)))
        return text.getvalue()

    def by_name(self) -> dict[str, Metrics]:
        """What each used in the whole span."""
        parts: dict[str, list[Metrics]] = {}
        for row in self.rows:
            parts.setdefault(row.name, []).append(row.metrics)
        return {name: summed(metrics) for name, metrics in parts.items()}


def span(asked: Mapping[str, str], now: float, names: Sequence[str] = ()) -> Span:
    """Read what is asked for.

    Args:
        asked: by, from, to, step and total, as far as they are given. Times are dates, which mean
            the whole day, ISO date-times, of UTC unless they say otherwise, or seconds since 1970.
        now: seconds since 1970.
        names: whose usage; empty for all.

    Raises:
        InvalidRequest: one of them is wrong; the message and `param` name it.
    """
    by = _one_of("by", asked.get("by", "key"), BYS)
    total = _one_of("total", asked.get("total", "false"), ("true", "false")) == "true"
    if names and by == "all":
        raise InvalidRequest("'name' goes with 'by' of a kind, not of all.", param="name")
    if len(names) > MOST_NAMES:
        raise InvalidRequest(f"'name' may be there {MOST_NAMES} times at most.", param="name")
    begins, ends = _moment("from", asked), _moment("to", asked)
    step: Step = "hour"
    if "step" in asked:
        step = _one_of("step", asked["step"], STEPS)
    elif begins and (ends or datetime.fromtimestamp(now, UTC)) - begins > timedelta(days=2):
        step = "day"
    whole = _LENGTHS[step]
    ends = _ceiled(ends or datetime.fromtimestamp(now, UTC), whole)
    begins = _floored(begins, whole) if begins else ends - _USUAL[step]
    if begins >= ends:
        raise InvalidRequest("'from' should be before 'to'.", param="from")
    if ends - begins > _LONGEST[step]:
        raise InvalidRequest(
            f"'from' should be at most {_LONGEST[step].days} days before 'to' with step={step}.",
            param="from",
        )
    return Span(by, begins, ends, step, total, tuple(names))


def stamp(moment: datetime) -> str:
    """A time of UTC, such as 2026-11-22T10:00:00Z."""
    return moment.isoformat()[:19] + "Z"


def _one_of(name: str, value: str, known: tuple[Any, ...]) -> Any:
    if value not in known:
        raise InvalidRequest(f"'{name}' should be {' or '.join(known)}.", param=name)
    return value


def _moment(name: str, asked: Mapping[str, str]) -> datetime | None:
    text = asked.get(name, "").strip()
    if not text:
        return None
    try:
        moment = _read(text, end=name == "to")
        _ceiled(moment, _LENGTHS["day"]) - _LONGEST["day"]  # type: ignore[unused-ignore]
    except (ValueError, OverflowError, OSError):
        raise InvalidRequest(
            f"'{name}' should be a time such as 2026-11-22, 2026-11-22T10:00:00Z or 1795341600.",
            param=name,
        ) from None
    return moment


def _read(text: str, *, end: bool) -> datetime:
    if text.isascii() and text.isdigit() and len(text) > 8:
        return datetime.fromtimestamp(int(text), UTC)
    if len(text) <= 10:
        day = datetime.combine(date.fromisoformat(text), time(), UTC)
        return day + timedelta(days=1) if end else day
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _floored(moment: datetime, whole: timedelta) -> datetime:
    return moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % whole


def _ceiled(moment: datetime, whole: timedelta) -> datetime:
    return moment + (datetime(1970, 1, 1, tzinfo=UTC) - moment) % whole


def _flat(shown: Mapping[str, Any]) -> Iterator[Any]:
    """The figures one after the other, those of a group within their place."""
    for value in shown.values():
        if isinstance(value, dict):
            yield from value.values()
        else:
            yield value


def _columns(shown: Mapping[str, Any]) -> Iterator[str]:
    """The names of what `_flat` gives: latency_p50_s for the p50_s of latency."""
    for name, value in shown.items():
        if isinstance(value, dict):
            yield from (f"{name}_{part}" for part in value)
        else:
            yield name


_COLUMNS = ("start", "name", *_columns(figures({})))
