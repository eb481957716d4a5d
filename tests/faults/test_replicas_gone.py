"""No replica takes what a turn must have before it is acknowledged: it is not, until one does."""

from __future__ import annotations

import os
import signal
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests

from proxy.domain.identifiers import new_turn_id
from proxy.settings import load
from proxy.store.connection import Store
from tests.faults.fragile import refused
from tests.streaming.listening import code, kinds, listen
from tests.support.keys import issue
from tests.support.redis_group import Member
from tests.support.service import CANARY, Client, Service
from tests.support.usage import spent
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.process import SimulatedChatGPT
    from tests.support.simulator import Control


@dataclass(frozen=True, slots=True)
class Pair:
    """A master, its only replica, and a service that wants every turn on both."""

    replica: Member
    store: Store
    service: Service

    def caller(self) -> Client:
        """Somebody with a key of their own."""
        return self.service.client(issue(self.store)[1])

    @contextmanager
    def without_replica(self) -> Iterator[None]:
        """The replica hangs."""
        os.kill(self.replica.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.replica.pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def pair(simulator: SimulatedChatGPT) -> Iterator[Pair]:
    with Member() as master, Member("--replicaof", "127.0.0.1", str(master.port)) as replica:
        wait_until(lambda: replica.follows, "the replica to follow")
        settings = load({"REDIS_URL": master.url, "OPENAI_API_KEY": CANARY})
        with (
            closing(Store(settings)) as store,
            Service(master.url, simulator.url, PROXY_REDIS_WAIT_REPLICAS="1") as service,
        ):
            yield Pair(replica, store, service)


def test_a_turn_is_not_acknowledged_and_its_repeat_gets_the_answer(
    pair: Pair, chatgpt: Control
) -> None:
    caller, key = pair.caller(), {"Idempotency-Key": new_turn_id()}
    assert caller.chat().ok
    late: dict[str, Any] = {"json": {"message": "late"}, "headers": key}
    with pair.without_replica():
        assert refused(caller.post("/chat", **late))
        with pytest.raises(requests.Timeout):
            caller.post("/chat", timeout=1, **late)
    reply = caller.post("/chat", **late).json()
    turns = caller.get(f"/sessions/{reply['session_id']}").json()["turns"]
    assert [turn["turn_id"] for turn in turns] == [reply["turn_id"]]
    assert chatgpt.stats()["requests"] == 2
    wait_until(lambda: spent(pair.store, caller)[0] == 2, "both to be counted")


def test_a_stream_ends_with_an_error_and_without_done(pair: Pair, chatgpt: Control) -> None:
    caller = pair.caller()
    with pair.without_replica():
        events = listen(caller)
    assert code(events[-1]) == "store_unavailable"
    assert "done" not in kinds(events)
    assert caller.chat().ok


def test_what_acknowledges_no_turn_does_not_wait(pair: Pair) -> None:
    with pair.without_replica():
        assert pair.caller().post("/sessions", json={}).ok
        assert pair.service.client().get("/readyz").ok
