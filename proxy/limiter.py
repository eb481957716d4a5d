"""Limits of a request: reserved before ChatGPT is asked, settled to what it really used."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from proxy.domain import usage as metrics
from proxy.domain.conversation import Usage
from proxy.domain.limits import NANO, Balance, Bucket, Limits, Room
from proxy.domain.upstream_limits import learnable
from proxy.errors import (
    ApiError,
    InsufficientQuota,
    InvalidRequest,
    ModelNotAllowed,
    RateLimitExceeded,
)
from proxy.store import buckets as store_buckets
from proxy.store import keyspace
from proxy.store import learned as store_learned
from proxy.store import usage as store_usage
from proxy.waiting import LEASE_MS, Patience, WaitingRoom

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.domain.catalog import Model
    from proxy.domain.request import Caller
    from proxy.domain.usage_report import Kind
    from proxy.learning import Learning
    from proxy.settings import Settings
    from proxy.store.buckets import Reserved
    from proxy.store.connection import Command, Store
    from proxy.store.usage import Count

RESERVATION_LEASES = 3
"""A reservation is forgotten so many leases after its worker died; what it took refills."""
OTHER_MODELS = "other"
"""What is counted together: models that nothing is known of and that have not answered. Their names
are the callers' inventions, and each would take its place in Redis for as long as usage is kept."""
SOONEST_S = 0.1
"""What a request is told to wait at least where others go first."""


class Limiter:
    """Knows the limits that all share, and hands out one allowance a request."""

    def __init__(self, store: Store, settings: Settings, learning: Learning) -> None:
        self.store = store
        self.learning = learning
        self.room = WaitingRoom(settings)
        self.lease_ms = int(settings.turn_lease * 1000)
        self.keep_ms = self.lease_ms * RESERVATION_LEASES
        self.retention_s = settings.usage_retention
        shared = Limits(rpm=settings.upstream_rpm, tpm=settings.upstream_tpm)
        self.shared = shared.buckets("upstream", keyspace.UPSTREAM)

    def allowance(self, caller: Caller) -> Allowance:
        """What limits this request: the caller's own limits and those that all share."""
        return Allowance(self, caller)

    def learned(self, model: str) -> tuple[Bucket, ...]:
        """ChatGPT's own limits of a model, as far as it told them."""
        return store_learned.buckets(model) if learnable(model) else ()


class Allowance:
    """The limits of one request, from reserve to settle or release.

    Attributes:
        balances: what the limits answered last; empty before they were asked.
        failure: why the request failed, if it did; it is counted with its usage.
    """

    def __init__(self, limiter: Limiter, caller: Caller) -> None:
        self.balances: list[Balance] = []
        self.failure: ApiError | None = None
        self._limiter = limiter
        self._caller = caller
        self._buckets = (*caller.buckets, *limiter.shared)
        self._model: Model | None = None
        self._costs: dict[str, int] = {}
        self._wait_s = 0.0
        self._id: str | None = None
        self._admitted = False
        self._shadowed = False
        self._begun = time.monotonic()
        self._first_word_s: float | None = None

    @property
    def most_tokens(self) -> int | None:
        """What the smallest token bucket holds when full; None where nothing limits tokens."""
        tokens = [
            b.burst for b in self._buckets if b.resource == "tokens" and b.burst and b.enforced
        ]
        return min(tokens, default=None)

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

    def reserve(
        self,
        reservation_id: str,
        model: Model,
        expected: Usage,
        *beside: Command[None],
        wait_s: float = 0.0,
    ) -> bool:
        """Take one request and what it is expected to use from every limit, or nothing.

        Args:
            reservation_id: the turn's id.
            model: which model is asked.
            expected: tokens of the prompt and the answer.
            beside: commands that go in the same round trip.
            wait_s: how long the request would rather wait than be refused.

        Answers whether it was taken; if not, `wait` for it.

        Raises:
            ModelNotAllowed: there is a budget, and what the model costs is not known.
            RateLimitExceeded: a limit is short; `retry_after` is when all would hold enough.
            InsufficientQuota: a budget is spent.
            StoreUnavailable: Redis cannot be asked.
        """
        self._model, self._wait_s = model, wait_s
        learned = self._limiter.learned(model.name)
        self._buckets = (*self._caller.buckets, *learned, *self._limiter.shared)
        self._costs = self._priced(expected) | {"concurrency": 1}
        self._id = reservation_id  # from here on it may be taken, even if the answer is lost
        may_wait = wait_s > 0 and self._limiter.room.has_place(self._line)
        if may_wait and self._limiter.room.stands(self._line):
            self._limiter.store.run_all(*beside) if beside else None
            return False
        self._admitted = self._attempt(*beside, waits=may_wait).granted
        return self._admitted

    def wait(self, tell: Callable[[int, float], None] = lambda _, __: None) -> None:
        """Wait for one's turn after `reserve` did not take.

        Args:
            tell: is told the position, from 1, and the seconds until the turn may come.

        Raises:
            RateLimitExceeded, InsufficientQuota, StoreUnavailable: as in `reserve`, at the end.
        """
        granted = self._limiter.room.wait(
            self._line,
            Patience(self._wait_s, tell),
            lambda more: self._attempt(waits=True, more=more),
            lambda: self._limiter.store.run(store_buckets.leave(self._rooms, self._place)),
        )
        if not granted:
            self._attempt(waits=False)
        self._admitted = True

    def renewal(self, reservation_id: str) -> Command[None]:
        """The command that keeps a running request's reservation and its places in flight."""
        limiter = self._limiter
        buckets = self._caller.buckets
        return store_buckets.hold(reservation_id, buckets, limiter.keep_ms, limiter.lease_ms)

    def note_first_word(self) -> None:
        """Note when the answer's first word came; it is counted with the usage."""
        if self._first_word_s is None:
            self._first_word_s = time.monotonic() - self._begun

    def settle(self, used: Usage) -> list[Command[Any]]:
        """The commands that charge and count what was really used; none if nothing was reserved.

        A request that ChatGPT refused costs a request and no tokens, as it does with OpenAI.
        """
        cost = self._model.cost(used) if self._model else None
        charged = {"requests": 1, "tokens": used.total_tokens, "usd": metrics.nano(cost or 0)}
        return self._settlement(charged, used)

    def release(self) -> list[Command[Any]]:
        """The commands that give everything back, for a request that never reached ChatGPT."""
        return self._settlement({}, Usage())

    def after(self, failure: ApiError | None, prompt: Usage) -> list[Command[Any]]:
        """What a request that failed costs.

        Args:
            failure: why; None for a defect of ours.
            prompt: what ChatGPT may have read.
        """
        self.failure = failure or ApiError("Something went wrong here.")
        if self.failure.charge == "nothing" or not self._admitted:
            return self.release()
        return self.settle(prompt if self.failure.charge == "prompt" else Usage())

    def look(self) -> list[Balance]:
        """The balances as last answered, or as they are now if nothing was reserved.

        Raises:
            StoreUnavailable: Redis cannot be asked.
        """
        if not self.balances and self._buckets:
            peek = store_buckets.peek(self._buckets, {})
            self.balances = self._limiter.store.run(peek).balances
        return self.balances

    def _attempt(self, *beside: Command[None], waits: bool, more: bool = False) -> Reserved:
        """Ask Redis once; a refusal is raised unless the request waits."""
        limiter = self._limiter
        terms = store_buckets.Terms(
            self._rooms,
            limiter.keep_ms,
            limiter.lease_ms,
            wait_ms=LEASE_MS if waits else 0,
            line=self._place,
            more=more,
            refusal=self._count(metrics.REFUSED),
        )
        reserve = store_buckets.reserve(self._id or "", self._buckets, self._costs, terms=terms)
        reserved: Reserved
        reserved, *_ = limiter.store.run_all(reserve, *beside)
        self.balances = reserved.balances
        if not reserved.granted:
            refusal = refusal_of(reserved)
            if not waits or isinstance(refusal, InsufficientQuota):  # a budget is not waited for
                self._id = None
                raise refusal
        self._shadowed = any(not b.bucket.enforced and b.wait_s for b in reserved.balances)
        return reserved

    def _priced(self, expected: Usage) -> dict[str, int]:
        """What the request is expected to cost of each resource."""
        cost = self._model.cost(expected) if self._model else None
        budgets = [b.burst for b in self._buckets if b.resource == "usd" and b.enforced]
        if cost is None and budgets:
            named = self._model.name if self._model else ""
            raise ModelNotAllowed(
                f"The price of {named!r} is not known, and this client key has a budget: use a "
                "model whose price is in config/models.toml.",
                param="model",
            )
        usd = metrics.nano(cost or 0)
        if usd > min(budgets, default=usd):
            raise InvalidRequest(
                f"The request may cost {usd / NANO:g} USD, and the budget is "
                f"{min(budgets) / NANO:g} USD: shorten the message or lower max_tokens.",
                param="max_tokens",
            )
        return {"requests": 1, "tokens": expected.total_tokens, "usd": usd}

    @property
    def _line(self) -> tuple[str, str]:
        """Whose requests stand in one line: a caller's, for one model."""
        return self._caller.owner, self._model.name if self._model else ""

    @property
    def _place(self) -> str:
        """The line's name among those of all workers."""
        return self._limiter.room.place(self._line)

    @property
    def _rooms(self) -> tuple[Room, ...]:
        """Where it is ordered among those who wait, from the innermost to the outermost."""
        caller, lane = self._caller, self._line[1]
        outer = {bucket.scope: bucket.id for bucket in self._buckets[len(caller.buckets) :]}
        shared = (Room(scope, name, caller.flow, caller.weight) for scope, name in outer.items())
        return (*(replace(room, lane=lane) for room in caller.rooms), *shared)

    def _count(self, counted: dict[str, int]) -> Count:
        """What counts this request for its key, team, user and model."""
        caller, model = self._caller, self._model
        real = model and (model.known or model.price or "prompt_tokens" in counted)
        things: tuple[tuple[Kind, str], ...] = (
            ("key", caller.key_id),
            ("team", caller.team),
            ("user", caller.user),
            ("model", model.name if model and real else OTHER_MODELS),
        )
        named = [(kind, name) for kind, name in things if name]
        return store_usage.count(named, counted, time.time(), self._limiter.retention_s)

    def _settlement(self, costs: dict[str, int], used: Usage) -> list[Command[Any]]:
        """Settle; then tell what is new of ChatGPT's limits, which holds for what came back too."""
        if self._id is None:
            return []
        cost = self._model.cost(used) if self._model else None
        seconds = time.monotonic() - self._begun
        counted = metrics.asked(used, cost, self.failure, seconds, self._first_word_s)
        if self._shadowed:
            counted |= metrics.SHADOWED
        settle = store_buckets.settle(self._id, self._buckets, costs, count=self._count(counted))
        noted = replace(settle, parse=lambda reply: self._noted(settle.parse(reply)))
        return [noted, *self._limiter.learning.news()]

    def _noted(self, reserved: Reserved) -> Reserved:
        self.balances = reserved.balances
        return reserved


def key_limits(own: Limits, settings: Settings) -> Limits:
    """A key's limits, with the service's defaults for those it leaves open."""
    return replace(
        own,
        rpm=settings.key_rpm if own.rpm is None else own.rpm,
        tpm=settings.key_tpm if own.tpm is None else own.tpm,
        burst=settings.key_burst if own.burst is None and own.rpm is None else own.burst,
    )


def refusal_of(reserved: Reserved) -> ApiError:
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
        f"{said}. Try again in {wait_s:.1f} s.", resource=bucket.resource, retry_after=wait_s
    )


def _behind_others(reserved: Reserved) -> RateLimitExceeded:
    """The limits hold enough, but others wait for it and go first."""
    wait_s = max(reserved.turn_s, SOONEST_S)
    whose = _whose(reserved.room) if reserved.room else "a limit"
    return RateLimitExceeded(
        f"{reserved.waiting} callers wait for {whose}, and {reserved.before} of them go first. "
        f"Try again in {wait_s:.1f} s.",
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
