"""What the limits cost Redis: `python -m bench.limits`, or `make bench`.

The scripts' own time in Redis, as its SLOWLOG measures it, for a request over eight limits: of a
browser user, a key, a team and upstream; with 10 to 1,000,000 other keys in Redis.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace
from typing import Any

from proxy.domain import usage as metrics
from proxy.domain.conversation import Usage
from proxy.domain.identifiers import new_turn_id
from proxy.domain.limits import Bucket, Limits, Room
from proxy.embedded import EmbeddedRedis
from proxy.settings import load
from proxy.store.buckets import Terms, reserve, settle
from proxy.store.connection import Command, Store
from proxy.store.usage import count

SIZES = (10, 1_000, 100_000, 1_000_000)
TARGET_US = 60
ROUNDS = 5
BUSY = 50
"""Requests that wait for Redis at once where it is busy; where it is not, it wakes up for each,
with cold caches."""
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


def slowlog(store: Store, batches: list[list[Command[Any]]]) -> list[int]:
    """Microseconds that Redis spent in each script; a batch is sent at once."""
    spent: list[int] = []
    for batch in batches:
        store.run(Command(("SLOWLOG", "RESET"), _raw))
        store.run_all(*batch)
        entries = store.run(Command(("SLOWLOG", "GET", len(batch) + 1), _raw))
        spent += [entry[2] for entry in reversed(entries) if entry[3][0] == b"EVALSHA"]
    return spent


def _raw(reply: Any) -> Any:
    return reply


def measured(
    store: Store, times: int, *, rooms: bool, at_once: int = BUSY
) -> tuple[list[int], list[int]]:
    """Microseconds of each reserve and each settle; so many come at once."""
    limits, usage, asked = eight(), counted(), terms(rooms=rooms)
    reserves, settles = [], []
    for _ in range(times // at_once):
        turns = [new_turn_id() for _ in range(at_once)]
        reserves.append([reserve(turn, limits, COSTS, terms=asked) for turn in turns])
        used = COSTS | {"tokens": 420}
        settles.append([settle(turn, limits, used, count=usage) for turn in turns])
    batches = [batch for pair in zip(reserves, settles, strict=True) for batch in pair]
    slowlog(store, batches[:10])
    spent = slowlog(store, batches[10:])
    return (
        [us for at, us in enumerate(spent) if at // at_once % 2 == 0],
        [us for at, us in enumerate(spent) if at // at_once % 2],
    )


def least_of(store: Store, times: int) -> list[list[int]]:
    """Of each kind the quickest of several rounds, by its median: what disturbs only adds."""
    rounds = []
    for _ in range(ROUNDS):
        bare, _ = measured(store, times, rooms=False)
        roomy, settled = measured(store, times, rooms=True)
        idle, _ = measured(store, times, rooms=True, at_once=1)
        rounds.append((bare, roomy, idle, settled))
    return [min(kind, key=statistics.median) for kind in zip(*rounds, strict=True)]


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
    parser.add_argument("--quick", action="store_true", help="only to see that it runs")
    options = parser.parse_args()
    if options.quick:
        options.times, options.most = 600, SIZES[0]
    print("Microseconds of Redis's time, median / 99 %, over eight limits, the best of rounds\n")
    print("| other keys | reserve | with three rooms | one at a time | settle, usage counted |")
    print("|---|---|---|---|---|")
    medians = []
    with EmbeddedRedis() as server:
        environment = {
            "REDIS_URL": server.url,
            "OPENAI_API_KEY": "none",
            "PROXY_REDIS_TIMEOUT": "60",
        }
        store = Store(load(environment))
        store.run(Command(("CONFIG", "SET", "slowlog-log-slower-than", 0), _raw))
        for size in (size for size in SIZES if size <= options.most):
            fill(store, size)
            bare, roomy, idle, settled = least_of(store, options.times)
            medians.append(statistics.median(idle))
            row = " | ".join(map(figures, (bare, roomy, idle, settled)))
            print(f"| {size:,} | {row} |", flush=True)
        store.close()
    most = max(medians)
    print(
        f"\nreserve, one at a time: {most:.0f} us at the most; the target is below {TARGET_US} us"
    )


if __name__ == "__main__":
    main()
