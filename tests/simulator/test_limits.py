"""Rate limits are advertised as OpenAI does, and hold when they are enforced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.simulator.limits import go_duration

if TYPE_CHECKING:
    from tests.simulator.caller import Caller
    from tests.support.simulator import Control


def test_what_remains_goes_down_with_each_request(caller: Caller, chatgpt: Control) -> None:
    chatgpt.limits(requests=60, tokens=6_000)
    first, second = (caller.chat(max_completion_tokens=1_000).headers for _ in range(2))
    assert first["x-ratelimit-limit-requests"] == "60"
    assert first["x-ratelimit-remaining-requests"] == "59"
    assert second["x-ratelimit-remaining-requests"] == "58"
    assert int(first["x-ratelimit-remaining-tokens"]) > int(second["x-ratelimit-remaining-tokens"])
    assert float(second["x-ratelimit-reset-tokens"].removesuffix("s")) > 19


def test_advertised_limits_do_not_refuse(caller: Caller, chatgpt: Control) -> None:
    chatgpt.limits(requests=1)
    answers = [caller.chat() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[-1].headers["x-ratelimit-remaining-requests"] == "0"


def test_limits_may_stay_unsaid(caller: Caller, chatgpt: Control) -> None:
    chatgpt.limits()
    assert not [name for name in caller.chat().headers if "ratelimit" in name.lower()]


def test_an_enforced_request_limit_refuses_with_the_wait(caller: Caller, chatgpt: Control) -> None:
    chatgpt.limits(requests=2, enforce=True)
    assert [caller.chat().status_code for _ in range(3)] == [200, 200, 429]
    answer = caller.chat()
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("requests", "rate_limit_exceeded")
    assert "on requests per min (RPM): Limit 2, Used 2, Requested 1" in error["message"]
    assert 29_000 < int(answer.headers["retry-after-ms"]) <= 30_000
    assert answer.headers["retry-after"] == "30"


def test_an_enforced_token_limit_counts_the_answer_asked_for(
    caller: Caller, chatgpt: Control
) -> None:
    chatgpt.limits(tokens=500, enforce=True)
    error = caller.chat(max_completion_tokens=500).json()["error"]
    assert (error["type"], error["code"]) == ("tokens", "rate_limit_exceeded")
    assert caller.chat(max_completion_tokens=400).ok


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0s"),
        (0.0001, "1ms"),
        (0.012, "12ms"),
        (1, "1s"),
        (8.64, "8.64s"),
        (59.9995, "1m0s"),
        (360, "6m0s"),
        (3_600, "1h0m0s"),
        (86_399.5, "23h59m59.5s"),
    ],
)
def test_durations_are_written_as_in_go(seconds: float, written: str) -> None:
    assert go_duration(seconds) == written
