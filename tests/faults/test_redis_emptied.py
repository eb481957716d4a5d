"""Redis is emptied: what was there is not found, and the limits begin anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.fragile import begun

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from tests.faults.fragile import Fragile
    from tests.support.simulator import Control


def test_old_sessions_are_not_found_and_buckets_are_full(
    fragile: Fragile, chatgpt: Control
) -> None:
    caller = fragile.service.client()
    session_id = caller.chat().json()["session_id"]
    fragile.tell("FLUSHALL")
    for answer in (caller.chat(session_id=session_id), caller.get(f"/sessions/{session_id}")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "session_not_found")
    first = caller.chat()
    assert first.ok
    left = [first.headers[f"x-ratelimit-{of}-requests"] for of in ("limit", "remaining")]
    assert int(left[0]) - int(left[1]) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_a_turn_whose_session_went_meanwhile_is_not_acknowledged(
    fragile: Fragile, chatgpt: Control, threads: ThreadPoolExecutor, stream: bool
) -> None:
    caller = fragile.service.client()
    chatgpt.queue(delay_s=0.5)
    asked = begun(threads, chatgpt, caller, path="/chat", json={"message": "x", "stream": stream})
    fragile.tell("FLUSHALL")
    answer = asked.result()
    assert ("turn_cancelled" if stream else "session_not_found") in answer.text
    assert "event: done" not in answer.text
