"""Many conversations through many workers: each holds its own turns, in order, written once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.support.fault_proxy import FaultProxy

if TYPE_CHECKING:
    from proxy.embedded import EmbeddedRedis
    from tests.conftest import NewKey, StartService
    from tests.support.service import Client
    from tests.support.simulator import Control

SESSIONS, TURNS = 50, 20


def converse(caller: Client, name: int) -> str:
    """A conversation of TURNS turns, each on a connection of its own; answers its session's id."""
    session_id = None
    for turn in range(TURNS):
        more: dict[str, str] = {"session_id": session_id} if session_id else {}
        answer = caller.chat(f"{name}/{turn}", **more)
        assert answer.status_code == 200, answer.text
        session_id = answer.json()["session_id"]
    assert session_id
    return str(session_id)


def test_every_session_holds_its_turns_in_order_whatever_else_runs(
    start_service: StartService, chatgpt: Control, new_key: NewKey
) -> None:
    caller = start_service(WEB_CONCURRENCY="4").client(new_key(rpm=0, tpm=0))
    with ThreadPoolExecutor(SESSIONS) as people:
        sessions = list(people.map(lambda name: converse(caller, name), range(SESSIONS)))
    assert len(set(sessions)) == SESSIONS
    for name, session_id in enumerate(sessions):
        turns = caller.get(f"/sessions/{session_id}").json()["turns"]
        asked = [f"{name}/{turn}" for turn in range(TURNS)]
        assert [turn["message"] for turn in turns] == asked
        assert all(message in turn["reply"] for message, turn in zip(asked, turns, strict=True))


def test_a_late_turn_writes_no_more_than_an_early_one(
    redis_server: EmbeddedRedis, start_service: StartService, chatgpt: Control
) -> None:
    with FaultProxy(redis_server.url) as way:
        caller = start_service(REDIS_URL=way.url, PROXY_AUTH="open").client()
        session_id = caller.chat("Hello, here I am.").json()["session_id"]
        written = []
        for _ in range(2, TURNS + 1):
            before = way.sent
            assert caller.chat("Hello, here I am.", session_id=session_id).ok
            written.append(way.sent - before)
    assert written[-1] < 1.2 * written[0]
