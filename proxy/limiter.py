"""Limits of a request: reserved before ChatGPT is asked, settled to what it really used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.domain.limits import Balance, Bucket, bucket
from proxy.errors import InvalidRequest, RateLimitExceeded
from proxy.store import buckets as store_buckets
from proxy.store import keyspace

if TYPE_CHECKING:
    from proxy.domain.request import Caller
    from proxy.settings import Settings
    from proxy.store.buckets import Reserved
    from proxy.store.connection import Command, Store

_WHOSE = {"key": "this client key", "upstream": "the service as a whole"}


class Limiter:
    """Knows the limits that all share, and hands out one allowance a request."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        upstream = keyspace.UPSTREAM
        self._shared = (
            *bucket("upstream", upstream, "requests", settings.upstream_rpm, 0),
            *bucket("upstream", upstream, "tokens", settings.upstream_tpm, 0),
        )

    def allowance(self, caller: Caller) -> Allowance:
        """What limits this request: the caller's own buckets and the shared ones."""
        return Allowance(self._store, (*caller.buckets, *self._shared))


class Allowance:
    """The buckets of one request, from reserve to settle or release.

    Attributes:
        balances: what the buckets answered last; empty before they were asked.
    """

    def __init__(self, store: Store, buckets: tuple[Bucket, ...]) -> None:
        self.balances: list[Balance] = []
        self._store = store
        self._buckets = buckets
        self._id: str | None = None

    def answer_tokens(self, prompt: int, asked: int | None, expected: int) -> int:
        """Tokens to reserve for an answer: those asked for, else a guess that the buckets hold.

        Args:
            prompt: the prompt's tokens.
            asked: the request's max_tokens; None if it leaves the length open.
            expected: how long answers tend to be.

        Raises:
            InvalidRequest: prompt and asked tokens are more than a bucket ever holds.
        """
        least = prompt + (asked or 0)
        holding = min(
            (b.burst for b in self._buckets if b.resource == "tokens"), default=least + expected
        )
        if least > holding:
            raise InvalidRequest(
                f"The request takes about {least} tokens, and the limit allows {holding} at most "
                "at once: shorten the message or lower max_tokens.",
                param="max_tokens" if prompt <= holding else "message",
            )
        return asked if asked is not None else min(expected, holding - prompt)

    def reserve(self, reservation_id: str, tokens: int) -> None:
        """Take one request and this many tokens from every bucket, or nothing.

        Raises:
            RateLimitExceeded: a bucket is short; `retry_after` is when all would hold enough.
            StoreUnavailable: Redis cannot be asked.
        """
        if not self._buckets:
            return
        costs = {"requests": 1, "tokens": tokens}
        self._id = reservation_id  # from here on it may be taken, even if the answer is lost
        reserved = self._store.run(store_buckets.reserve(reservation_id, self._buckets, costs))
        self.balances = reserved.balances
        if not reserved.granted:
            self._id = None
            raise _refusal(reserved.balances)

    def settle(self, tokens: int) -> list[Command[Reserved]]:
        """The command that charges the tokens really used; none when nothing was reserved."""
        return self._settlement({"requests": 1, "tokens": tokens})

    def release(self) -> list[Command[Reserved]]:
        """The command that gives everything back; none when nothing was reserved."""
        return self._settlement({})

    def look(self) -> list[Balance]:
        """The balances as last answered, or as they are now if nothing was reserved.

        Raises:
            StoreUnavailable: Redis cannot be asked.
        """
        if not self.balances and self._buckets:
            self.balances = self._store.run(store_buckets.peek(self._buckets, {})).balances
        return self.balances

    def _settlement(self, costs: dict[str, int]) -> list[Command[Reserved]]:
        if self._id is None:
            return []
        settle = store_buckets.settle(self._id, self._buckets, costs)
        return [type(settle)(settle.arguments, lambda reply: self._noted(settle.parse(reply)))]

    def _noted(self, reserved: Reserved) -> Reserved:
        self.balances = reserved.balances
        return reserved


def _refusal(balances: list[Balance]) -> RateLimitExceeded:
    short = max(balances, key=lambda balance: balance.wait_s)
    bucket = short.bucket
    return RateLimitExceeded(
        f"Rate limit reached for {bucket.resource} of {_WHOSE[bucket.scope]}: {bucket.rate} a "
        f"minute, {bucket.burst} at once. Try again in {short.wait_s:.1f} s.",
        resource=bucket.resource,
        retry_after=short.wait_s,
    )
