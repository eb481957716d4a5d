"""Two services of two workers each, three levels of limits, random costs: nothing too much."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from proxy.domain.limits import Bucket
from proxy.store.buckets import peek
from proxy.store.connection import Store, time_us
from proxy.store.packed_limits import MICRO
from tests.limits.mixed_load import Answers
from tests.store.samples import kept_of
from tests.support.keys import form_team, issue
from tests.support.redis_server import RedisServer
from tests.support.service import ROOT
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import StartService
    from tests.support.simulator import Control

UPSTREAM_TPM, UPSTREAM_RPM = 30_000, 600
TEAM_TPM, KEY_RPM, KEY_BURST = 12_000, 120, 6


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis of the test's own: the upstream's limits have one name in each."""
    with RedisServer() as server:
        yield server


@pytest.mark.parametrize(
    "seconds", [8, pytest.param(60, marks=pytest.mark.soak)], ids=["short", "long"]
)
def test_two_hosts_admit_what_three_levels_of_limits_allow(
    own_redis: RedisServer,
    own_store: Store,
    start_service: StartService,
    chatgpt: Control,
    seconds: int,
) -> None:
    chatgpt.limits(None, None)
    store = own_store
    teams = [form_team(store, tpm=TEAM_TPM, max_parallel=20) for _ in range(2)]
    limits = {"rpm": KEY_RPM, "burst": KEY_BURST, "tpm": 20_000, "max_parallel": 4}
    issued = [issue(store, team=team, **limits) for team in teams for _ in range(3)]
    settings = {
        "REDIS_URL": own_redis.url,
        "WEB_CONCURRENCY": "2",
        "PROXY_REDIS_TIMEOUT": "30",
        "PROXY_UPSTREAM_TPM": str(UPSTREAM_TPM),
        "PROXY_UPSTREAM_RPM": str(UPSTREAM_RPM),
    }
    ports = [start_service(**settings).port for _ in range(2)]

    begun = store.run(time_us())
    answers = _answers(store, ports, [token for _, token in issued], seconds)
    lasted_us = store.run(time_us()) - begun

    granted = sum(told.granted for told in answers.values())
    refused = sum(told.refused for told in answers.values())
    tokens = sum(told.tokens for told in answers.values())
    print(f"{seconds} s: {granted} granted, {refused} refused, {tokens} tokens")
    assert not any(told.others for told in answers.values())
    assert refused > 10 * granted
    assert chatgpt.stats()["requests"] == granted

    for key, token in issued:
        told, minutes = answers[token], lasted_us / MICRO / 60
        assert told.granted <= KEY_BURST + KEY_RPM * minutes
        bucket = Bucket("key", key.id, "requests", KEY_RPM, KEY_BURST)
        left = store.run(peek([bucket], {})).balances[0].remaining
        assert left <= KEY_BURST
        places = Bucket("key", key.id, "concurrency", 4, 4)
        assert store.run(peek([places], {})).balances[0].remaining == 4
    for team in teams:
        places = Bucket("team", team, "concurrency", 20, 20)
        assert store.run(peek([places], {})).balances[0].remaining == 20
        mine = sum(answers[token].tokens for key, token in issued if key.team == team)
        _assert_settled(store, Bucket("team", team, "tokens", TEAM_TPM, TEAM_TPM), mine, begun)
    for resource, rate, amount in (
        ("tokens", UPSTREAM_TPM, tokens),
        ("requests", UPSTREAM_RPM, granted),
    ):
        shared = Bucket("upstream", "openai", resource, rate, rate)  # type: ignore[arg-type]
        _assert_settled(store, shared, amount, begun)


def _assert_settled(store: Store, bucket: Bucket, used: int, begun: int) -> None:
    """What is kept of the bucket is its burst, what it gained since, less what was really used."""
    kept = kept_of(store, bucket)
    full = bucket.burst * MICRO
    assert kept["b"] <= full - used * MICRO + (kept["t"] - begun) * bucket.rate // 60
    assert kept["b"] >= min(0, full - used * MICRO)


def _answers(store: Store, ports: list[int], keys: list[str], seconds: int) -> dict[str, Answers]:
    """What the keys are answered under load for so long."""
    command = [sys.executable, "-m", "tests.limits.mixed_load", ",".join(map(str, ports))]
    with subprocess.Popen(
        [*command, ",".join(keys), "4"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        end = store.run(time_us()) + seconds * MICRO
        process.stdin.write("go\n")
        process.stdin.flush()
        wait_until(lambda: store.run(time_us()) > end, "the load's time", seconds * 3)
        told = json.loads(process.communicate()[0])
    return {key: Answers(**counts) for key, counts in told.items()}
