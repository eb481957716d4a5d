"""Why a request is refused, in a sentence, with a wait that is true."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from proxy.domain.limits import NANO
from proxy.errors import InsufficientQuota, RateLimitExceeded
from proxy.telemetry import figures

if TYPE_CHECKING:
    from proxy.domain.limits import Bucket, Room
    from proxy.store.buckets import Reserved

Refusal = RateLimitExceeded | InsufficientQuota
SOONEST_S = 0.1
"""What a request is told to wait at least where others go first."""


def refusal_of(reserved: Reserved) -> Refusal:
    """Why a request is refused, by the limit that holds it up longest."""
    enforced = [balance for balance in reserved.balances if balance.bucket.enforced]
    short = max(enforced, key=lambda balance: balance.wait_s, default=None)
    if short is None or short.wait_s == 0:
        return _behind_others(reserved)
    wait_s, bucket = short.wait_s, short.bucket
    budgets = [b for b in enforced if b.bucket.resource == "usd" and b.wait_s]
    if budgets:
        spent = max(budgets, key=lambda balance: balance.wait_s)
        return InsufficientQuota(
            f"The budget of {_whose(spent.bucket)} is spent: {spent.bucket.burst / NANO:g} USD a "
            f"{spent.bucket.period}. It renews itself at {_moment(spent.wait_s)}.",
            scope=spent.bucket.scope,
            retry_after=wait_s,
        )
    if bucket.learned and not bucket.rate:
        said = f"ChatGPT asked to wait before {bucket.id} is asked again"
    elif bucket.resource == "concurrency":
        said = f"Too many requests of {_whose(bucket)} are in flight: {bucket.burst} at once"
    else:
        said = (
            f"Rate limit reached for {bucket.resource} of {_whose(bucket)}: {bucket.rate} a "
            f"minute, {bucket.burst} at once"
        )
    if bucket.learned:  # all are told the same moment by ChatGPT, and should not come as one
        wait_s *= 1 + random.random() / 10  # noqa: S311 - spreads retries, guards nothing
    return RateLimitExceeded(
        f"{said}. Try again in {wait_s:.1f} s.",
        scope=bucket.scope,
        resource=bucket.resource,
        retry_after=wait_s,
    )


def counted(refusal: Refusal) -> Refusal:
    """The same, counted by the limit that refuses: what only waits is no refusal."""
    figures.refusals.add(1, refusal.scope, refusal.resource)
    return refusal


def _behind_others(reserved: Reserved) -> RateLimitExceeded:
    """The limits hold enough, but others wait for it and go first."""
    wait_s = max(reserved.turn_s, SOONEST_S)
    whose = _whose(reserved.room) if reserved.room else "a limit"
    return RateLimitExceeded(
        f"{reserved.waiting} callers wait for {whose}, and {reserved.before} of them go first. "
        f"Try again in {wait_s:.1f} s.",
        scope=reserved.room.scope if reserved.room else "upstream",
        resource="requests",
        retry_after=wait_s,
    )


def _whose(limit: Bucket | Room) -> str:
    return {
        "key": "this client key",
        "upstream": "the service as a whole",
        "model": f"the service with ChatGPT for {limit.id}",
        "team": f"the team {limit.id}",
        "user": "this user",
    }[limit.scope]


def _moment(wait_s: float) -> str:
    """A time to come, to the minute and rounded: periods end at midnight UTC."""
    moment = datetime.fromtimestamp(time.time() + wait_s, UTC) + timedelta(seconds=30)
    return f"{moment:%Y-%m-%d %H:%M} UTC"
