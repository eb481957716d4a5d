"""Two proxies behind nginx with one Redis: one service, to those who call."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.streaming.listening import listen_again, stream, turns, words

if TYPE_CHECKING:
    from tests.conftest import NewKey
    from tests.deploy.conftest import Pair
    from tests.streaming.listening import Heard
    from tests.support.service import Client
    from tests.support.simulator import Control

STREAMS = 40


def test_limits_are_exact_over_both(pair: Pair, chatgpt: Control, new_key: NewKey) -> None:
    caller = pair.edge.client(new_key(rpm=1, burst=20, tpm=0))
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: caller.chat(), range(60)))
    told = Counter(answer.status_code for answer in answers)
    assert told[200] + told[429] == 60
    # One more for each whole minute that the sixty took.
    assert 20 <= told[200] <= 22
    assert chatgpt.stats()["requests"] == told[200]


def test_a_conversation_goes_on_at_whichever_answers(pair: Pair, outside: Client) -> None:
    first = outside.chat("My name is Ada.").json()
    session = first["session_id"]
    for proxy in (*pair.proxies, *pair.proxies):
        direct = proxy.client()
        direct.headers = outside.headers
        assert direct.chat("And?", session_id=session).ok
    assert len(turns(outside, session)) == 5


def test_streams_are_taken_up_at_whichever_answers(
    pair: Pair, outside: Client, chatgpt: Control
) -> None:
    chatgpt.defaults(total_chars=200, chunk_size=10, chunks_per_s=20)

    def cut_and_resume(number: int) -> list[Heard]:
        with stream(outside, f"Question {number}") as events:
            heard = [event for event, _ in zip(events, range(1 + number % 10), strict=False)]
        return heard + listen_again(outside, events.turn_id, after=heard[-1].id)

    with ThreadPoolExecutor(STREAMS // 2) as threads:
        streams = list(threads.map(cut_and_resume, range(STREAMS)))
    for heard in streams:
        assert [event.id for event in heard] == list(range(1, len(heard) + 1))
        assert heard[-1].kind == "done"
        assert words(heard) == heard[-1].data["reply"]
    assert chatgpt.stats()["requests"] == STREAMS


def test_both_have_a_share_of_the_work(pair: Pair, outside: Client) -> None:
    with ThreadPoolExecutor(8) as threads:
        served = list(threads.map(lambda _: outside.chat().status_code, range(32)))
    assert set(served) == {200}
    shares = Counter(line["service"] for line in pair.edge.access_log)
    assert all(shares[f"127.0.0.1:{proxy.port}"] > 0 for proxy in pair.proxies)
