"""Limits of a request: reserved before ChatGPT is asked, settled to what it really used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.domain.limits import Balance, Bucket, bucket
from proxy.errors import ApiError, InvalidRequest, RateLimitExceeded
from proxy.store import buckets as store_buckets
from proxy.store import keyspace

if TYPE_CHECKING:
    from proxy.domain.request import Caller
    from proxy.settings import Settings
    from proxy.store.buckets import Reserved
    from proxy.store.connection import Command, Store

_WHOSE = {"key": "this client key", "upstream": "the service as a whole"}


RESERVATION_LEASES = 3
"""A reservation is forgotten so many leases after its worker died; what it took refills."""


class Limiter:
    """Knows the limits that all share, and hands out one allowance a request."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._keep_ms = int(settings.turn_lease * 1000 * RESERVATION_LEASES)
        upstream = keyspace.UPSTREAM
        self._shared = (
            *bucket("upstream", upstream, "requests", settings.upstream_rpm, 0),
            *bucket("upstream", upstream, "tokens", settings.upstream_tpm, 0),
        )

    def allowance(self, caller: Caller) -> Allowance:
        """What limits this request: the caller's own buckets and the shared ones."""
        return Allowance(self._store, (*caller.buckets, *self._shared), self._keep_ms)


class Allowance:
    """The buckets of one request, from reserve to settle or release.

    Attributes:
        balances: what the buckets answered last; empty before they were asked.
    """

    def __init__(self, store: Store, buckets: tuple[Bucket, ...], keep_ms: int) -> None:
        self.balances: list[Balance] = []
        self._store = store
        self._buckets = buckets
        self._keep_ms = keep_ms
        self._id: str | None = None

    @property
    def most_tokens(self) -> int | None:
        """What the smallest token bucket holds when full; None where nothing limits tokens."""
        return min((b.burst for b in self._buckets if b.resource == "tokens"), default=None)

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
        most = self.most_tokens
        holding = least + expected if most is None else most
        if least > holding:
            raise InvalidRequest(
                f"The request takes about {least} tokens, and the limit allows {holding} at most "
                "at once: shorten the message or lower max_tokens.",
                param="max_tokens" if prompt <= holding else "message",
            )
        return asked if asked is not None else min(expected, holding - prompt)

    def reserve(self, reservation_id: str, tokens: int, *beside: Command[None]) -> None:
        """Take one request and this many tokens from every bucket, or nothing.

        Args:
            reservation_id: the turn's id.
            tokens: of the prompt and the answer.
            beside: commands that go in the same round trip.

        Raises:
            RateLimitExceeded: a bucket is short; `retry_after` is when all would hold enough.
            StoreUnavailable: Redis cannot be asked.
        """
        if not self._buckets:
            if beside:
                self._store.run_all(*beside)
            return
        costs = {"requests": 1, "tokens": tokens}
        self._id = reservation_id  # from here on it may be taken, even if the answer is lost
        reserve = store_buckets.reserve(reservation_id, self._buckets, costs, keep_ms=self._keep_ms)
        reserved, *_ = self._store.run_all(reserve, *beside)
        self.balances = reserved.balances
        if not reserved.granted:
            self._id = None
            raise _refusal(reserved.balances)

    def renewal(self, reservation_id: str) -> Command[None]:
        """The command that keeps a running request's reservation."""
        return store_buckets.hold(reservation_id, self._keep_ms)

    def settle(self, tokens: int) -> list[Command[Reserved]]:
        """The command that charges the tokens really used; none when nothing was reserved.

        A request that ChatGPT refused costs a request and no tokens, as it does with OpenAI.
        """
        return self._settlement({"requests": 1, "tokens": tokens})

    def release(self) -> list[Command[Reserved]]:
        """The command that gives everything back, for a request that never reached ChatGPT."""
        return self._settlement({})

    def after(self, failure: ApiError | None, prompt_tokens: int) -> list[Command[Reserved]]:
        """What a request that failed costs.

        Args:
            failure: why; None for a defect of ours.
            prompt_tokens: what ChatGPT may have read.
        """
        charge = failure.charge if failure else "nothing"
        if charge == "nothing":
            return self.release()
        return self.settle(prompt_tokens if charge == "prompt" else 0)

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
