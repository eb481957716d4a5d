"""A stream is taken up again after any event, on any worker, for ten minutes after its end."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from proxy.domain.identifiers import new_turn_id
from proxy.store import turn_log
from tests.streaming.listening import (
    Heard,
    Stream,
    cancel,
    code,
    listen,
    listen_again,
    resume,
    stream,
    turns,
    words,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.conftest import NewKey, StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control


def test_the_rest_of_a_stream_is_heard_on_another_worker(
    api: Client, elsewhere: Client, chatgpt: Control
) -> None:
    chatgpt.queue(text="Once upon a time there was a proxy", chunks_per_s=20)
    with stream(api) as events:
        first = [events.until("start"), events.until("delta")]
    rest = listen_again(elsewhere, events.turn_id, after=first[-1].id)
    assert words(first + rest) == "Once upon a time there was a proxy"
    assert rest[-1].kind == "done"
    assert_numbered(first + rest)


def test_after_the_end_the_whole_is_told_to_whoever_comes_without_a_number(
    api: Client, elsewhere: Client
) -> None:
    whole = listen(api)
    assert told(listen_again(elsewhere, whole[0].data["turn_id"])) == told(whole)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_after_the_end_the_exact_rest_is_told(
    api: Client, elsewhere: Client, chatgpt: Control, after: int
) -> None:
    chatgpt.queue(chunks_per_s=50)
    whole = listen(api)
    turn_id = whole[0].data["turn_id"]
    assert told(listen_again(elsewhere, turn_id, after)) == told(whole[after:])
    with Stream(elsewhere.get(f"/chat/turns/{turn_id}/events?after={after}")) as events:
        assert told(events) == told(whole[after:])


def test_whoever_has_heard_the_end_is_told_nothing_more(api: Client, elsewhere: Client) -> None:
    whole = listen(api)
    assert listen_again(elsewhere, whole[0].data["turn_id"], after=whole[-1].id) == []


def test_several_readers_hear_the_same(api: Client, elsewhere: Client, chatgpt: Control) -> None:
    chatgpt.queue(total_chars=200, chunks_per_s=50)
    with stream(api) as events:
        events.until("start")
        with ThreadPoolExecutor(6) as pool:
            readers = [pool.submit(listen_again, api, events.turn_id) for _ in range(3)]
            readers += [pool.submit(listen_again, elsewhere, events.turn_id) for _ in range(3)]
            rest = list(events)
        heard = [told(reader.result()) for reader in readers]
    assert heard == [heard[0]] * 6
    assert heard[0][1:] == told(rest)


def test_an_error_is_told_again(api: Client, elsewhere: Client, chatgpt: Control) -> None:
    chatgpt.queue(fault="cut_stream", after=2)
    whole = listen(api)
    again = listen_again(elsewhere, whole[0].data["turn_id"])
    assert told(again) == told(whole)
    assert code(again[-1]) == "upstream_error"


def test_two_hundred_streams_cut_by_their_clients_lose_and_repeat_nothing(
    service: Service, neighbour: Service, chatgpt: Control, new_key: NewKey
) -> None:
    key = new_key(rpm=0, tpm=0)
    here, there = service.client(key), neighbour.client(key)
    chatgpt.defaults(total_chars=400, chunk_size=20, chunks_per_s=20)

    def cut_and_resume(seed: int) -> list[Heard]:
        stay = random.Random(seed).randrange(1, 21)
        with stream(here, f"Question {seed}") as events:
            first = [event for event, _ in zip(events, range(stay), strict=False)]
        return first + listen_again(there, events.turn_id, after=first[-1].id)

    with ThreadPoolExecutor(50) as pool:
        streams = list(pool.map(cut_and_resume, range(200)))

    (expected,) = {events[-1].data["reply"] for events in streams}
    assert len(expected) == 400
    assert {words(events) for events in streams} == {expected}
    for events in streams:
        assert_numbered(events)
    stored = [turns(here, events[0].data["session_id"]) for events in streams]
    assert [[turn["turn_id"] for turn in held] for held in stored] == [
        [events[0].data["turn_id"]] for events in streams
    ]
    assert chatgpt.stats()["requests"] == 200


def test_a_turn_of_somebody_else_does_not_exist(
    service: Service, neighbour: Service, api: Client, new_key: NewKey, chatgpt: Control
) -> None:
    ended = listen(api)[0].data["turn_id"]
    chatgpt.queue(fault="silence")
    with stream(api) as running:
        for where in (service, neighbour):
            stranger = where.client(new_key())
            for turn_id in (ended, running.turn_id):
                refused(resume(stranger, turn_id), 404, "turn_not_found")
        assert cancel(api, running.turn_id).ok
        assert code(running.until("error")) == "turn_cancelled"


@pytest.mark.parametrize("turn_id", ["t_" + "0" * 22, "t_short", "x" * 24, "t_%0a" + "x" * 21])
def test_an_unknown_turn_does_not_exist(api: Client, turn_id: str) -> None:
    refused(resume(api, turn_id), 404, "turn_not_found")


@pytest.mark.parametrize("after", ["-1", "one", "1.5", "²", "9" * 16])
def test_a_number_that_is_none_is_refused(api: Client, after: str) -> None:
    turn_id = listen(api)[0].data["turn_id"]
    answer = api.get(f"/chat/turns/{turn_id}/events", params={"after": after})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "after")
    if after.isascii():
        refused(resume(api, turn_id, after), 400, "invalid_request")


def test_without_a_key_no_turn_is_read(service: Service) -> None:
    refused(resume(service.client(), new_turn_id()), 401, "invalid_api_key")


def test_the_log_is_gone_when_its_time_is_over(
    start_service: StartService, new_key: NewKey
) -> None:
    forgetful = start_service(PROXY_TURN_LOG_TTL="0.5").client(new_key())
    turn_id = listen(forgetful)[0].data["turn_id"]

    def gone() -> bool:
        with resume(forgetful, turn_id) as answer:
            return answer.status == 404

    wait_until(gone, "the log to be forgotten")


def test_events_that_reached_the_log_twice_are_told_once(store: Store) -> None:
    turn_id = new_turn_id()
    frames = [turn_log.frame(number, "delta", b"{}") for number in (1, 2, 3)]
    store.run(turn_log.begin(turn_id, "me", "s", 60_000))
    store.run(turn_log.append(turn_id, 2, b"".join(frames[:2]), 60_000, None))
    store.run(turn_log.append(turn_id, 3, b"".join(frames), 60_000, 60_000))
    assert store.run(turn_log.read(turn_id, "me", 0, 60_000)).frames == [
        (1, frames[0]),
        (2, frames[1]),
        (3, frames[2]),
    ]


def assert_numbered(events: list[Heard]) -> None:
    """Each event came once, and none is missing."""
    assert [event.id for event in events] == list(range(1, len(events) + 1))


def told(events: list[Heard] | Stream) -> list[tuple[int, str, object]]:
    """What events say, without when."""
    return [(event.id, event.kind, event.data) for event in events]


def refused(answer: Stream, status: int, expected: str) -> None:
    with answer:
        assert answer.status == status
        assert answer.response.json()["error"]["code"] == expected
