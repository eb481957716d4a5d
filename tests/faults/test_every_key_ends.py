"""Every key in Redis has an end, or is documented to have none: what is forgotten costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxy.store.connection import Command, Store
from tests.faults.endless_keys import endless, permanent
from tests.streaming.listening import cancel, listen, stream
from tests.support.redis_server import RedisServer
from tests.support.service import ADMIN_TOKEN, Service
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.process import SimulatedChatGPT
    from tests.support.service import Client
    from tests.support.simulator import Control

ASKED: dict[str, Any] = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis of the test's own."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def own_admin(own_redis: RedisServer) -> Iterator[Store]:
    with own_redis.admin() as store:
        yield store


@pytest.fixture
def own_service(own_redis: RedisServer, simulator: SimulatedChatGPT) -> Iterator[Service]:
    settings = {"PROXY_ADMIN_TOKEN": ADMIN_TOKEN, "PROXY_TURN_LEASE": "2"}
    with Service(own_redis.url, simulator.url, **settings) as running:
        yield running


def chat_in_all_ways(caller: Client, chatgpt: Control) -> None:
    """Turns whole, streamed, repeated, anew, cancelled, failed, waited for; a session forked."""
    session = caller.chat().json()["session_id"]
    listen(caller, "Go on", session_id=session)
    assert caller.post(f"/sessions/{session}/regenerate", json={}).ok
    assert caller.post(f"/sessions/{session}/fork", json={}).ok
    assert caller.request("PATCH", f"/sessions/{session}", json={"title": "Hello"}).ok
    for streamed in (False, True):
        keyed = {"Idempotency-Key": f"key-{streamed}"}
        for _ in range(2):
            caller.post("/chat", json={"message": "Hello", "stream": streamed}, headers=keyed)
            caller.post("/v1/chat/completions", json=ASKED | {"stream": streamed}, headers=keyed)
    chatgpt.queue(fault="silence", after=2)
    with stream(caller) as events:
        events.until("delta")
        assert cancel(caller, events.turn_id).ok
    chatgpt.queue(status=400)
    assert caller.chat().status_code == 400
    caller.chat(wait=0.2)
    assert caller.request("DELETE", f"/sessions/{session}").ok


def administer(admin: Client) -> str:
    """A team, a key with limits of all kinds, changed, and another revoked; answers the first."""
    assert admin.post("/admin/api/teams", json={"name": "web", "rpm": 60, "tpm": 100_000}).ok
    fields = {"team": "web", "rpm": 600, "max_parallel": 9, "budget_usd": 1, "budget_period": "day"}
    key = admin.post("/admin/api/keys", json={"name": "ada", **fields}).json()
    other = admin.post("/admin/api/keys", json={"name": "bob"}).json()
    assert admin.request("PATCH", f"/admin/api/keys/{key['id']}", json={"rpm": 120}).ok
    assert admin.request("DELETE", f"/admin/api/keys/{other['id']}").ok
    return str(key["key"])


def test_every_key_has_an_end_or_is_documented_to_have_none(
    own_admin: Store, own_service: Service, chatgpt: Control
) -> None:
    chatgpt.limits(requests=1000, tokens=1_000_000)
    caller = own_service.client(administer(own_service.client(ADMIN_TOKEN)))
    token = caller.post("/tokens", json={"user": "eve"}).json()["token"]
    chat_in_all_ways(caller, chatgpt)
    chat_in_all_ways(own_service.client(token), chatgpt)
    chatgpt.queue(fault="silence", after=2)
    with stream(caller) as events:
        events.until("delta")
        own_service.kill_worker(own_service.workers[0])
    wait_until(lambda: caller.chat().ok, "a new worker")
    assert own_admin.run(Command(("DBSIZE",), int)) > 30
    without = endless(own_admin)
    assert {key for key in without if not permanent(key)} == set()
    assert {"cp:keys", "cp:teams", "cp:audit"} <= without
