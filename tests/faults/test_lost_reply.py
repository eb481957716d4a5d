"""A reply of Redis that gets lost after the deed: nothing is done twice, nothing is kept taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.fault_proxy import FaultProxy
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis
    from tests.conftest import NewKey, StartService
    from tests.support.service import Client
    from tests.support.simulator import Control

OPEN, RESERVE, COMMIT = 1, 2, 3


@pytest.fixture
def way(redis_server: EmbeddedRedis) -> Iterator[FaultProxy]:
    with FaultProxy(redis_server.url) as proxy:
        yield proxy


@pytest.fixture
def caller(
    way: FaultProxy, start_service: StartService, chatgpt: Control, new_key: NewKey
) -> Client:
    service = start_service(REDIS_URL=way.url, PROXY_TURN_LEASE="1")
    return service.client(new_key(rpm=1, burst=10, tpm=0))


def left(caller: Client) -> int:
    """Requests that are left to the key, as a request that takes none is told."""
    return int(caller.post("/chat", json={}).headers["x-ratelimit-remaining-requests"])


@pytest.mark.parametrize("lost", [OPEN, RESERVE], ids=["open", "reserve"])
def test_a_turn_that_could_not_begin_is_not_there_and_costs_nothing(
    way: FaultProxy, caller: Client, lost: int
) -> None:
    session_id = caller.chat("first").json()["session_id"]
    way.swallow(lost)
    answer = caller.chat("second", session_id=session_id)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")
    assert "Retry-After" in answer.headers
    turns = caller.get(f"/sessions/{session_id}").json()["turns"]
    assert len(turns) == 1
    wait_until(lambda: left(caller) == 10 - 1, "what it took to come back")
    wait_until(lambda: caller.chat("third", session_id=session_id).ok, "the session to be free")


def test_a_turn_that_was_answered_is_stored_once_and_charged_once(
    way: FaultProxy, caller: Client
) -> None:
    session_id = caller.chat("first").json()["session_id"]
    way.swallow(COMMIT)
    answer = caller.chat("second", session_id=session_id)
    assert answer.ok
    turns = caller.get(f"/sessions/{session_id}").json()["turns"]
    assert [turn["message"] for turn in turns] == ["first", "second"]
    assert left(caller) == 10 - 2


def test_chatgpt_is_not_asked_when_redis_is_gone(
    way: FaultProxy, caller: Client, chatgpt: Control
) -> None:
    assert caller.chat("first").ok
    way.blackhole = True
    assert caller.chat("second").status_code == 503
    assert chatgpt.stats()["requests"] == 1
