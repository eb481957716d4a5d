"""What the limits cost Redis: `python -m bench.limits`, or `make bench`.

The scripts' own time in Redis, as its SLOWLOG measures it, for a request over eight limits: of a
browser user, a key, a team and upstream; with 10 to 1,000,000 other keys in Redis.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from proxy.domain import usage as metrics
from proxy.domain.conversation import Usage
from proxy.domain.identifiers import new_turn_id
from proxy.domain.limits import Bucket, Limits, Room
from proxy.embedded import EmbeddedRedis
from proxy.settings import load
from proxy.store.buckets import Terms, reserve, settle
from proxy.store.connection import Command, Store
from proxy.store.usage import count

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (10, 1_000, 100_000, 1_000_000)
TARGET_US = 60
USED = Usage(300, 120, cached_tokens=100, reasoning_tokens=20)
COSTS = {"requests": 1, "tokens": 500, "concurrency": 1, "usd": 90_000}
AMPLE = Limits(rpm=100_000_000, tpm=900_000_000, max_parallel=100_000)


def eight() -> tuple[Bucket, ...]:
    """The limits of a request: three of its key, three of its team, two of all."""
    upstream = replace(AMPLE, max_parallel=None).buckets("upstream", "openai")
    return (*AMPLE.buckets("key", "k"), *AMPLE.buckets("team", "t"), *upstream)


def terms(*, rooms: bool) -> Terms:
    """With the rooms of a key in a team, or none."""
    if not rooms:
        return Terms()
    return Terms(
        (Room("team", "t", "k", lane="m"), Room("model", "m", "t"), Room("upstream", "openai", "t"))
    )


def counted() -> Any:
    """What usage counts of a request for a key, a team, a user and a model."""
    counts = metrics.asked(USED, 0.001, None, 1.0, 0.3)
    return count(
        [("key", "k"), ("team", "t"), ("user", "u"), ("model", "m")], counts, time.time(), 86_400
    )


def slowlog(store: Store, run: Callable[[int], list[Command[Any]]], times: int) -> list[int]:
    """Microseconds that Redis spent in each script."""
    raw = lambda reply: reply  # noqa: E731
    store.run(Command(("CONFIG", "SET", "slowlog-log-slower-than", 0), raw))
    store.run(Command(("CONFIG", "SET", "slowlog-max-len", 4 * times), raw))
    for number in range(times // 10):
        store.run_all(*run(-number - 1))
    store.run(Command(("SLOWLOG", "RESET"), raw))
    for number in range(times):
        for command in run(number):
            store.run(command)
    entries = store.run(Command(("SLOWLOG", "GET", 4 * times), raw))
    return [entry[2] for entry in reversed(entries) if entry[3][0] == b"EVALSHA"]


def measured(store: Store, times: int, *, rooms: bool) -> tuple[list[int], list[int]]:
    """Microseconds of each reserve and each settle."""
    limits, usage, turns = eight(), counted(), [new_turn_id() for _ in range(2 * times)]

    def turn(number: int) -> list[Command[Any]]:
        name = turns[number]
        return [
            reserve(name, limits, COSTS, terms=terms(rooms=rooms)),
            settle(name, limits, COSTS | {"tokens": 420}, count=usage),
        ]

    spent = slowlog(store, turn, times)
    return spent[0::2], spent[1::2]


def fill(store: Store, size: int) -> None:
    """Let so many other keys be in Redis."""
    text = "for i = 1, ARGV[1] do redis.call('SET', 'other:' .. i, i) end"
    store.run(Command(("EVAL", text, 0, size), lambda _: None))


def figures(spent: list[int]) -> str:
    """Median and 99th percentile."""
    return f"{statistics.median(spent):.0f} / {statistics.quantiles(spent, n=100)[98]:.0f}"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3_000, help="requests measured for each row")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="keys in Redis at the most")
    options = parser.parse_args()
    print("Microseconds of Redis's time, median / 99 %, over eight limits\n")
    print("| other keys in Redis | reserve | reserve, with three rooms | settle, usage counted |")
    print("|---|---|---|---|")
    medians = []
    with EmbeddedRedis() as server:
        environment = {
            "REDIS_URL": server.url,
            "OPENAI_API_KEY": "none",
            "PROXY_REDIS_TIMEOUT": "60",
        }
        store = Store(load(environment))
        for size in (size for size in SIZES if size <= options.most):
            fill(store, size)
            bare, _ = measured(store, options.times, rooms=False)
            roomy, settled = measured(store, options.times, rooms=True)
            medians.append(statistics.median(roomy))
            print(f"| {size:,} | {figures(bare)} | {figures(roomy)} | {figures(settled)} |")
        store.close()
    print(f"\nreserve: {max(medians):.0f} us at the most; the target is below {TARGET_US} us")


if __name__ == "__main__":
    main()
