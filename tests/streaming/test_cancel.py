"""A turn is stopped by whoever may, from any worker, within a second; what was written stays."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.streaming.listening import (
    Stream,
    cancel,
    code,
    kinds,
    listen,
    listen_again,
    stream,
    turns,
    words,
)
from tests.support.usage import about, spent
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.conftest import NewKey
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

STORY = "Once upon a time there was a proxy that never slept"
SLOWLY = {"text": STORY, "fault": "silence", "after": 3}
"""Two words, and then nothing more."""


@pytest.mark.parametrize("where", ["api", "elsewhere"])
def test_a_turn_is_stopped_within_a_second_from_any_worker(
    request: pytest.FixtureRequest, api: Client, chatgpt: Control, where: str
) -> None:
    canceller: Client = request.getfixturevalue(where)
    chatgpt.queue(**SLOWLY)
    with stream(api) as events:
        events.until("delta")
        asked = time.monotonic()
        answer = cancel(canceller, events.turn_id)
        ended = events.until("error")
    wait_until(lambda: not chatgpt.stats()["open_streams"], "ChatGPT to be left", 1)
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
    assert code(ended) == "turn_cancelled"
    assert ended.at - asked < 1


def test_what_was_written_is_stored_as_cancelled(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(**SLOWLY)
    heard = cancelled_after_two_words(api)
    (turn,) = turns(api, heard.session_id)
    assert turn["reply"] == "Once upo"
    assert turn["finish_reason"] == "cancelled"


def test_the_session_goes_on_after_it(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(**SLOWLY)
    session_id = cancelled_after_two_words(api).session_id
    assert listen(api, "Go on", session_id=session_id)[-1].kind == "done"
    assert [turn["finish_reason"] for turn in turns(api, session_id)] == ["cancelled", "stop"]


def test_what_was_generated_is_charged(api: Client, chatgpt: Control, store: Store) -> None:
    chatgpt.queue(text="word " * 400, chunk_size=800, fault="silence", after=3)
    cancelled_after_two_words(api, 1_600)
    assert spent(store, api) == (1, about(410))


def test_a_prompt_is_charged_though_no_word_came(
    api: Client, chatgpt: Control, store: Store
) -> None:
    chatgpt.queue(fault="silence")
    with stream(api, "word " * 400) as events:
        wait_until(lambda: chatgpt.stats()["requests"], "ChatGPT to be asked")
        assert cancel(api, events.turn_id).ok
        assert code(events.until("error")) == "turn_cancelled"
    requests, tokens = spent(store, api)
    assert requests == 1
    assert 500 / 4 <= tokens <= 500 * 4  # an estimate, corrected by what the worker saw before


def test_a_turn_without_a_word_leaves_no_session(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(fault="silence")
    with stream(api) as events:
        assert cancel(api, events.turn_id).ok
        assert code(events.until("error")) == "turn_cancelled"
    assert api.get(f"/sessions/{events.session_id}").status_code == 404


def test_a_turn_that_has_ended_is_told_so_and_stays(api: Client, elsewhere: Client) -> None:
    done = listen(api)[-1].data

    def known_to_have_ended(worker: Client) -> bool:
        return bool(cancel(worker, done["turn_id"]).json()["status"] == "ended")

    wait_until(lambda: known_to_have_ended(api), "the end to be known")
    assert known_to_have_ended(elsewhere)
    (turn,) = turns(api, done["session_id"])
    assert turn["finish_reason"] == "stop"


def test_a_turn_of_somebody_else_cannot_be_cancelled(
    service: Service, neighbour: Service, api: Client, chatgpt: Control, new_key: NewKey
) -> None:
    chatgpt.queue(chunks_per_s=20)
    with stream(api) as events:
        events.until("start")
        for where in (service, neighbour):
            answer = cancel(where.client(new_key()), events.turn_id)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "turn_not_found")
        assert list(events)[-1].kind == "done"


def test_a_client_that_goes_away_does_not_stop_the_turn(
    api: Client, elsewhere: Client, chatgpt: Control
) -> None:
    chatgpt.queue(text=STORY, chunks_per_s=50)
    with stream(api) as events:
        events.until("delta")
    assert words(listen_again(elsewhere, events.turn_id)) == STORY
    (turn,) = turns(api, events.session_id)
    assert (turn["reply"], turn["finish_reason"]) == (STORY, "stop")
    assert chatgpt.stats()["aborted_streams"] == 0


def test_a_client_that_wants_it_cancels_by_going_away(
    api: Client, elsewhere: Client, chatgpt: Control
) -> None:
    chatgpt.queue(**SLOWLY)
    with stream(api, on_disconnect="cancel") as events:
        events.until("delta")
    wait_until(lambda: chatgpt.stats()["aborted_streams"], "ChatGPT to be left", 1)
    assert code(listen_again(elsewhere, events.turn_id)[-1]) == "turn_cancelled"
    (turn,) = turns(api, events.session_id)
    assert turn["finish_reason"] == "cancelled"


@pytest.mark.parametrize("streamed", [True, False])
def test_it_does_so_while_chatgpt_is_silent(
    service: Service, api: Client, chatgpt: Control, streamed: bool
) -> None:
    chatgpt.queue(fault="silence")
    with asking(service, api, stream=streamed, on_disconnect="cancel"):
        wait_until(lambda: chatgpt.stats()["open_requests"], "ChatGPT to be asked")
    wait_until(lambda: chatgpt.stats()["aborted_streams"], "ChatGPT to be left", 1)


def test_a_client_that_stays_gets_its_answer_in_json(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(text=STORY, chunks_per_s=100)
    answer = api.chat(on_disconnect="cancel").json()
    assert answer["reply"] == STORY
    assert turns(api, answer["session_id"])[0]["turn_id"] == answer["turn_id"]


def test_a_failure_is_told_in_json_with_its_status(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(status=400)
    assert api.chat(on_disconnect="cancel").status_code == 400


def test_an_answer_anew_streams_and_takes_the_place_of_the_old(
    api: Client, chatgpt: Control
) -> None:
    session_id = api.chat().json()["session_id"]
    chatgpt.queue(text="Another answer")
    with regenerate(api, session_id) as events:
        heard = list(events)
    assert kinds(heard) == ["start", "delta", "done"]
    assert words(heard) == "Another answer"
    assert [turn["reply"] for turn in turns(api, session_id)] == ["Another answer"]


def test_an_answer_anew_that_is_cancelled_leaves_the_old_one_and_is_charged(
    api: Client, chatgpt: Control, store: Store
) -> None:
    old = api.chat().json()
    before = spent(store, api)[1]
    chatgpt.queue(text="word " * 400, chunk_size=800, fault="silence", after=3)
    with regenerate(api, old["session_id"]) as events:
        events.until_written(1_600)
        assert cancel(api, events.turn_id).ok
        assert code(events.until("error")) == "turn_cancelled"
    assert [turn["reply"] for turn in turns(api, old["session_id"])] == [old["reply"]]
    assert spent(store, api) == (2, about(before + 400))


def cancelled_after_two_words(api: Client, characters: int = len("Once upo")) -> Stream:
    with stream(api) as events:
        events.until_written(characters)
        assert cancel(api, events.turn_id).ok
        assert code(events.until("error")) == "turn_cancelled"
    return events


def regenerate(api: Client, session_id: str) -> Stream:
    path = f"/sessions/{session_id}/regenerate"
    return Stream(api.post(path, json={"stream": True}, stream=True))


def asking(service: Service, api: Client, **fields: object) -> socket.socket:
    """A connection over which a question was sent; nothing of the answer is read."""
    body = orjson.dumps({"message": "Hello", **fields})
    head = (
        f"POST /chat HTTP/1.1\r\nHost: proxy\r\nAuthorization: {api.headers['Authorization']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=10)
    connection.sendall(head.encode() + body)
    return connection
