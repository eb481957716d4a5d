"""A turn costs at most three round trips to Redis, counted on the way there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.settings import LARGEST_LIMIT
from tests.support.fault_proxy import FaultProxy
from tests.support.service import Client, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from tests.conftest import NewKey
    from tests.support.simulator import Control


@pytest.fixture(scope="module")
def way(redis_server: EmbeddedRedis) -> Iterator[FaultProxy]:
    """The way to Redis."""
    with FaultProxy(redis_server.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def counted(way: FaultProxy, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """A service that is connected to Redis and has its scripts there."""
    much = str(LARGEST_LIMIT)
    settings = {"PROXY_AUTH": "open", "PROXY_KEY_RPM": much, "PROXY_KEY_TPM": much}
    with Service(way.url, simulator.url, **settings) as running:
        assert running.client().chat().ok
        yield running


@pytest.fixture
def anybody(counted: Service, chatgpt: Control) -> Client:
    """A caller without a key: nothing is looked up, or cached for some seconds."""
    return counted.client()


def trips(way: FaultProxy, ask: Callable[[], requests.Response], status: int = 200) -> int:
    """Round trips that a request takes; it must be answered with `status`."""
    before = way.round_trips
    answer = ask()
    assert answer.status_code == status, answer.text
    return way.round_trips - before


def test_a_new_session_costs_three(way: FaultProxy, anybody: Client) -> None:
    assert trips(way, anybody.chat) == 3


def test_a_turn_that_follows_costs_three(way: FaultProxy, anybody: Client) -> None:
    session_id = anybody.chat().json()["session_id"]
    for _ in range(3):
        assert trips(way, lambda: anybody.chat(session_id=session_id)) == 3


def test_an_answer_anew_costs_three(way: FaultProxy, anybody: Client) -> None:
    path = f"/sessions/{anybody.chat().json()['session_id']}/regenerate"
    assert trips(way, lambda: anybody.post(path)) == 3


@pytest.mark.parametrize(("failure", "told"), [(400, 400), (401, 502), (500, 502)])
def test_a_turn_that_chatgpt_fails_costs_three(
    way: FaultProxy, anybody: Client, chatgpt: Control, failure: int, told: int
) -> None:
    chatgpt.defaults(status=failure)
    assert trips(way, anybody.chat, told) == 3


def test_a_turn_that_is_refused_by_a_limit_costs_three(
    way: FaultProxy, counted: Service, chatgpt: Control, new_key: NewKey
) -> None:
    caller = counted.client(new_key(rpm=1))
    assert caller.chat().ok
    assert trips(way, caller.chat, 429) == 3


def test_a_turn_that_a_model_refuses_costs_three(way: FaultProxy, anybody: Client) -> None:
    assert trips(way, lambda: anybody.chat(top_k=5), 400) == 3


def test_a_turn_that_nothing_limits_costs_three(
    way: FaultProxy, counted: Service, chatgpt: Control, new_key: NewKey
) -> None:
    caller = counted.client(new_key(rpm=0, tpm=0))
    assert caller.get("/v1/models").ok
    assert trips(way, caller.chat) == 3


def test_a_turn_in_a_session_that_is_not_there_costs_two(way: FaultProxy, anybody: Client) -> None:
    session_id = f"s_{'x' * 22}"
    assert trips(way, lambda: anybody.chat(session_id=session_id), 404) == 2


def test_a_client_key_is_looked_up_once_and_remembered(
    way: FaultProxy, counted: Service, chatgpt: Control, new_key: NewKey
) -> None:
    caller = counted.client(new_key())
    first, *others = [trips(way, caller.chat) for _ in range(4)]
    assert (first, min(others)) == (4, 3)
