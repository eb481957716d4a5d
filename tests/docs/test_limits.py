"""docs/limits.md: the worked example, replayed against the real scripts."""

from __future__ import annotations

import secrets
import struct
from typing import TYPE_CHECKING, Any

from proxy.domain.limits import Bucket, Room
from proxy.store import buckets
from proxy.store.connection import Command
from tests.docs import pages
from tests.store.samples import kept_of

if TYPE_CHECKING:
    from proxy.store.connection import Store

START_US = 1_800_000_000_000_000


def test_the_worked_example_is_what_the_scripts_do(store: Store) -> None:
    bucket = Bucket("key", secrets.token_hex(8), "tokens", rate=7, burst=5)
    rows = pages.rows("docs/limits.md", "Second")
    assert len(rows) == 8
    for second, call, cost, *told in rows:
        verb, _, request = call.partition(" ")
        now = START_US + int(second) * 1_000_000
        asked = _command(verb, bucket.id + request, bucket, int(cost), now)
        answer, report, *_ = store.run(Command(asked.arguments, _as_it_is))
        balance, wait, full, _, _ = struct.unpack("=5d", report)
        kept = kept_of(store, bucket)
        shown = [answer, balance, kept["b"], kept["r"], wait, full]
        assert [int(value) for value in shown] == [int(cell.replace(",", "")) for cell in told]


def test_the_example_of_who_goes_next_is_what_the_scripts_do(store: Store) -> None:
    bucket = Bucket("upstream", secrets.token_hex(8), "requests", rate=60, burst=60)
    store.run(buckets.reserve(bucket.id, (bucket,), {"requests": 60}, START_US))
    left, weights = {"A": 3, "B": 2, "C": 1}, {"A": 1, "B": 2, "C": 1}

    def goes(flow: str, now: int) -> bool:
        room = Room(bucket.scope, bucket.id, flow, weights[flow])
        terms = buckets.Terms((room,), wait_ms=2_000, more=left[flow] > 1)
        name = f"{bucket.id}{flow}{left[flow]}"
        asked = buckets.reserve(name, (bucket,), {"requests": 1}, now, terms=terms)
        return store.run(asked).granted

    assert [goes(flow, START_US) for flow in "CBA"] == [False] * 3
    for moment, waiting, told in pages.rows("docs/limits.md", "Moment"):
        now = START_US + int(moment) * 1_000_000
        waits = sorted(flow for flow, count in left.items() if count)
        assert waits == [said.split()[0] for said in waiting.split(", ")]
        went = [flow for flow in reversed(waits) if goes(flow, now)]
        assert went == [told[0]]
        left[told[0]] -= 1
    assert not any(left.values())


def _as_it_is(reply: Any) -> Any:
    return reply


def _command(verb: str, request: str, bucket: Bucket, cost: int, now: int) -> Command[Any]:
    if verb == "peek":
        return buckets.peek((bucket,), {"tokens": cost}, now)
    if verb == "reserve":
        return buckets.reserve(request, (bucket,), {"tokens": cost}, now)
    return buckets.settle(request, (bucket,), {"tokens": cost}, now)
