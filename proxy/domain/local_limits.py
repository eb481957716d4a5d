"""Limits in a worker's memory, while they cannot be asked where they are kept.

A worker enforces its share of each limit: the limit, divided by the workers of its host. The
arithmetic is that of store/lua/_limits.lua: whole micro-units, and no fraction is ever lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from proxy.domain.limits import PERIOD_S, Balance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from proxy.domain.limits import Bucket

MICRO = 1_000_000
PLACE_WAIT_S = 1.0
"""When a place in flight comes free is not known: what a request is told to wait."""
SWEEP_US = MICRO
"""How often at most it is looked for buckets that are full again: there may be many."""
_Name = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Held:
    """What a request took.

    Attributes:
        shares: from which shares.
        costs: units by resource.
    """

    shares: tuple[Bucket, ...]
    costs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the shares answer.

    Attributes:
        balances: of each.
        held: what was taken; None if the request was refused.
        full: whether that was because no more of them can be kept.
    """

    balances: list[Balance]
    held: Held | None = None
    full: bool = False


@dataclass(slots=True)
class _Tank:
    """A token bucket: whole micro-units at a time, and sixtieths of one."""

    share: Bucket
    balance: int
    time_us: int
    rest: int = 0

    def at(self, now_us: int) -> Self:
        """It as it is now; a clock that steps back is taken for one that stands still."""
        now_us = max(now_us, self.time_us)
        gained = (now_us - self.time_us) * self.share.rate + self.rest
        whole, self.rest = divmod(gained, PERIOD_S)
        self.time_us = now_us
        self.give(whole)
        return self

    def give(self, micro: int) -> None:
        """A full bucket holds no fraction more; a shadow limit owes a burst at the most."""
        self.balance += micro
        burst = self.share.burst * MICRO
        if self.balance >= burst:
            self.balance, self.rest = burst, 0
        elif self.balance < -burst and not self.share.enforced:
            self.balance, self.rest = -burst, 0

    def full_at(self, now_us: int) -> bool:
        """Whether it is as if nothing had ever been taken."""
        gained = (now_us - self.time_us) * self.share.rate + self.rest
        return self.balance + gained // PERIOD_S >= self.share.burst * MICRO

    def until_s(self, units: int) -> float:
        """Seconds until it holds so much."""
        missing = units * MICRO - self.balance
        parts = missing * PERIOD_S - self.rest
        return -(-parts // self.share.rate) / MICRO if missing > 0 else 0.0


class LocalLimits:
    """The shares of one worker; each is full when it is first asked."""

    def __init__(self, workers: int, most: int) -> None:
        """Nothing was taken yet.

        Args:
            workers: how many share each limit.
            most: how many token buckets are kept; one that is full again need not be.
        """
        self._workers = workers
        self._most = most
        self._tanks: dict[_Name, _Tank] = {}
        self._places: dict[_Name, int] = {}
        self._swept_us = -SWEEP_US

    def __len__(self) -> int:
        """How many limits are kept in memory."""
        return len(self._tanks) + len(self._places)

    def reserve(self, buckets: Iterable[Bucket], costs: Mapping[str, int], now_us: int) -> Answer:
        """Take a request's costs from every share, or from none.

        A share that never holds the whole cost has to be full, and owes the rest.

        Args:
            buckets: the whole limits; budgets and ChatGPT's own are none of these.
            costs: units by resource.
            now_us: microseconds of a clock that never steps.
        """
        shares = tuple(self._share(bucket) for bucket in buckets)
        waits = [self._wait_s(share, costs[share.resource], now_us) for share in shares]
        if any(wait_s and share.enforced for share, wait_s in zip(shares, waits, strict=True)):
            return Answer(self._balances(shares, waits, now_us))
        if not self._fits(shares, now_us):
            return Answer(self._balances(shares, waits, now_us), full=True)
        self._change(shares, {name: -cost for name, cost in costs.items()}, now_us)
        return Answer(self._balances(shares, waits, now_us), Held(shares, costs))

    def settle(self, held: Held, costs: Mapping[str, int], now_us: int) -> list[Balance]:
        """Charge what a request really cost in place of what it took; once, at its end."""
        back = {name: cost - costs.get(name, 0) for name, cost in held.costs.items()}
        self._change(held.shares, back, now_us)
        return self._balances(held.shares, [0.0] * len(held.shares), now_us)

    def _share(self, bucket: Bucket) -> Bucket:
        rate, burst = bucket.rate // self._workers, bucket.burst // self._workers
        return bucket._replace(rate=max(1, rate), burst=max(1, burst))

    def _tank(self, share: Bucket, now_us: int) -> _Tank:
        """The bucket as it is now; one that is not kept is full."""
        tank = self._tanks.get(_name(share)) or _Tank(share, share.burst * MICRO, now_us)
        tank.share = share
        return tank.at(now_us)

    def _wait_s(self, share: Bucket, cost: int, now_us: int) -> float:
        if share.resource == "concurrency":
            taken = self._places.get(_name(share), 0)
            return 0.0 if taken < share.burst else PLACE_WAIT_S
        return self._tank(share, now_us).until_s(min(cost, share.burst))

    def _fits(self, shares: Sequence[Bucket], now_us: int) -> bool:
        """Whether these can be kept too, after the full ones were forgotten if need be."""
        if len(self._tanks) + len(shares) <= self._most:
            return True
        if now_us >= self._swept_us + SWEEP_US:
            self._swept_us = now_us
            kept = self._tanks.items()
            self._tanks = {name: tank for name, tank in kept if not tank.full_at(now_us)}
        return len(self._tanks) + len(shares) <= self._most

    def _change(self, shares: Sequence[Bucket], by: Mapping[str, int], now_us: int) -> None:
        for share in shares:
            name, units = _name(share), by[share.resource]
            if share.resource == "concurrency":
                left = self._places.pop(name, 0) - units
                if left:
                    self._places[name] = left
            else:
                tank = self._tanks[name] = self._tank(share, now_us)
                tank.give(units * MICRO)

    def _balances(
        self, shares: Sequence[Bucket], waits: Sequence[float], now_us: int
    ) -> list[Balance]:
        told = zip(shares, waits, strict=True)
        return [self._balance(share, wait_s, now_us) for share, wait_s in told]

    def _balance(self, share: Bucket, wait_s: float, now_us: int) -> Balance:
        if share.resource == "concurrency":
            left = share.burst - self._places.get(_name(share), 0)
            return Balance(share, max(0, left), wait_s, 0.0, float(max(0, -left)))
        tank = self._tank(share, now_us)
        left = max(0, tank.balance) // MICRO
        return Balance(
            share, left, wait_s, tank.until_s(share.burst), max(0, -tank.balance) / MICRO
        )


def _name(bucket: Bucket) -> _Name:
    return bucket.scope, bucket.id, bucket.resource
