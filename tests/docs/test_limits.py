"""docs/limits.md: the worked example, replayed against the real scripts."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from proxy.domain.limits import Bucket
from proxy.store import buckets, keyspace
from proxy.store.connection import Command
from tests.docs import pages

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
        answer, (balance, wait, full) = store.run(Command(asked.arguments, _as_it_is))
        kept = store.run(Command(("HMGET", keyspace.bucket(bucket), "b", "r"), _as_it_is))
        shown = [answer, balance, *kept, wait, full]
        assert [int(value) for value in shown] == [int(cell.replace(",", "")) for cell in told]


def _as_it_is(reply: Any) -> Any:
    return reply


def _command(verb: str, request: str, bucket: Bucket, cost: int, now: int) -> Command[Any]:
    if verb == "peek":
        return buckets.peek((bucket,), {"tokens": cost}, now)
    count = {"reserve": buckets.reserve, "settle": buckets.settle}[verb]
    return count(request, (bucket,), {"tokens": cost}, now)
