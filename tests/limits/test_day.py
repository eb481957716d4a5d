"""A day replayed: ChatGPT enforces the limits that it advertises, and never has to refuse."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from proxy.domain import upstream_limits
from proxy.domain.identifiers import new_turn_id
from proxy.domain.limits import Limits, Room
from proxy.simulator.limits import Limits as EnforcedLimits
from proxy.simulator.refusals import Refusal
from proxy.store import client_keys, learned
from proxy.store.buckets import Terms, reserve, settle
from proxy.store.packed_limits import MICRO

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.store.connection import Store

START_S = 1_750_000_000.0
RPM = 30
TPM = {"requests": 24_000, "tokens": 6_000}
"""By which of the two limits is short."""
CALLERS, OVERLOAD = 8, 3
SHARE = 0.95
"""What `PROXY_UPSTREAM_CUSHION` leaves by default."""
GUESS = 256
KEY = Limits(rpm=600, tpm=200_000, max_parallel=50)


@dataclass
class Replay:
    """A simulated day: events in the order of their time; nothing looks at a clock.

    Attributes:
        now: seconds.
        counts: asked, granted, refused by us, refused by ChatGPT, tokens used.
    """

    store: Store
    short: str
    now: float = START_S
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.dice = random.Random(4)
        self.model = f"gpt-{client_keys.new_id()}"
        self.chatgpt = EnforcedLimits(RPM, TPM[self.short], enforce=True, clock=lambda: self.now)
        self.keys = [client_keys.new_id() for _ in range(CALLERS)]
        self.limits = {
            key: (*KEY.buckets("key", key), *learned.buckets(self.model)) for key in self.keys
        }
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def run(self, hours: float) -> None:
        """Replay so many hours."""
        for key in self.keys:
            self._later(self.dice.random(), lambda key=key: self._arrive(key))  # type: ignore[misc]
        while self._events and self._events[0][0] < START_S + hours * 3600:
            self.now, _, act = heapq.heappop(self._events)
            act()

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (self.now + seconds, self._number, act))

    @property
    def _us(self) -> int:
        return round(self.now * MICRO)

    def _arrive(self, key: str) -> None:
        """A request comes; the next one of the caller at random, more by day than by night."""
        hour = self.now / 3600 % 24
        busy = 1.5 if 8 <= hour < 20 else 0.5
        rate = OVERLOAD * busy * RPM / 60 / CALLERS
        self._later(self.dice.expovariate(rate), lambda: self._arrive(key))
        prompt = self.dice.randint(20, 400)
        answer = min(4_000, int(self.dice.lognormvariate(5, 0.7)))
        self._ask(key, new_turn_id(), prompt, answer, retries=1)

    def _ask(self, key: str, turn: str, prompt: int, answer: int, retries: int) -> None:
        """Reserve by an estimate; a refused one comes back when it was told to."""
        self.counts["asked"] += 1
        estimate = round(prompt * self.dice.uniform(0.9, 1.1)) + GUESS
        costs = {"requests": 1, "tokens": estimate, "concurrency": 1}
        terms = Terms((Room("model", self.model, f"key:{key}"),))
        reserved = self.store.run(reserve(turn, self.limits[key], costs, self._us, terms=terms))
        if reserved.granted:
            latency = self.dice.uniform(0.01, 0.1)
            self._later(latency, lambda: self._reach(key, turn, prompt, answer))
            return
        self.counts["refused by us"] += 1
        if retries:
            wait_s = max(told.wait_s for told in reserved.balances)
            self._later(wait_s, lambda: self._ask(key, turn, prompt, answer, retries - 1))

    def _reach(self, key: str, turn: str, prompt: int, answer: int) -> None:
        """ChatGPT gets the request, and counts what it will really use."""
        used = {"requests": 1, "tokens": prompt + answer}
        try:
            self.chatgpt.spend(self.model, prompt + answer)
        except Refusal:
            self.counts["refused by ChatGPT"] += 1
        headers = self.chatgpt.headers
        self.counts["granted"] += 1
        self.counts["tokens"] += prompt + answer
        self._later(self.dice.uniform(0.05, 1), lambda: self._hear(headers))
        self._later(self.dice.uniform(1, 15), lambda: self._end(key, turn, used))

    def _hear(self, headers: dict[str, str]) -> None:
        told = upstream_limits.parse(headers)
        self.store.run(learned.learn(self.model, told, SHARE, now_us=self._us))

    def _end(self, key: str, turn: str, used: dict[str, int]) -> None:
        self.store.run(settle(turn, self.limits[key], used, self._us))


@pytest.mark.parametrize(
    "hours", [0.5, pytest.param(24, marks=pytest.mark.soak)], ids=["half-an-hour", "a-day"]
)
@pytest.mark.parametrize("short", ["requests", "tokens"])
def test_chatgpt_never_refuses_while_it_enforces_what_it_advertises(
    store: Store, hours: float, short: str
) -> None:
    replay = Replay(store, short)
    replay.run(hours)
    counts = replay.counts
    used = counts["tokens"] / (TPM[short] * 60 * hours)
    asked = counts["granted"] / (RPM * 60 * hours)
    print(f"{hours} h: {dict(counts)}; {used:.0%} of the tokens and {asked:.0%} of the requests")
    assert counts["refused by ChatGPT"] == 0
    assert counts["refused by us"] > counts["granted"]
    assert max(used, asked) > 0.7
