"""Under load from everywhere a limit lets through what it allows, exactly."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from proxy.domain.identifiers import new_turn_id
from proxy.domain.limits import Bucket
from proxy.store import client_keys
from proxy.store.buckets import peek, reserve
from proxy.store.connection import time_us
from proxy.store.packed_limits import MICRO
from tests.store.samples import kept_of
from tests.support.service import ROOT
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.store.connection import Store
    from tests.conftest import NewKey, StartService
    from tests.support.simulator import Control

A_MINUTE, BURST, CLIENTS = 1200, 50, 200
DRAWN = 25
"""Taken in one step before the load begins, so that the bucket is never full under it."""
SECONDS = 10


@contextmanager
def load(port: int, key: str) -> Iterator[subprocess.Popen[str]]:
    """A process whose clients are connected and wait for a line."""
    command = [sys.executable, "-m", "tests.limits.load", str(port), key, str(CLIENTS)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process


def test_four_workers_admit_under_load_what_the_bucket_allows_and_not_one_more(
    start_service: StartService, chatgpt: Control, new_key: NewKey, store: Store
) -> None:
    key = new_key(rpm=A_MINUTE, burst=BURST, tpm=0)
    key_id, _ = client_keys.split(key) or ("", "")
    bucket = Bucket("key", key_id, "requests", A_MINUTE, BURST)
    service = start_service(WEB_CONCURRENCY="4", PROXY_REDIS_TIMEOUT="30")

    with load(service.port, key) as process:
        assert store.run(reserve(new_turn_id(), [bucket], {"requests": DRAWN})).granted
        begun = kept_of(store, bucket)["t"]
        _say(process, "go\n")
        wait_until(lambda: store.run(time_us()) > begun + SECONDS * MICRO, "the load's time")
        left = store.run(peek([bucket], {})).balances[0].remaining
        counts = json.loads(process.communicate()[0])

    kept = kept_of(store, bucket)
    admitted = DRAWN + counts["200"]
    refilled = (kept["t"] - begun) * A_MINUTE // 60
    assert set(counts) == {"200", "429"}
    assert admitted * MICRO == BURST * MICRO + refilled - kept["b"]
    assert kept["b"] >= 0
    assert left <= 1
    assert chatgpt.stats()["requests"] == counts["200"]


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin
    process.stdin.write(line)
    process.stdin.flush()
