"""One turn at a time in a session: what is refused, what goes on, while one runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.keys import issue
from tests.support.simulator import Control
from tests.support.waiting import wait_until
from tests.web.refusals import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.simulator.process import SimulatedChatGPT
    from proxy.store.connection import Store
    from tests.support.service import Client, Service

WHILE_IT_RUNS: dict[str, Callable[[Client, str], requests.Response]] = {
    "chat": lambda api, session: api.chat("Me too", session_id=session),
    "regenerate": lambda api, session: api.post(f"/sessions/{session}/regenerate"),
    "undo": lambda api, session: api.post(f"/sessions/{session}/undo"),
    "read": lambda api, session: api.get(f"/sessions/{session}"),
    "fork": lambda api, session: api.post(f"/sessions/{session}/fork"),
    "patch": lambda api, session: api.request(
        "PATCH", f"/sessions/{session}", json={"title": "Renamed"}
    ),
    "another": lambda api, _: api.chat("Elsewhere"),
}


def during_a_turn(
    api: Client, chatgpt: Control, session: str, act: Callable[[], None]
) -> requests.Response:
    """Do this while ChatGPT writes the session's next answer; that answer."""
    before = chatgpt.stats()["requests"]
    chatgpt.queue(delay_s=2)
    with ThreadPoolExecutor(1) as other:
        running = other.submit(api.chat, "Slowly", session_id=session)
        wait_until(lambda: chatgpt.stats()["requests"] > before, "ChatGPT to have the message")
        act()
        assert not running.done()
        return running.result()


@pytest.fixture(scope="module")
def outcomes(
    service: Service, store: Store, simulator: SimulatedChatGPT
) -> dict[str, requests.Response]:
    """What each verb was answered while a turn ran; `slow` is that turn, `after` the session."""
    api, chatgpt = service.client(issue(store)[1]), Control(simulator.url)
    chatgpt.reset()
    session = api.chat("First").json()["session_id"]
    answers = {}

    def act() -> None:
        answers.update({name: verb(api, session) for name, verb in WHILE_IT_RUNS.items()})

    answers["slow"] = during_a_turn(api, chatgpt, session, act)
    answers["after"] = api.get(f"/sessions/{session}")
    return answers


@pytest.mark.parametrize("verb", ["chat", "regenerate", "undo"])
def test_what_would_change_the_conversation_is_told_to_come_back(
    outcomes: dict[str, requests.Response], verb: str
) -> None:
    refused(outcomes[verb], 409, "session_busy", "session_id")
    assert 1 <= int(outcomes[verb].headers["Retry-After"]) <= 30
    assert 0 < int(outcomes[verb].headers["retry-after-ms"]) <= 30_000


@pytest.mark.parametrize("verb", ["read", "fork", "patch", "another"])
def test_all_else_goes_on(outcomes: dict[str, requests.Response], verb: str) -> None:
    assert outcomes[verb].ok


def test_a_session_shows_no_half_turn(outcomes: dict[str, requests.Response]) -> None:
    assert [turn["message"] for turn in outcomes["read"].json()["turns"]] == ["First"]
    assert outcomes["fork"].json()["turn_count"] == 1


def test_the_turn_that_ran_is_stored_and_nothing_else(
    outcomes: dict[str, requests.Response],
) -> None:
    assert outcomes["slow"].ok
    after = outcomes["after"].json()
    assert [turn["message"] for turn in after["turns"]] == ["First", "Slowly"]
    assert after["title"] == "Renamed"


def test_a_session_that_is_deleted_while_its_turn_runs_stays_deleted(
    api: Client, chatgpt: Control
) -> None:
    session = api.chat("First").json()["session_id"]

    def delete() -> None:
        assert api.request("DELETE", f"/sessions/{session}").status_code == 204

    answer = during_a_turn(api, chatgpt, session, delete)
    refused(answer, 404, "session_not_found", "session_id")
    refused(api.get(f"/sessions/{session}"), 404, "session_not_found", "session_id")
    assert api.get("/sessions").json()["data"] == []


def test_of_two_messages_at_once_one_is_answered(api: Client, chatgpt: Control) -> None:
    session = api.chat("First").json()["session_id"]
    chatgpt.defaults(delay_s=1)
    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(lambda text: api.chat(text, session_id=session), ("A", "B")))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert api.get(f"/sessions/{session}").json()["turn_count"] == 2


def test_of_many_messages_at_once_each_is_answered_whole_or_refused(
    api: Client, chatgpt: Control
) -> None:
    session = api.chat("First").json()["session_id"]
    texts = [f"Text {number}" for number in range(20)]
    with ThreadPoolExecutor(10) as many:
        answers = list(many.map(lambda text: api.chat(text, session_id=session), texts))
    answered = {answer.json()["reply"] for answer in answers if answer.ok}
    stored = api.get(f"/sessions/{session}").json()["turns"][1:]
    assert {turn["reply"] for turn in stored} == answered
    assert [turn["context"]["turns_sent"] for turn in stored] == list(range(1, len(stored) + 1))
    assert {answer.status_code for answer in answers} <= {200, 409}


def test_a_caller_that_goes_away_finds_its_answer_in_the_session(
    api: Client, chatgpt: Control
) -> None:
    session = api.chat("First").json()["session_id"]
    chatgpt.queue(delay_s=1)
    with pytest.raises(requests.ReadTimeout):
        api.post("/chat", json={"message": "Bye", "session_id": session}, timeout=0.3)
    wait_until(
        lambda: api.get(f"/sessions/{session}").json()["turn_count"] == 2, "the turn to be stored"
    )
    assert api.chat("Back", session_id=session).json()["context"]["turns_sent"] == 2


def test_a_busy_session_costs_nothing(service: Service, store: Store, chatgpt: Control) -> None:
    api = service.client(issue(store, rpm=1, burst=5)[1])
    session = api.chat("First").json()["session_id"]
    busy: list[requests.Response] = []
    during_a_turn(api, chatgpt, session, lambda: busy.append(api.chat("No", session_id=session)))
    assert busy[0].headers["x-ratelimit-remaining-requests"] == "3"
