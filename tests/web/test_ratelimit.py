"""Limits as a caller meets them: headers that are exact, waits that are true."""

from __future__ import annotations

import math
import re
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.limits import Balance, Bucket
from proxy.store import keyspace
from proxy.store.connection import Command
from proxy.web import ratelimit
from tests.support.keys import issue
from tests.support.waiting import wait_until
from tests.web.refusals import refused
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    import requests

    from proxy.domain.limits import Resource, Scope
    from proxy.store.connection import Store
    from tests.conftest import StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

MICROSECONDS = st.integers(0, 10 * 86_400 * 1_000_000)
"""What the scripts tell."""
GO = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


def parsed(duration: str) -> Fraction:
    """Seconds of a duration as Go writes it."""
    if duration.endswith("ms"):
        return Fraction(duration.removesuffix("ms")) / 1000
    match = GO.fullmatch(duration)
    assert match, duration
    hours, minutes, seconds = (Fraction(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def balance(
    scope: Scope = "key", resource: Resource = "requests", remaining: int = 5, full_s: float = 0
) -> Balance:
    return Balance(Bucket(scope, "k", resource, rate=60, burst=10), remaining, 0, full_s)


# Rendered


@given(MICROSECONDS)
def test_a_duration_is_rounded_up_by_less_than_a_millisecond(micros: int) -> None:
    told = parsed(ratelimit.duration(micros / 1_000_000))
    assert 0 <= told - Fraction(micros, 1_000_000) < Fraction(1, 1000)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0s"),
        (0.000001, "1ms"),
        (0.012, "12ms"),
        (0.029, "29ms"),
        (0.9991, "1s"),
        (1.5, "1.5s"),
        (59.9999, "1m0s"),
        (60, "1m0s"),
        (360, "6m0s"),
        (3_600, "1h0m0s"),
        (90_061.001, "25h1m1.001s"),
    ],
)
def test_a_duration_is_written_as_go_writes_it(seconds: float, written: str) -> None:
    assert ratelimit.duration(seconds) == written


@given(MICROSECONDS)
def test_a_wait_is_told_in_whole_units_that_are_not_too_short(micros: int) -> None:
    told = ratelimit.retry(micros / 1_000_000, should_retry=None)
    assert told.keys() == {"Retry-After", "retry-after-ms"}
    assert int(told["retry-after-ms"]) == math.ceil(Fraction(micros, 1000))
    assert int(told["Retry-After"]) == math.ceil(Fraction(micros, 1_000_000))


@pytest.mark.parametrize(("should", "told"), [(True, "true"), (False, "false")])
def test_whether_a_retry_makes_sense_is_told_where_it_is_known(should: bool, told: str) -> None:
    assert ratelimit.retry(None, should_retry=should) == {"x-should-retry": told}
    assert ratelimit.retry(None, should_retry=None) == {}


def test_a_shadow_limit_is_told_apart_and_below_zero() -> None:
    shadow = Bucket("team", "t", "tokens", 2_000_000, 2_000_000, enforced=False)
    money = Bucket("key", "k", "usd", 2_500_000_000, 2_500_000_000, "day", enforced=False)
    told = [Balance(shadow, 0, 1.5, 61.2, 1_000.5), Balance(money, 500_000_000, 0, 3600)]
    assert ratelimit.headers(told) == {
        "x-ratelimit-shadow": '"team-tokens";q=2000000;r=-1000.5;t=62, "key-usd";q=2.5;r=0.5;t=3600'
    }


def test_a_shadow_limit_refuses_nobody(service: Service, chatgpt: Control, store: Store) -> None:
    _, token = issue(store, rpm=1, shadow=True)
    answers = [service.client(token).chat() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert '"key-requests";q=1;r=-1;t=120' in answers[-1].headers["x-ratelimit-shadow"]
    assert "key-requests" not in answers[-1].headers["RateLimit-Policy"]


def test_the_bucket_that_runs_out_first_is_told() -> None:
    rendered = ratelimit.headers(
        [
            balance("key", remaining=7, full_s=3),
            balance("upstream", remaining=2, full_s=8.2),
            balance("key", "tokens", remaining=9, full_s=0.5),
        ]
    )
    assert rendered == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "8.2s",
        "x-ratelimit-limit-tokens": "10",
        "x-ratelimit-remaining-tokens": "9",
        "x-ratelimit-reset-tokens": "500ms",
        "RateLimit-Policy": '"upstream-requests";q=60;w=60, "key-tokens";q=60;w=60',
        "RateLimit": '"upstream-requests";r=2;t=9, "key-tokens";r=9;t=1',
    }


def test_nothing_is_told_where_nothing_limits() -> None:
    assert ratelimit.headers([]) == {}


# Live


def limited(service: Service, store: Store, **limits: int) -> Client:
    return service.client(issue(store, **limits)[1])


def remaining(answer: requests.Response, resource: str = "requests") -> int:
    return int(answer.headers[f"x-ratelimit-remaining-{resource}"])


@pytest.fixture
def five(service: Service, store: Store, chatgpt: Control) -> Client:
    """A caller with five requests, and no new one within the minute."""
    return limited(service, store, rpm=1, burst=5, tpm=0)


def test_each_request_is_one_less(five: Client) -> None:
    answers = [five.chat() for _ in range(5)]
    assert [remaining(answer) for answer in answers] == [4, 3, 2, 1, 0]
    assert {answer.headers["x-ratelimit-limit-requests"] for answer in answers} == {"5"}


def test_a_request_too_many_is_refused_with_its_wait(five: Client) -> None:
    for _ in range(5):
        assert five.chat().ok
    answer = five.chat()
    error = refused(answer, 429, "rate_limit_exceeded")
    assert error["type"] == "requests"
    assert "requests of this client key: 1 a minute, 5 at once" in error["message"]
    milliseconds = int(answer.headers["retry-after-ms"])
    assert int(answer.headers["Retry-After"]) == math.ceil(milliseconds / 1000)
    assert 50_000 < milliseconds <= 60_000


def test_a_refused_request_takes_nothing_asks_nobody_and_stores_nothing(
    five: Client, chatgpt: Control
) -> None:
    session = five.chat().json()["session_id"]
    for _ in range(4):
        five.chat("More", session_id=session)
    waits = [int(five.chat("No", session_id=session).headers["retry-after-ms"]) for _ in range(3)]
    assert waits == sorted(waits, reverse=True)
    assert chatgpt.stats()["requests"] == 5
    assert five.get(f"/sessions/{session}").json()["turn_count"] == 5


def test_a_refused_first_message_leaves_no_session(five: Client) -> None:
    for _ in range(7):
        five.chat()
    assert len(five.get("/sessions").json()["data"]) == 5


def test_after_the_wait_the_same_request_passes_and_not_before(
    service: Service, store: Store, chatgpt: Control
) -> None:
    api = limited(service, store, rpm=60, burst=1, tpm=0)
    assert api.chat().ok
    asked = time.monotonic()
    wait_s = int(api.chat().headers["retry-after-ms"]) / 1000
    wait_until(lambda: api.chat().ok, "the request to pass")
    assert time.monotonic() - asked >= wait_s - 0.001


@pytest.mark.parametrize("fields", [{"message": ""}, {"top_k": 5}, {"session_id": "s_x"}])
def test_a_request_that_is_refused_otherwise_is_free(five: Client, fields: dict[str, Any]) -> None:
    answer = five.chat(**{"message": "Hello"} | fields)
    assert not answer.ok
    assert remaining(answer) == 5


def test_tokens_are_charged_as_chatgpt_reports_them(
    service: Service, store: Store, chatgpt: Control
) -> None:
    chatgpt.queue(usage={"prompt_tokens": 300, "completion_tokens": 100, "total_tokens": 400})
    api = limited(service, store, rpm=0, tpm=600)
    began = time.monotonic()
    left = remaining(api.chat(), "tokens")
    gained = 10 * (time.monotonic() - began)
    assert 200 <= left <= 200 + gained


def test_a_debt_of_tokens_is_waited_for(service: Service, store: Store, chatgpt: Control) -> None:
    chatgpt.queue(usage={"prompt_tokens": 1_000, "completion_tokens": 800, "total_tokens": 1_800})
    api = limited(service, store, rpm=0, tpm=600)
    assert remaining(api.chat(), "tokens") == 0
    answer = api.chat(max_tokens=100)
    assert refused(answer, 429, "rate_limit_exceeded")["type"] == "tokens"
    assert 120 <= int(answer.headers["Retry-After"]) <= 140
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"max_tokens": 100}, "max_tokens"), ({"message": "word " * 100}, "message")],
)
def test_a_request_that_can_never_pass_is_the_caller_s_to_change(
    service: Service, store: Store, chatgpt: Control, fields: dict[str, Any], param: str
) -> None:
    api = limited(service, store, tpm=50)
    refused(api.chat(**{"message": "Hello"} | fields), 400, "invalid_request", param)
    assert chatgpt.requests() == []


def test_a_limit_of_0_is_none_and_tells_nothing(
    service: Service, store: Store, chatgpt: Control
) -> None:
    chatgpt.limits()
    free = limited(service, store, rpm=0, tpm=0).chat(model="gpt-5.5").headers
    half = limited(service, store, rpm=0).chat(model="gpt-5.5").headers
    assert not [name for name in free if "ratelimit" in name.lower()]
    assert "x-ratelimit-limit-tokens" in half
    assert "x-ratelimit-limit-requests" not in half


def test_a_key_without_limits_of_its_own_has_the_service_s(api: Client) -> None:
    headers = api.chat().headers
    assert headers["x-ratelimit-limit-requests"] == "600"
    assert headers["x-ratelimit-limit-tokens"] == "200000"
    assert '"key-requests";q=600;w=60' in headers["RateLimit-Policy"]


def test_all_keys_share_what_chatgpt_allows(
    start_service: StartService, store: Store, chatgpt: Control
) -> None:
    whole = keyspace.limits(Bucket("upstream", keyspace.UPSTREAM, "requests", 2, 2))
    store.run(Command(("DEL", whole), int))
    service = start_service(PROXY_UPSTREAM_RPM="2", **QUICK_STOP)
    answers = [service.client(issue(store)[1]).chat() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "the service as a whole" in answers[2].json()["error"]["message"]
    store.run(Command(("DEL", whole), int))
