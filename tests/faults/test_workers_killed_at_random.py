"""Workers are killed again and again under conversations: what was acknowledged is there, once."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests

from proxy.domain.limits import Bucket
from proxy.store.buckets import peek
from tests.streaming.listening import stream
from tests.support.keys import issue
from tests.support.reservations import reservations
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.conftest import StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

PEOPLE = 32
PLACES = 100
LEASE_S = 2
BETWEEN = 8
"""So many turns are acknowledged between two kills."""
MAY_FAIL = {409, 502, 503}
"""What a request may be told while workers die; anything else is a defect."""


@dataclass
class Person:
    """Somebody who asks one question after the other, and asks again what failed.

    Attributes:
        keyed: whether repeats carry the idempotency key of the first attempt.
        streamed: whether the answers are streams.
        acknowledged: question and reply of each turn that was answered to its end, in order.
        asked: every message that was ever sent.
    """

    caller: Client
    name: int
    session_id: str | None = None
    acknowledged: list[tuple[str, str]] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    @property
    def keyed(self) -> bool:
        return self.name % 2 == 0

    @property
    def streamed(self) -> bool:
        return self.name % 4 >= 2

    def converse(self, enough: threading.Event) -> None:
        while not enough.is_set():
            turn, attempt = len(self.acknowledged), 0
            while not self._ask(turn, attempt):
                attempt += 1
                time.sleep(0.05)

    def _ask(self, turn: int, attempt: int) -> bool:
        """Ask once; answers whether it was acknowledged."""
        message = f"{self.name}/{turn}" if self.keyed else f"{self.name}/{turn}/{attempt}"
        self.asked.add(message)
        fields: dict[str, Any] = {"session_id": self.session_id} if self.session_id else {}
        headers = {"Idempotency-Key": f"{self.name}-{turn}"} if self.keyed else {}
        caller = type(self.caller)(self.caller.url, None)
        caller.headers = self.caller.headers | headers
        ask = _streamed if self.streamed else _whole
        try:
            told = ask(caller, message, fields)
        except (requests.RequestException, AssertionError):
            return False  # the connection broke, or the stream within an event
        if told is None:
            return False
        self.session_id = told["session_id"]
        self.acknowledged.append((message, told["reply"]))
        return True


def _streamed(caller: Client, message: str, fields: dict[str, Any]) -> dict[str, Any] | None:
    """The reply that ends the stream, if one does."""
    with stream(caller, message, **fields) as events:
        if not _granted(events.status):
            return None
        return next((event.data for event in events if event.kind == "done"), None)


def _whole(caller: Client, message: str, fields: dict[str, Any]) -> dict[str, Any] | None:
    answer = caller.chat(message, **fields)
    return dict(answer.json()) if _granted(answer.status_code) else None


def _granted(status: int) -> bool:
    if status != 200 and status not in MAY_FAIL:
        raise ValueError(f"a request was told {status}")
    return status == 200


def places(store: Store, key_id: str) -> int:
    """How many places in flight a key has left."""
    bucket = Bucket("key", key_id, "concurrency", PLACES, PLACES)
    return store.run(peek([bucket], {})).balances[0].remaining


def kill_again_and_again(service: Service, people: list[Person], kills: int) -> None:
    """Kill workers one after the other, while all others are well."""

    def acknowledged() -> int:
        return sum(len(person.acknowledged) for person in people)

    for _ in range(kills):
        before = acknowledged()
        wait_until(lambda before=before: acknowledged() >= before + BETWEEN, "turns", 60)  # type: ignore[misc]
        service.kill_worker(random.choice(service.workers))


def killed_under_conversations(
    service: Service, chatgpt: Control, caller: Client, kills: int
) -> list[Person]:
    chatgpt.defaults(delay_s=0.02, chunks_per_s=100)
    people = [Person(caller, name) for name in range(PEOPLE)]
    enough = threading.Event()
    with ThreadPoolExecutor(PEOPLE) as threads:
        talks = [threads.submit(person.converse, enough) for person in people]
        try:
            kill_again_and_again(service, people, kills)
        finally:
            enough.set()
        for talk in talks:
            talk.result()
    return people


def check(person: Person, turns: list[dict[str, Any]]) -> None:
    """What was acknowledged is there, once and in order; nothing is there in halves."""
    stored = [(turn["message"], turn["reply"]) for turn in turns]
    assert [turn for turn in stored if turn in person.acknowledged] == person.acknowledged
    assert len({message for message, _ in stored}) == len(stored)
    if person.keyed:
        assert stored == person.acknowledged
    for turn in turns:
        assert turn["message"] in person.asked
        assert turn["finish_reason"] == "stop"
        assert turn["reply"].endswith(f'"{turn["message"]}"')


@pytest.mark.parametrize(
    "kills",
    [6, pytest.param(200, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])],
)
def test_no_acknowledged_turn_is_lost_doubled_or_halved(
    start_service: StartService, chatgpt: Control, store: Store, redis_admin: Store, kills: int
) -> None:
    before = reservations(redis_admin)
    service = start_service(
        WEB_CONCURRENCY="3", PROXY_TURN_LEASE=str(LEASE_S), PROXY_GRACEFUL_TIMEOUT="2"
    )
    key, token = issue(store, rpm=0, tpm=0, max_parallel=PLACES)
    caller = service.client(token)
    people = killed_under_conversations(service, chatgpt, caller, kills)
    for person in people:
        answer = caller.get(f"/sessions/{person.session_id}?limit=1000")
        check(person, answer.json()["turns"])
    wait_until(lambda: reservations(redis_admin) <= before, "every reservation to be given back")
    wait_until(lambda: places(store, key.id) == PLACES, "every place to be given back")
    told = sum(len(person.acknowledged) for person in people)
    print(f"\n{kills} kills, {told} turns acknowledged, none lost, doubled or halved")
    assert told >= kills * BETWEEN
