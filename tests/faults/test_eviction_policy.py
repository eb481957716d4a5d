"""A Redis that may drop keys is named at the start and by /readyz; what it dropped is missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.store import keyspace
from proxy.store.connection import Command, Store
from tests.faults.fragile import begun, refused
from tests.store.samples import exists
from tests.support.waiting import wait_until
from tests.web.refusals import refused as refused_as

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from tests.conftest import StartService
    from tests.support.redis_server import RedisServer
    from tests.support.service import Client
    from tests.support.simulator import Control

TOLD = "it may drop sessions (allkeys-lru): use noeviction"


def policy(admin: Store, name: str) -> None:
    admin.run(Command(("CONFIG", "SET", "maxmemory-policy", name), bool))


def test_the_start_and_readiness_name_it_until_it_is_mended(
    own_redis: RedisServer, start_service: StartService
) -> None:
    with own_redis.admin() as admin:
        policy(admin, "allkeys-lru")
        service = start_service(REDIS_URL=own_redis.url)
        (line,) = [line for line in service.log.splitlines() if TOLD in line]
        assert '"level":"error"' in line
        answer = service.client().get("/readyz")
        assert refused(answer)
        assert TOLD in answer.json()["error"]["message"]
        policy(admin, "noeviction")
        wait_until(lambda: service.client().get("/readyz").ok, "the service to be ready")


def test_a_session_whose_turns_were_dropped_says_so_and_does_not_start_empty(
    store: Store, api: Client, chatgpt: Control
) -> None:
    session_id = api.chat("Remember me.").json()["session_id"]
    meta, turns, _ = keyspace.session(session_id)
    store.run(Command(("DEL", turns), int))
    for answer in (
        api.chat("Who am I?", session_id=session_id),
        api.chat("Who am I?", session_id=session_id, stream=True),
        api.get(f"/sessions/{session_id}"),
        api.post(f"/sessions/{session_id}/undo"),
    ):
        refused_as(answer, 500, "turns_missing", "session_id")
    assert chatgpt.stats()["requests"] == 1
    assert exists(store, meta)
    assert [session["id"] for session in api.get("/sessions").json()["data"]] == [session_id]
    assert api.request("DELETE", f"/sessions/{session_id}").status_code == 204


def test_turns_that_are_dropped_while_one_runs_are_missed_before_it_is_acknowledged(
    store: Store, api: Client, chatgpt: Control, threads: ThreadPoolExecutor
) -> None:
    session_id = api.chat("Remember me.").json()["session_id"]
    chatgpt.queue(delay_s=2)
    body = {"message": "Who am I?", "session_id": session_id}
    late = begun(threads, chatgpt, api, path="/chat", json=body)
    store.run(Command(("DEL", keyspace.session(session_id)[1]), int))
    refused_as(late.result(), 500, "turns_missing", "session_id")
