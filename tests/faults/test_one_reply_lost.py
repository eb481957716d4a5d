"""One reply of Redis is lost at any place of a turn: nothing is done, asked or charged twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.faults.fragile import Fragile
    from tests.support.simulator import Control

TAKEN = 30
"""More requests than a test makes."""


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("place", [1, 2, 3, 4, 5])
def test_a_turn_is_there_once_at_most_and_charged_as_often_as_chatgpt_was_asked(
    fragile: Fragile, chatgpt: Control, place: int, stream: bool
) -> None:
    caller = fragile.caller(rpm=1, burst=TAKEN, tpm=0)
    session_id = caller.chat("first").json()["session_id"]
    fragile.way.swallow(place)
    answer = caller.chat("second", session_id=session_id, stream=stream)
    acknowledged = "event: done" in answer.text if stream else answer.ok
    assert acknowledged or "store_unavailable" in answer.text
    wait_until(lambda: caller.chat("third", session_id=session_id).ok, "the session to be free")
    turns = caller.get(f"/sessions/{session_id}").json()["turns"]
    told = [turn["message"] for turn in turns]
    assert told.count("second") <= 1
    assert told.count("second") == 1 or not acknowledged

    def left() -> int:
        refused = caller.post("/chat", json={})
        return int(refused.headers.get("x-ratelimit-remaining-requests", -1))

    asked = chatgpt.stats()["requests"]
    assert asked <= 3
    wait_until(lambda: left() == TAKEN - asked, "what was taken in vain to come back")
