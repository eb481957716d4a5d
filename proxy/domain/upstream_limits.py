"""ChatGPT's own limits, as the headers of its answers tell them.

Source: OpenAI's rate limits guide, the table of `x-ratelimit-*` headers, as of November 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.domain.limits import PERIOD_S

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST = 1_000_000_000
"""What is told above it limits nobody, and its micro-units would leave a double's integers."""
DAY_S = 86_400.0
_LONGER_THAN_A_MINUTE_S = 90.0
_WHOLE = re.compile(r"[0-9]{1,10}")
_DURATION = re.compile(
    r"(?:(?P<h>[0-9]{1,6})h)?(?:(?P<m>[0-9]{1,9})m(?!s))?"
    r"(?:(?P<s>[0-9]{1,9}(?:\.[0-9]{1,9})?)s)?(?:(?P<ms>[0-9]{1,9}(?:\.[0-9]{1,9})?)ms)?"
)
_UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_LEARNABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")


@dataclass(frozen=True, slots=True)
class Told:
    """What ChatGPT told of one of its limits.

    Attributes:
        limit: units that it holds when full, from 1 to a billion.
        remaining: units left, from 0 to the limit.
        rate: units gained a minute, above 0.
    """

    limit: int
    remaining: int
    rate: float


@dataclass(frozen=True, slots=True)
class UpstreamLimits:
    """What one answer told; None of what it did not tell, or not in a way that can be used."""

    requests: Told | None = None
    tokens: Told | None = None

    def __bool__(self) -> bool:
        """Whether it told anything."""
        return self.requests is not None or self.tokens is not None


def parse(headers: Mapping[str, str]) -> UpstreamLimits:
    """What an answer's headers tell; their names are in lower case, or of a kind that ignores it.

    Limit and remaining units are needed; without a reset, or with one that is none, the limit is
    taken for a minute's.
    """
    return UpstreamLimits(_told(headers, "requests"), _told(headers, "tokens"))


def learnable(model: str) -> bool:
    """Whether a model's name may become part of a key: callers send any text as one."""
    return _LEARNABLE.fullmatch(model) is not None


def _told(headers: Mapping[str, str], resource: str) -> Told | None:
    limit = _whole(headers.get(f"x-ratelimit-limit-{resource}", ""))
    remaining = _whole(headers.get(f"x-ratelimit-remaining-{resource}", ""))
    if limit is None or remaining is None or not 0 < limit <= LARGEST:
        return None
    remaining = min(remaining, limit)
    reset_s = _seconds(headers.get(f"x-ratelimit-reset-{resource}", ""))
    return Told(limit, remaining, _rate(limit, remaining, reset_s))


def _rate(limit: int, remaining: int, reset_s: float | None) -> float:
    """Units a minute.

    The reset is the time until the limit is full. One of a minute is full within a minute; so one
    that takes longer is gained more slowly, such as the requests a day of a small account.
    """
    if reset_s is None or reset_s <= _LONGER_THAN_A_MINUTE_S or remaining == limit:
        return float(limit)
    return max((limit - remaining) * PERIOD_S / reset_s, limit * PERIOD_S / DAY_S)


def _whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


def _seconds(text: str) -> float | None:
    """A duration as Go writes it, such as 6m0s; None for anything else."""
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        return None
    parts = found.groupdict(default="0")
    return sum(float(parts[name]) * unit for name, unit in _UNITS_S.items())
