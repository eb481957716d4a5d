"""Limits, the buckets that hold them, and what a bucket answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Resource = Literal["requests", "tokens"]
Scope = Literal["upstream", "key"]

PERIOD_S = 60
"""Rates are a minute's worth."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket: it holds at most `burst` and gains `rate` a minute, continuously.

    Attributes:
        scope: whose limit it is.
        id: which key, or which upstream.
        resource: what it counts.
        rate: gained a minute, at least 1.
        burst: its capacity, at least 1.
    """

    scope: Scope
    id: str
    resource: Resource
    rate: int
    burst: int


@dataclass(frozen=True, slots=True)
class Balance:
    """What a bucket answered.

    Attributes:
        remaining: whole units left, never below zero.
        wait_s: seconds until the request that was refused would pass; 0 when it was not refused
            for this bucket.
        full_s: seconds until the bucket is full.
    """

    bucket: Bucket
    remaining: int
    wait_s: float
    full_s: float


def bucket(scope: Scope, owner: str, resource: Resource, rate: int, burst: int) -> list[Bucket]:
    """The bucket of a limit, or none for a rate of 0; a burst of 0 is a minute's worth."""
    return [Bucket(scope, owner, resource, rate, burst or rate)] if rate else []


def binding(balances: list[Balance], resource: Resource) -> Balance | None:
    """The bucket of this resource that runs out first; None where nothing limits it."""
    of_resource = [balance for balance in balances if balance.bucket.resource == resource]
    return min(of_resource, key=lambda balance: balance.remaining, default=None)
