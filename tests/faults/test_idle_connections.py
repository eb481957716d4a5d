"""Redis closes idle connections and forgets the scripts: nobody notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from tests.faults.fragile import Fragile
    from tests.support.service import Client
    from tests.support.simulator import Control


def messages(caller: Client, session_id: str) -> list[str]:
    turns = caller.get(f"/sessions/{session_id}").json()["turns"]
    return [turn["message"] for turn in turns]


def test_turns_go_on_and_are_counted_exactly(
    fragile: Fragile, chatgpt: Control, threads: ThreadPoolExecutor
) -> None:
    caller = fragile.caller(rpm=1, burst=100, tpm=0)
    assert all(answer.ok for answer in threads.map(lambda _: caller.chat(), range(8)))
    session_id = caller.chat("0").json()["session_id"]
    for number in range(1, 6):
        fragile.forget()
        assert caller.chat(str(number), session_id=session_id).ok
    assert messages(caller, session_id) == ["0", "1", "2", "3", "4", "5"]
    left = caller.post("/chat", json={}).headers["x-ratelimit-remaining-requests"]
    assert int(left) == 100 - 8 - 6


def test_a_stream_goes_on(fragile: Fragile, chatgpt: Control) -> None:
    caller = fragile.service.client()
    chatgpt.queue(text=" ".join(["word"] * 40), chunks_per_s=80)
    answer = caller.request("POST", "/chat", json={"message": "x", "stream": True}, stream=True)
    events = answer.iter_lines()
    assert next(events) == b"id: 1"
    fragile.forget()
    assert b"event: done" in list(events)
