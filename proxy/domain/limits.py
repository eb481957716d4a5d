"""Limits, what a request costs of them, and what a limit answers.

What a request makes by the dozen is a named tuple, made three times as fast as a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Resource = Literal["requests", "tokens", "concurrency", "usd"]
Scope = Literal["upstream", "model", "team", "key", "user"]
Period = Literal["minute", "day", "month"]

PERIOD_S = 60
"""Rates are a minute's worth."""
NANO = 1_000_000_000
"""Budgets are counted in billionths of a USD: a token of the cheapest model costs ten of them."""


class Bucket(NamedTuple):
    """A limit of one resource: a token bucket, places in flight, or a budget.

    Attributes:
        scope: whose limit it is.
        id: which key, team, user, model, or which upstream.
        resource: what it counts: requests, tokens, requests in flight, or money.
        rate: of a token bucket, gained a minute continuously, at least 1; else the limit.
        burst: its capacity, at least 1; of a budget in billionths of a USD.
        period: after which a budget renews itself; a token bucket's is a minute.
        enforced: False for a shadow limit: it is counted and told, and refuses nobody.
        learned: ChatGPT's own limit as it was told; rate and burst are Redis's to know.
    """

    scope: Scope
    id: str
    resource: Resource
    rate: int
    burst: int
    period: Period = "minute"
    enforced: bool = True
    learned: bool = False


class Room(NamedTuple):
    """Where requests wait for what several callers share; the caller served least goes next.

    Attributes:
        scope: whose limits are waited for; likewise id.
        id: which team, model or upstream.
        flow: who competes there for the caller: its team, its key, its user.
        weight: how much of it the flow is due, compared to others.
        lane: which model is waited for; who waits for one does not hold up who wants another.
    """

    scope: Scope
    id: str
    flow: str
    weight: int = 1
    lane: str = ""


class Balance(NamedTuple):
    """What a limit answered.

    Attributes:
        bucket: the limit; a learned one with its rate and burst as known now.
        remaining: whole units left, never below zero; of a budget in billionths of a USD.
        wait_s: seconds until the request that was refused would pass; 0 when it was not refused
            for this limit.
        full_s: seconds until the bucket is full, or the budget renews itself.
        short: how far it is below zero, in units; a shadow limit that would have refused, or a
            bucket whose requests used more than they reserved.
    """

    bucket: Bucket
    remaining: int
    wait_s: float
    full_s: float
    short: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a key, a team or a user may use; None for the service's default, 0 for no limit.

    Attributes:
        rpm: requests a minute.
        tpm: tokens a minute.
        burst: requests that may come at once; None for a minute's worth.
        max_parallel: requests in flight.
        budget_usd: what may be spent in a period.
        budget_period: which starts at midnight UTC, of each day or of the first of the month.
        shadow: counted and told, not enforced.
    """

    rpm: int | None = None
    tpm: int | None = None
    burst: int | None = None
    max_parallel: int | None = None
    budget_usd: float | None = None
    budget_period: Literal["day", "month"] = "month"
    shadow: bool = False

    def buckets(self, scope: Scope, owner: str) -> tuple[Bucket, ...]:
        """The buckets of these limits; None is no limit here."""
        enforced = not self.shadow
        found: list[Bucket] = []
        for resource, rate, burst in (
            ("requests", self.rpm, self.burst or self.rpm),
            ("tokens", self.tpm, self.tpm),
            ("concurrency", self.max_parallel, self.max_parallel),
        ):
            if rate and burst:
                found.append(Bucket(scope, owner, resource, rate, burst, enforced=enforced))  # type: ignore[arg-type]
        if self.budget_usd:
            most = round(self.budget_usd * NANO)
            found.append(Bucket(scope, owner, "usd", most, most, self.budget_period, enforced))
        return tuple(found)


def binding(balances: list[Balance], resource: Resource) -> Balance | None:
    """The enforced limit of this resource that runs out first; None where nothing limits it.

    ChatGPT's own, where it told no more than that it refuses, has no size and is none.
    """
    of_resource = [
        balance
        for balance in balances
        if balance.bucket.resource == resource and balance.bucket.enforced and balance.bucket.burst
    ]
    return min(of_resource, key=lambda balance: balance.remaining, default=None)
