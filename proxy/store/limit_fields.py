"""Limits in a record: how a key's and a team's are written into their hashes, and read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.domain.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping


def written(limits: Limits) -> dict[str, str | int]:
    """The fields of a record that hold the limits; an empty one is the service's default."""
    return {
        "rpm": _optional(limits.rpm),
        "tpm": _optional(limits.tpm),
        "burst": _optional(limits.burst),
        "max_parallel": _optional(limits.max_parallel),
        "budget_usd": "" if limits.budget_usd is None else repr(limits.budget_usd),
        "budget_period": limits.budget_period,
        "shadow": int(limits.shadow),
    }


def read(record: Mapping[str, str]) -> Limits:
    """The limits of a record; a field that an older version did not write has its default."""
    budget = record.get("budget_usd", "")
    return Limits(
        rpm=_number(record.get("rpm", "")),
        tpm=_number(record.get("tpm", "")),
        burst=_number(record.get("burst", "")),
        max_parallel=_number(record.get("max_parallel", "")),
        budget_usd=float(budget) if budget else None,
        budget_period="day" if record.get("budget_period") == "day" else "month",
        shadow=record.get("shadow") == "1",
    )


def _optional(number: int | None) -> str | int:
    return "" if number is None else number


def _number(text: str) -> int | None:
    return int(text) if text else None
