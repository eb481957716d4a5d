"""Redis is killed and stopped again and again under load: what was acknowledged is there once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.faults.fragile import timed

if TYPE_CHECKING:
    from tests.faults.fragile import Fragile
    from tests.support.service import Client
    from tests.support.simulator import Control

FAULTS, PEOPLE = 20, 8


def converse(caller: Client, name: int, stop: threading.Event) -> tuple[str, list[str], float]:
    """A session, the messages that were acknowledged there, and the longest wait for an answer."""
    session_id = caller.chat("begin").json()["session_id"]
    said, slowest, number = ["begin"], 0.0, 0
    while not stop.is_set():
        number += 1
        message = f"{name}/{number}"
        answer, seconds = timed(caller.chat, message, session_id=session_id)
        slowest = max(slowest, seconds)
        assert answer.status_code in {200, 409, 503}, answer.text
        if answer.ok:
            said.append(message)
        else:
            time.sleep(0.05)
    return session_id, said, slowest


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_nothing_that_was_acknowledged_is_lost_or_doubled(
    fragile: Fragile, chatgpt: Control
) -> None:
    caller = fragile.caller(rpm=0, tpm=0)
    stop, recoveries = threading.Event(), []
    with ThreadPoolExecutor(PEOPLE) as people:
        talks = [people.submit(converse, caller, name, stop) for name in range(PEOPLE)]
        try:
            for fault in ("killed", "hung") * FAULTS:
                time.sleep(0.3)
                with getattr(fragile, fault)():
                    time.sleep(0.7)

                recoveries.append(fragile.recovery_s)
        finally:
            stop.set()
        ended = [talk.result() for talk in talks]
    for session_id, said, _ in ended:
        stored = caller.get(f"/sessions/{session_id}?limit=1000").json()["turns"]
        kept = [turn["message"] for turn in stored]
        assert len(kept) == len(set(kept))
        assert [message for message in kept if message in set(said)] == said
        assert all(turn["reply"] for turn in stored)
    slowest = max(wait for *_, wait in ended)
    turns = sum(len(said) for _, said, _ in ended)
    print(f"slowest {slowest:.2f} s, recovery {max(recoveries):.2f} s, {turns} turns")
    assert slowest < 1.1
    assert max(recoveries) < 2
