"""Redis with an append-only file is killed: what was acknowledged is there again (trap 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.fragile import Fragile
    from tests.support.simulator import Control


def test_every_acknowledged_turn_is_there_after_each_kill(
    fragile: Fragile, chatgpt: Control
) -> None:
    caller = fragile.service.client()
    session_id = caller.chat("0").json()["session_id"]
    said = ["0"]
    for number in range(1, 4):
        for part in "abcde":
            said.append(f"{number}{part}")
            assert caller.chat(said[-1], session_id=session_id).ok
        with fragile.killed():
            pass
        turns = caller.get(f"/sessions/{session_id}").json()["turns"]
        assert [turn["message"] for turn in turns] == said
