"""A refusal's wait is true: retried exactly then the request passes, and all headers agree."""

from __future__ import annotations

import math
import random
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.keys import form_team, issue

if TYPE_CHECKING:
    import requests

    from proxy.embedded import EmbeddedRedis
    from proxy.store.connection import Store
    from tests.conftest import StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

DICE = random.Random(4)
SHAPES = [(DICE.randint(60, 900), DICE.randint(1, 4)) for _ in range(4)]
"""Requests a minute, and how many at once."""


def refusal(client: Client, **fields: Any) -> requests.Response:
    """Ask until it is refused."""
    for _ in range(100):
        answer = client.chat(**fields)
        if not answer.ok:
            return answer
    raise AssertionError("It was never refused.")


def seconds(duration: str) -> float:
    """A duration as Go writes it."""
    units = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}
    return sum(
        float(number) * units[unit] for number, unit in re.findall(r"([0-9.]+)(ms|h|m|s)", duration)
    )


def assert_headers_agree(refused: requests.Response, name: str, rate: int, burst: int) -> None:
    """All headers tell of the bucket that binds."""
    resource, headers = name.partition("-")[2], refused.headers
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["type"]) == (
        429,
        "rate_limit_exceeded",
        resource,
    )
    wait_ms = int(headers["retry-after-ms"])
    assert int(headers["Retry-After"]) == math.ceil(wait_ms / 1000)
    reset_s = seconds(headers[f"x-ratelimit-reset-{resource}"])
    remaining = int(headers[f"x-ratelimit-remaining-{resource}"])
    assert int(headers[f"x-ratelimit-limit-{resource}"]) == burst
    assert wait_ms / 1000 <= reset_s + 0.001
    assert (burst - remaining - 1) * 60 / rate <= reset_s + 0.002
    assert f'"{name}";q={rate};w=60' in headers["RateLimit-Policy"]
    state = re.search(rf'"{name}";r=(\d+);t=(\d+)', headers["RateLimit"])
    assert state
    assert (int(state[1]), int(state[2])) == (remaining, math.ceil(reset_s - 1e-9))
    assert f"{rate} a minute" in error["message"]


def assert_passes_then(client: Client, refused: requests.Response, **fields: Any) -> None:
    """Asked again when it was told to, the request passes."""
    time.sleep(int(refused.headers["retry-after-ms"]) / 1000)
    again = client.chat(**fields)
    assert again.ok, again.text


@pytest.mark.parametrize(("rpm", "burst"), SHAPES)
def test_requests_of_a_key(
    service: Service, chatgpt: Control, store: Store, rpm: int, burst: int
) -> None:
    client = service.client(issue(store, rpm=rpm, burst=burst, tpm=0)[1])
    refused = refusal(client)
    assert_headers_agree(refused, "key-requests", rpm, burst)
    assert_passes_then(client, refused)


@pytest.mark.parametrize("tpm", [6_000, 11_111])
def test_tokens_of_a_key(service: Service, chatgpt: Control, store: Store, tpm: int) -> None:
    fields = {"max_tokens": tpm // 3}
    used = {"prompt_tokens": 9, "completion_tokens": tpm // 3, "total_tokens": 9 + tpm // 3}
    chatgpt.defaults(usage=used)
    client = service.client(issue(store, tpm=tpm)[1])
    refused = refusal(client, **fields)
    assert_headers_agree(refused, "key-tokens", tpm, tpm)
    assert_passes_then(client, refused, **fields)


@pytest.mark.parametrize("resource", ["requests", "tokens"])
def test_limits_of_a_team(service: Service, chatgpt: Control, store: Store, resource: str) -> None:
    chatgpt.defaults(usage={"prompt_tokens": 9, "completion_tokens": 900, "total_tokens": 909})
    limits = {"requests": {"rpm": 120, "burst": 2}, "tokens": {"tpm": 4_000}}[resource]
    client = service.client(issue(store, tpm=0, rpm=0, team=form_team(store, **limits))[1])
    refused = refusal(client, max_tokens=900)
    rate, burst = (120, 2) if resource == "requests" else (4_000, 4_000)
    assert_headers_agree(refused, f"team-{resource}", rate, burst)
    assert_passes_then(client, refused, max_tokens=900)


def test_the_limit_that_all_share(
    start_service: StartService, own_redis: EmbeddedRedis, own_store: Store, chatgpt: Control
) -> None:
    chatgpt.limits(None, None)
    shared = start_service(REDIS_URL=own_redis.url, PROXY_UPSTREAM_TPM="3000")
    chatgpt.defaults(usage={"prompt_tokens": 9, "completion_tokens": 500, "total_tokens": 509})
    client = shared.client(issue(own_store, rpm=0, tpm=0)[1])
    refused = refusal(client, max_tokens=500)
    assert_headers_agree(refused, "upstream-tokens", 3_000, 3_000)
    assert_passes_then(client, refused, max_tokens=500)


def test_of_two_limits_that_are_short_the_longer_wait_is_told(
    service: Service, chatgpt: Control, store: Store
) -> None:
    team = form_team(store, rpm=30, burst=1)
    client = service.client(issue(store, rpm=600, burst=1, tpm=0, team=team)[1])
    refused = refusal(client)
    assert "of the team" in refused.json()["error"]["message"]
    assert 1_000 < int(refused.headers["retry-after-ms"]) <= 2_000
    assert_passes_then(client, refused)
