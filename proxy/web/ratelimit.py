"""Balances as headers: OpenAI's names and durations, and the IETF draft's.

Sources: OpenAI's rate limits guide; draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from proxy.domain.limits import NANO, PERIOD_S, binding

if TYPE_CHECKING:
    from proxy.domain.limits import Balance, Resource

_RESOURCES: tuple[Resource, ...] = ("requests", "tokens")


def headers(balances: list[Balance]) -> dict[str, str]:
    """The headers that tell the binding bucket of each resource; none where nothing limits."""
    rendered: dict[str, str] = {}
    policies, states = [], []
    for resource in _RESOURCES:
        balance = binding(balances, resource)
        if balance is None:
            continue
        bucket = balance.bucket
        rendered[f"x-ratelimit-limit-{resource}"] = str(bucket.burst)
        rendered[f"x-ratelimit-remaining-{resource}"] = str(balance.remaining)
        rendered[f"x-ratelimit-reset-{resource}"] = duration(balance.full_s)
        name = f'"{bucket.scope}-{resource}"'
        policies.append(f"{name};q={bucket.rate};w={PERIOD_S}")
        states.append(f"{name};r={balance.remaining};t={math.ceil(balance.full_s)}")
    if policies:
        rendered["RateLimit-Policy"] = ", ".join(policies)
        rendered["RateLimit"] = ", ".join(states)
    shadows = [_shadow(balance) for balance in balances if not balance.bucket.enforced]
    if shadows:
        rendered["x-ratelimit-shadow"] = ", ".join(shadows)
    return rendered


def _shadow(balance: Balance) -> str:
    """A shadow limit; what is left is below zero where it would have refused."""
    bucket = balance.bucket
    unit = NANO if bucket.resource == "usd" else 1
    left = (balance.remaining - balance.short) / unit
    quota, full_s = _number(bucket.rate / unit), math.ceil(balance.full_s)
    return f'"{bucket.scope}-{bucket.resource}";q={quota};r={_number(left)};t={full_s}'


def _number(value: float) -> str:
    """A number as structured fields take it: at most three decimals (RFC 9651, 3.3.2)."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def retry(retry_after: float | None, *, should_retry: bool | None) -> dict[str, str]:
    """The headers that tell when to come back; milliseconds are rounded up, so that it is true."""
    rendered: dict[str, str] = {}
    if retry_after is not None:
        milliseconds = _milliseconds(retry_after)
        rendered["Retry-After"] = str(-(-milliseconds // 1000))
        rendered["retry-after-ms"] = str(milliseconds)
    if should_retry is not None:
        rendered["x-should-retry"] = "true" if should_retry else "false"
    return rendered


def duration(seconds: float) -> str:
    """A duration as Go writes it, in whole milliseconds, rounded up: 12ms, 1.5s, 6m0s, 1h0m0s."""
    milliseconds = _milliseconds(seconds)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1000:g}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def _milliseconds(seconds: float) -> int:
    """Whole milliseconds, rounded up; the scripts tell microseconds, and 0.029 s is 29 of them."""
    return -(-round(seconds * 1_000_000) // 1000)
