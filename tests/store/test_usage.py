"""Usage in Redis: counted with what settles or refuses a request, and read again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.usage import METRICS
from proxy.domain.usage_report import Report, span
from proxy.store import buckets, client_keys, keyspace, usage, usage_reading
from proxy.store.connection import Command
from tests.store.samples import new_bucket

if TYPE_CHECKING:
    from proxy.store.connection import Store

DAY = "2020-03-04"
AT = datetime(2020, 3, 4, 23, 30, tzinfo=UTC).timestamp()
KEEP_S = 100_000
METRIC = st.dictionaries(st.sampled_from(METRICS), st.integers(1, 2**40), min_size=1)


@pytest.fixture
def name() -> str:
    return f"ada-{client_keys.new_id()}"


def settled(
    store: Store, name: str, metrics: dict[str, int], at: float = AT, times: int = 1
) -> None:
    """A request that is reserved once and settled so many times."""
    counted = usage.count([("team", name), ("user", name)], metrics, at, KEEP_S)
    limits, reservation = [new_bucket(60, 60)], client_keys.new_id()
    store.run(buckets.reserve(reservation, limits, {"requests": 1}))
    for _ in range(times):
        store.run(buckets.settle(reservation, limits, {"requests": 1}, count=counted))


def report(store: Store, **asked: str) -> Report:
    fields = {"by": "team", "from": DAY, "to": "2020-03-05", "step": "hour"} | asked
    return usage_reading.read(store, span(fields, AT))


def told(store: Store, name: str, **asked: str) -> list[tuple[str, dict[str, int]]]:
    """Day and hour of each step in which something was used, and what."""
    rows = [row for row in report(store, **asked).rows if row.name == name]
    return [(f"{row.start:%d %H}", row.metrics) for row in rows]


@given(METRIC)
def test_what_is_packed_is_unpacked(metrics: dict[str, int]) -> None:
    assert usage.unpacked(usage.packed(metrics)) == metrics


@given(counts=st.lists(METRIC, min_size=1, max_size=5))
def test_counts_add_up_by_the_hour_and_by_the_day(
    store: Store, counts: list[dict[str, int]]
) -> None:
    name = client_keys.new_id()
    sums: dict[str, int] = {}
    for metrics in counts:
        settled(store, name, metrics)
        sums = {key: sums.get(key, 0) + metrics.get(key, 0) for key in sums | metrics}
    assert told(store, name) == [("04 23", sums)]
    assert told(store, name, step="day") == [("04 00", sums)]


def test_a_request_is_counted_once_however_often_it_is_settled(store: Store, name: str) -> None:
    settled(store, name, {"requests": 1}, times=3)
    assert told(store, name) == [("04 23", {"requests": 1})]


def test_what_was_never_reserved_is_not_counted(store: Store, name: str) -> None:
    counted = usage.count([("team", name)], {"requests": 1}, AT, KEEP_S)
    store.run(buckets.settle(client_keys.new_id(), [], {}, count=counted))
    assert told(store, name) == []


def test_a_refusal_is_counted_and_a_wait_is_not(store: Store, name: str) -> None:
    limits = [new_bucket(1, 1)]
    refusal = usage.count([("team", name)], {"refused": 1}, AT, KEEP_S)
    store.run(buckets.reserve(client_keys.new_id(), limits, {"requests": 1}))
    for wait_ms in (0, 1000, 0):
        terms = buckets.Terms(wait_ms=wait_ms, refusal=refusal)
        store.run(buckets.reserve(client_keys.new_id(), limits, {"requests": 1}, terms=terms))
    assert told(store, name) == [("04 23", {"refused": 2})]


def test_hours_and_days_are_those_of_utc(store: Store, name: str) -> None:
    for later in (0, 1799, 1800, 5400):
        settled(store, name, {"requests": 1}, AT + later)
    one, two = {"requests": 1}, {"requests": 2}
    assert told(store, name) == [("04 23", two), ("05 00", one), ("05 01", one)]
    assert told(store, name, step="day") == [("04 00", two), ("05 00", two)]


def test_what_is_outside_the_span_is_not_told(store: Store, name: str) -> None:
    for later in (0, 1800, 5400):
        settled(store, name, {"requests": 1}, AT + later)
    hour = {"from": "2020-03-05T00:00", "to": "2020-03-05T01:00"}
    assert told(store, name, **hour) == [("05 00", {"requests": 1})]


def test_kinds_are_kept_apart(store: Store, name: str) -> None:
    settled(store, name, {"requests": 1})
    assert told(store, name, by="user") == [("04 23", {"requests": 1})]
    assert told(store, name, by="key") == told(store, name, by="model") == []


def test_a_metric_of_a_newer_version_is_left_out() -> None:
    words = usage.packed({"requests": 3}) + (250 | 7 << 8).to_bytes(8, "little")
    assert usage.unpacked(words) == {"requests": 3}


def test_a_day_is_kept_as_long_as_the_setting_says(store: Store, name: str) -> None:
    settled(store, name, {"requests": 1})
    for key in (keyspace.usage_day("team", name, DAY), keyspace.usage_index("team", DAY)):
        left = store.run(Command(("PTTL", key), int))
        assert KEEP_S * 1000 - 60_000 < left <= KEEP_S * 1000


def test_many_names_over_many_days_are_read_in_small_steps(
    store: Store, redis_admin: Store
) -> None:
    """All that is counted for 120 keys in a month, and no command longer than 20 ms."""
    prefix, days = client_keys.new_id(), [f"2019-05-{day:02}" for day in range(1, 32)]
    names = [f"{prefix}{number}" for number in range(120)]
    _fill(store, names, days, {"requests": 1, "prompt_tokens": 10})
    redis_admin.run(Command(("SLOWLOG", "RESET"), bytes))
    redis_admin.run(Command(("CONFIG", "SET", "slowlog-log-slower-than", 20_000), bytes))
    found = report(store, **{"from": days[0], "to": days[-1], "step": "day"})
    assert redis_admin.run(Command(("SLOWLOG", "LEN"), int)) == 0
    used = found.by_name()
    assert all(used[name] == {"requests": 31, "prompt_tokens": 310} for name in names)
    starts = [(row.start, row.name) for row in found.rows]
    assert starts == sorted(starts)


def _fill(store: Store, names: list[str], days: list[str], metrics: dict[str, int]) -> None:
    commands: list[Command[Any]] = []
    for day in days:
        index = keyspace.usage_index("team", day)
        commands.append(Command(("SADD", index, *names), int))
        for name in names:
            key = keyspace.usage_day("team", name, day)
            commands.append(Command(("HSET", key, "day", usage.packed(metrics)), int))
    for at in range(0, len(commands), 500):
        store.run_all(*commands[at : at + 500])
