"""The limits of one request: reserved before ChatGPT is asked, settled to what it really used."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from proxy.domain import costs
from proxy.domain import usage as metrics
from proxy.domain.conversation import Usage
from proxy.errors import ApiError, InsufficientQuota
from proxy.refusals import counted, refusal_of
from proxy.store import buckets as store_buckets
from proxy.telemetry import current, traces
from proxy.waiting import LEASE_MS, Patience, rooms_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.domain.catalog import Model
    from proxy.domain.limits import Balance, Room
    from proxy.domain.local_limits import Held
    from proxy.domain.request import Caller
    from proxy.limiter import Limiter
    from proxy.store.buckets import Reserved
    from proxy.store.connection import Command


class Allowance:
    """The limits of one request, from reserve to settle or release.

    Attributes:
        balances: what the limits answered last; empty before they were asked.
        failure: why the request failed, if it did; it is counted with its usage.
        degraded: whether this worker's share of the limits answered, for Redis was gone.
    """

    def __init__(self, limiter: Limiter, caller: Caller) -> None:
        self.balances: list[Balance] = []
        self.failure: ApiError | None = None
        self.degraded = False
        self._limiter = limiter
        self._caller = caller
        self._buckets = (*caller.buckets, *limiter.shared)
        self._model: Model | None = None
        self._costs: dict[str, int] = {}
        self._wait_s = 0.0
        self._id: str | None = None
        self._held: Held | None = None
        self._admitted = False
        self._shadowed = False
        self._told = False
        self._begun = time.monotonic()
        self._first_word_s: float | None = None

    @property
    def most_tokens(self) -> int | None:
        """What the smallest token bucket holds when full; None where nothing limits tokens."""
        return costs.most_tokens(self._buckets)

    def answer_tokens(self, prompt: int, asked: int | None, expected: int) -> int:
        """As `costs.answer_tokens`, of these limits."""
        return costs.answer_tokens(self._buckets, prompt, asked, expected)

    def reserve(
        self,
        reservation_id: str,
        model: Model,
        expected: Usage,
        *beside: Command[None],
        wait_s: float = 0.0,
        stateless: bool = False,
    ) -> bool:
        """Take one request and what it is expected to use from every limit, or nothing.

        Args:
            reservation_id: the turn's id.
            model: which model is asked.
            expected: tokens of the prompt and the answer.
            beside: commands that go in the same round trip.
            wait_s: how long the request would rather wait than be refused.
            stateless: whether this worker may enforce its share while Redis is gone.

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
        self._costs = costs.costs(self._buckets, model, expected)
        if stateless and self._limiter.degradation.lasts:
            return self._share()
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
        with traces.begin("wait"):
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
        limiter, buckets = self._limiter, self._caller.buckets
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
        if not self.balances and self._buckets and not self._admitted:
            self.balances = self._limiter.store.run(store_buckets.peek(self._buckets, {})).balances
        return self.balances

    def _share(self) -> bool:
        """Take from this worker's shares of the limits; nobody waits for them."""
        answer = self._limiter.degradation.reserve(self._buckets, self._costs)
        self.degraded = True
        self.balances, self._held = answer.balances, answer.held
        if self._held is None:
            self._limiter.count_later(self._caller, self._model, metrics.REFUSED)
            refusal = refusal_of(store_buckets.Reserved(granted=False, balances=answer.balances))
            raise counted(refusal)
        self._admitted = True
        return True

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
            refusal=limiter.count(self._caller, self._model, metrics.REFUSED),
        )
        reserve = store_buckets.reserve(self._id or "", self._buckets, self._costs, terms=terms)
        reserved: Reserved
        reserved, *_ = limiter.store.run_all(reserve, *beside)
        self.balances = reserved.balances
        if not reserved.granted:
            refusal = refusal_of(reserved)
            if not waits or isinstance(refusal, InsufficientQuota):  # a budget is not waited for
                self._id = None
                raise counted(refusal)
        self._shadowed = any(not b.bucket.enforced and b.wait_s for b in reserved.balances)
        return reserved

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
        return rooms_of(self._caller, self._buckets, self._line[1])

    def _settlement(self, costs: dict[str, int], used: Usage) -> list[Command[Any]]:
        """Settle; then tell what is new of ChatGPT's limits, which holds for what came back too."""
        if self._held is None and self._id is None:
            return []
        cost = self._model.cost(used) if self._model else None
        seconds = time.monotonic() - self._begun
        asked = metrics.asked(used, cost, self.failure, seconds, self._first_word_s)
        if not self._told:  # what is settled again is the same request
            self._told = True
            name, key_id = self._limiter.labels(self._caller, self._model, asked)
            ended = metrics.outcome(self.failure)
            current.settled(name, used, cost, ended, seconds, self._first_word_s, key_id)
        if self._held is not None:
            self.balances = self._limiter.degradation.settle(self._held, costs)
            self._held = None
            self._limiter.count_later(self._caller, self._model, asked)
        if self._id is None:
            return []
        if self._shadowed:
            asked |= metrics.SHADOWED
        count = self._limiter.count(self._caller, self._model, asked)
        settle = store_buckets.settle(self._id, self._buckets, costs, count=count)
        noted = replace(settle, parse=lambda reply: self._noted(settle.parse(reply)))
        return [noted, *self._limiter.learning.news()]

    def _noted(self, reserved: Reserved) -> Reserved:
        self.balances = reserved.balances
        return reserved
