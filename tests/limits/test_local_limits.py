"""The limits in a worker's memory against the scripts in Redis: the same answers, to the bit."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.domain.limits import Bucket
from proxy.domain.local_limits import LocalLimits
from proxy.store import buckets
from proxy.store.buckets import Terms

if TYPE_CHECKING:
    from proxy.store.connection import Store

START_US = 1_800_000_000_000_000
HOUR_MS = 3_600_000
STEPS = st.lists(
    st.tuples(st.integers(0, 90_000_000), st.integers(1, 50), st.integers(0, 90), st.booleans()),
    max_size=12,
)
"""Microseconds that go by, tokens reserved, tokens used, whether it ends before the next one."""


@settings(max_examples=40, deadline=None)
@given(rate=st.integers(1, 100_000), enforced=st.booleans(), steps=STEPS)
def test_a_share_of_all_answers_as_redis_does(
    store: Store, rate: int, enforced: bool, steps: list[tuple[int, int, int, bool]]
) -> None:
    name = secrets.token_hex(8)
    asked = (
        Bucket("key", name, "tokens", rate, 50, enforced=enforced),
        Bucket("key", name, "requests", 7, 3),
        Bucket("key", name, "concurrency", 4, 4),
    )
    local, now = LocalLimits(1, 10), START_US
    terms = Terms(keep_ms=HOUR_MS, lease_ms=HOUR_MS)
    for step, (elapsed, tokens, used, ends) in enumerate(steps):
        now += elapsed
        costs = {"tokens": tokens, "requests": 1, "concurrency": 1}
        said = store.run(buckets.reserve(f"{name}{step}", asked, costs, now, terms=terms))
        answer = local.reserve(asked, costs, now)
        assert (answer.held is not None, answer.balances) == (said.granted, said.balances)
        if answer.held and ends:
            real = {"tokens": used, "requests": 1}
            settled = store.run(buckets.settle(f"{name}{step}", asked, real, now))
            assert local.settle(answer.held, real, now) == settled.balances
