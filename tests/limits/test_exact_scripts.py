"""Four processes that hammer one Redis: in no window is more admitted than a limit allows."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import ExitStack
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from proxy.store import client_keys
from proxy.store.buckets import peek
from proxy.store.packed_limits import MICRO
from tests.limits import hammer
from tests.store.samples import kept_of
from tests.support.service import ROOT

if TYPE_CHECKING:
    from proxy.domain.limits import Bucket
    from proxy.embedded import EmbeddedRedis
    from proxy.store.connection import Store

WORKERS = 4
Entry = tuple[int, int, int, int]
"""Redis's time before and after, tokens or requests or places taken, and whether it reserved."""


@pytest.mark.parametrize(
    ("seconds", "least", "demand"),
    [(6, 0.9, 2), pytest.param(60, 0.99, 10, marks=pytest.mark.soak)],
    ids=["short", "long"],
)
def test_no_window_admits_more_than_burst_and_rate_times_time(
    redis_server: EmbeddedRedis, store: Store, seconds: int, least: float, demand: int
) -> None:
    run = client_keys.new_id()
    notes = _hammered(redis_server.url, run, seconds)
    log = sorted((entry for worker in notes for entry in worker.log), key=lambda entry: entry[:2])
    taken: dict[Bucket, list[Entry]] = defaultdict(list)
    for before, after, key, tokens, requests, places in log:
        amounts = {"tokens": tokens, "requests": requests, "concurrency": places}
        for bucket in hammer.buckets(run, key):
            taken[bucket].append((before, after, amounts[bucket.resource], places > 0))

    for bucket, entries in taken.items():
        if bucket.resource == "concurrency":
            assert _most_at_once(entries) <= bucket.burst, bucket
            assert store.run(peek([bucket], {})).balances[0].remaining == bucket.burst, bucket
        else:
            assert _most_in_a_window(entries, bucket.rate) <= bucket.burst, bucket

    (shared,) = (bucket for bucket in taken if bucket.scope == "upstream")
    entries = taken[shared]
    lasted_us = entries[-1][1] - entries[0][0]
    allowed = shared.burst + shared.rate * lasted_us / 60 / MICRO
    admitted = sum(entry[2] for entry in entries)
    asked = sum(worker.asked for worker in notes)
    print(f"{seconds} s: asked {asked}, allowed {allowed:.0f}, admitted {admitted}")
    assert asked > demand * allowed
    assert least * allowed <= admitted
    _assert_kept_is_exact(store, shared, entries)


def _hammered(url: str, run: str, seconds: int) -> list[hammer.Notes]:
    with ExitStack() as started:
        workers = []
        for number in range(WORKERS):
            command = [sys.executable, "-m", "tests.limits.hammer", url, str(number), run]
            process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            workers.append(started.enter_context(process))
        for worker in workers:
            assert worker.stdout
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin
            worker.stdin.write("go\n")
            worker.stdin.flush()
        time.sleep(seconds)  # the length of the load, not a wait for anything
        return [hammer.Notes(**json.loads(worker.communicate()[0])) for worker in workers]


def _most_in_a_window(entries: list[Entry], rate: int) -> float:
    """The most by which a window that ends with a reserve takes more than rate times time."""
    most = over = 0.0
    last = entries[0][0]
    for before, after, amount, reserved in entries:
        over = max(0.0, over - (after - last) * rate / 60 / MICRO) + amount
        last = before
        if reserved:
            most = max(most, over)
    return most


def _most_at_once(entries: list[Entry]) -> int:
    """The most places that surely were taken at once."""
    moments = sorted(
        (after if reserved else before, change) for before, after, change, reserved in entries
    )
    most = taken = 0
    for _, change in moments:
        taken += change
        most = max(most, taken)
    return most


def _assert_kept_is_exact(store: Store, bucket: Bucket, entries: list[Entry]) -> None:
    """The balance is what was there first and gained since, less what was taken."""
    kept = kept_of(store, bucket)
    begun_before, begun_after = entries[0][:2]
    left = bucket.burst * MICRO - sum(entry[2] for entry in entries) * MICRO
    gained = [(kept["t"] - begun) * bucket.rate // 60 for begun in (begun_after, begun_before)]
    assert kept["b"] <= left + gained[1] + 1
    assert left + gained[0] <= kept["b"] or _was_full(bucket, entries)


def _was_full(bucket: Bucket, entries: list[Entry]) -> bool:
    """Whether so little was asked for at times that it may have been full: the rest was lost."""
    nearly, level, was_low = bucket.burst * 0.8, float(bucket.burst), False
    for former, entry in pairwise(entries):
        gained = (entry[0] - former[0]) * bucket.rate / 60 / MICRO
        level = min(bucket.burst, level - former[2] + gained)
        if was_low and level > nearly:
            return True
        was_low = was_low or level < nearly
    return False
