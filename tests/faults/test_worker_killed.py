"""A worker that is killed mid-turn: nothing half done stays, and only its own turns end."""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import psutil
import pytest

from proxy.store import keyspace
from proxy.store.connection import Command, time_us
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.store.connection import Store
    from tests.conftest import NewKey, StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

LEASE_S = 2
TOTAL_S = 3


@pytest.fixture
def service(start_service: StartService) -> Service:
    return start_service(
        PROXY_TURN_LEASE=str(LEASE_S),
        PROXY_UPSTREAM_TOTAL_TIMEOUT=str(TOTAL_S),
        PROXY_GRACEFUL_TIMEOUT="1",
        WEB_CONCURRENCY="2",
    )


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as executor:
        yield executor


class HangingTurn:
    """A turn that waits for ChatGPT in one of the workers."""

    def __init__(self, service: Service, caller: Client, chatgpt: Control, **body: str) -> None:
        chatgpt.queue(delay_s=60)
        waiting = chatgpt.stats()["open_requests"]
        self._service = service
        self._connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        fields = json.dumps({"message": "lost"} | body)
        headers = caller.headers | {"Content-Type": "application/json"}
        self._connection.request("POST", "/chat", fields, headers)
        wait_until(lambda: chatgpt.stats()["open_requests"] > waiting, "the turn to reach ChatGPT")

    @property
    def worker(self) -> int:
        """The process that answers it."""
        _, port = self._connection.sock.getsockname()
        (worker,) = (pid for pid in self._service.workers if port in _peers(pid))
        return worker

    def close(self) -> None:
        self._connection.close()


def _peers(pid: int) -> set[int]:
    """The ports that a process is connected to."""
    return {end.raddr.port for end in psutil.Process(pid).net_connections("tcp") if end.raddr}


def session_keys(redis_admin: Store) -> set[bytes]:
    return redis_admin.run(Command(("KEYS", f"{keyspace.session('*')[0]}"), set))


def replaced(service: Service, killed: int) -> bool:
    """Whether a new worker stands in for the one that was killed."""
    workers = service.workers
    return killed not in workers and len(workers) == 2


def test_its_session_is_free_within_its_lease_and_holds_no_half_turn(
    service: Service, chatgpt: Control, new_key: NewKey, store: Store
) -> None:
    caller = service.client(new_key())
    session_id = caller.chat("before").json()["session_id"]
    with closing(HangingTurn(service, caller, chatgpt, session_id=session_id)) as turn:
        service.kill_worker(turn.worker)
        killed_at = store.run(time_us())
    wait_until(lambda: caller.chat("after", session_id=session_id).ok, "the session to be free")
    assert store.run(time_us()) - killed_at < (LEASE_S + 1) * 1_000_000
    turns = caller.get(f"/sessions/{session_id}").json()["turns"]
    assert [turn["message"] for turn in turns] == ["before", "after"]


def test_a_session_that_never_got_its_first_turn_is_gone(
    service: Service, chatgpt: Control, new_key: NewKey, redis_admin: Store
) -> None:
    before = session_keys(redis_admin)
    caller = service.client(new_key())
    with closing(HangingTurn(service, caller, chatgpt)) as turn:
        assert len(session_keys(redis_admin) - before) == 1
        service.kill_worker(turn.worker)
    wait_until(lambda: session_keys(redis_admin) <= before, "the session to be gone")
    assert caller.get("/sessions").json()["data"] == []


def test_what_it_took_from_its_key_s_limit_comes_back_with_time(
    service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    caller = service.client(new_key(rpm=60, burst=1))
    with closing(HangingTurn(service, caller, chatgpt)) as turn:
        service.kill_worker(turn.worker)
    wait_until(lambda: caller.chat().ok, "the key's next request", seconds=5)


@pytest.mark.soak
def test_a_new_worker_serves_within_two_seconds(start_service: StartService) -> None:
    service = start_service()
    took = []
    for _ in range(20):
        (killed,) = service.workers
        at = time.monotonic()
        service.kill_worker(killed)
        wait_until(lambda: service.client().get("/livez").ok, "a new worker")
        took.append(time.monotonic() - at)
        wait_until(lambda: len(service.workers) == 1, "one worker")
    print(f"\na new worker after {sorted(took)[10]:.2f} s in the median, {max(took):.2f} s at most")
    assert max(took) <= 2


def test_the_other_worker_goes_on_and_a_new_one_comes(
    service: Service, chatgpt: Control, new_key: NewKey, threads: ThreadPoolExecutor
) -> None:
    caller = service.client(new_key())
    with closing(HangingTurn(service, caller, chatgpt)) as turn:
        killed = turn.worker
        (other,) = set(service.workers) - {killed}
        service.kill_worker(killed)
    answers = list(threads.map(lambda _: caller.chat().status_code, range(20)))
    assert answers == [200] * 20
    wait_until(lambda: replaced(service, killed), "a new worker")
    assert other in service.workers
