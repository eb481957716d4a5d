"""Redis is killed or hangs before a request is admitted: it is refused soon, then at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

import pytest

from tests.faults.fragile import STRAY_S, refused, timed
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.faults.fragile import Fragile
    from tests.support.simulator import Control

FAULTS = pytest.mark.parametrize("fault", ["killed", "hung"])
Fault = Literal["killed", "hung"]


@FAULTS
def test_a_turn_is_refused_soon_then_at_once_and_nothing_is_changed(
    fragile: Fragile, chatgpt: Control, fault: Fault
) -> None:
    caller = fragile.caller()
    session_id = caller.chat("before").json()["session_id"]
    with getattr(fragile, fault)():
        first, seconds = timed(caller.chat, "lost", session_id=session_id)
        assert refused(first)
        assert seconds < 1.1 + STRAY_S
        wait_until(lambda: refused(caller.chat()) and fragile.outage, "the outage to be known")
        answers = [timed(caller.chat, "lost", session_id=session_id) for _ in range(20)]
        assert all(refused(answer) for answer, _ in answers)
        assert min(seconds for _, seconds in answers) < 0.1
    assert chatgpt.stats()["requests"] == 1
    wait_until(lambda: caller.get(f"/sessions/{session_id}").ok, "the session to be read again")
    turns = caller.get(f"/sessions/{session_id}").json()["turns"]
    assert [turn["message"] for turn in turns] == ["before"]


@FAULTS
def test_the_process_says_that_it_lives_and_is_not_ready(fragile: Fragile, fault: Fault) -> None:
    anybody = fragile.service.client()
    with getattr(fragile, fault)():
        alive = [timed(anybody.get, "/livez") for _ in range(20)]
        assert all(answer.ok for answer, _ in alive)
        assert min(seconds for _, seconds in alive) < 0.1
        assert refused(anybody.get("/readyz"))


@FAULTS
def test_it_works_again_soon_after_redis_does(
    fragile: Fragile, chatgpt: Control, fault: Fault
) -> None:
    caller = fragile.service.client()
    assert caller.chat().ok
    with getattr(fragile, fault)():
        wait_until(lambda: refused(caller.chat()) and fragile.outage, "the outage to be known")
        if fault == "killed":
            fragile.redis.start()
            fragile.redis.kill()
    back = time.monotonic()
    wait_until(lambda: caller.chat().ok, "a turn", seconds=10)
    assert time.monotonic() - back < 2 + STRAY_S


def test_the_log_tells_when_it_began_and_ended_and_has_no_traceback(
    fragile: Fragile, chatgpt: Control
) -> None:
    caller = fragile.service.client()
    with fragile.killed():
        wait_until(lambda: refused(caller.chat()) and fragile.outage, "the outage to be known")
    log = fragile.service.log
    assert '"event":"redis_gone"' in log
    assert '"event":"redis_back"' in log
    assert "Traceback" not in log
