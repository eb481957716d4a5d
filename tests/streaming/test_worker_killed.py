"""The worker that streams is killed: readers are told, sessions are free, nothing is left."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.streaming.listening import Heard, code, resume, stream, turns
from tests.support.reservations import reservations
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.store.connection import Store
    from tests.conftest import NewKey, StartService
    from tests.streaming.listening import Stream
    from tests.support.service import Client
    from tests.support.simulator import Control

STREAMS = 50
LEASE_S = 2
SETTINGS = {"PROXY_TURN_LEASE": str(LEASE_S), "PROXY_GRACEFUL_TIMEOUT": "1"}


class Killed:
    """What was seen of 50 streams whose worker was killed, from a worker that lives."""

    def __init__(self, streams: list[Stream], caller: Client, worker: int) -> None:
        self.caller = caller
        self.sessions = [one.session_id for one in streams]
        self.turns = {one.turn_id for one in streams}
        with ThreadPoolExecutor(STREAMS) as threads:
            readers = [resume(caller, one.turn_id) for one in streams]
            heard = [threads.submit(list, reader) for reader in readers]
            os.kill(worker, signal.SIGKILL)
            self.at = time.monotonic()
            self.heard: list[list[Heard]] = [each.result(60) for each in heard]


@pytest.fixture
def killed(start_service: StartService, chatgpt: Control, new_key: NewKey) -> Iterator[Killed]:
    chatgpt.defaults(total_chars=100_000, chunk_size=10, chunks_per_s=5)
    key = new_key()
    producing, living = start_service(**SETTINGS), start_service(**SETTINGS)
    streams = [stream(producing.client(key), f"Hello {number}") for number in range(STREAMS)]
    for one in streams:
        one.until("delta")
    yield Killed(streams, living.client(key), producing.workers[0])
    for one in streams:
        one.response.close()
    chatgpt.reset()


def reserved(redis_admin: Store, killed: Killed) -> list[bytes]:
    """What the killed turns still hold of their limits."""
    kept = reservations(redis_admin)
    return [key for key in kept if key.decode().rpartition(":")[2] in killed.turns]


def test_its_readers_are_told_in_time_and_in_order(killed: Killed) -> None:
    assert {code(events[-1]) for events in killed.heard} == {"turn_interrupted"}
    assert max(events[-1].at for events in killed.heard) - killed.at <= LEASE_S + 2
    for events in killed.heard:
        assert [event.id for event in events] == sorted({event.id for event in events})


def test_nothing_of_its_turns_is_left(killed: Killed, redis_admin: Store) -> None:
    answers = [killed.caller.get(f"/sessions/{session}") for session in killed.sessions]
    assert not [answer for answer in answers if answer.ok and answer.json()["turns"]]
    wait_until(lambda: not reserved(redis_admin, killed), "the reservations to be gone")


def test_a_session_with_turns_goes_on(
    start_service: StartService, chatgpt: Control, new_key: NewKey
) -> None:
    key = new_key()
    producing, living = start_service(**SETTINGS), start_service(**SETTINGS)
    session = producing.client(key).chat("First").json()["session_id"]
    chatgpt.queue(total_chars=100_000, chunk_size=10, chunks_per_s=5)
    with stream(producing.client(key), "Second", session_id=session) as events:
        events.until("delta")
        producing.kill_worker(producing.workers[0])
    caller = living.client(key)
    wait_until(lambda: caller.chat("Third", session_id=session).ok, "the session to be free")
    assert [turn["message"] for turn in turns(caller, session)] == ["First", "Third"]
