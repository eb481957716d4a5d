"""However ChatGPT's stream is cut, the end is `error` and never `done`, and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.streaming.listening import code, kinds, listen, turns, words
from tests.support.usage import about, spent

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.conftest import StartService
    from tests.support.service import Client
    from tests.support.simulator import Control

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
WORD = 'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'
FINISH = 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = "data: [DONE]\n\n"

CUTS: list[dict[str, Any]] = [
    {"fault": "cut_stream", "after": 3},
    {"fault": "error_event", "after": 3},
    {"fault": "malformed_event", "after": 3},
    {"fault": "no_done", "after": 3},
]


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut["fault"])
def test_what_was_written_before_the_cut_is_stored_and_marked(
    api: Client, chatgpt: Control, cut: dict[str, Any]
) -> None:
    chatgpt.queue(text="Once upon a time", **cut)
    events = listen(api)
    assert kinds(events) == ["start", "delta", "error"]
    assert code(events[-1]) == "upstream_error"
    (turn,) = turns(api, events[0].data["session_id"])
    assert turn["turn_id"] == events[0].data["turn_id"]
    assert turn["reply"] == words(events) == "Once upo"
    assert turn["finish_reason"] == "interrupted"


@pytest.mark.parametrize(
    "cut",
    [
        {"fault": "invalid_utf8"},
        {"fault": "enormous_line", "size": 3_000_000},
        {"fault": "cut_stream", "after": 1},
        {"fault": "no_status_line"},
        {"fault": "redirect"},
    ],
    ids=lambda cut: cut["fault"],
)
def test_a_turn_that_is_cut_before_its_first_word_is_not_stored(
    api: Client, chatgpt: Control, cut: dict[str, Any]
) -> None:
    session_id = api.chat("My name is Ada.").json()["session_id"]
    for _ in range(2):
        chatgpt.queue(**cut)
    events = listen(api, session_id=session_id)
    assert kinds(events) == ["start", "error"]
    chatgpt.reset()
    again = listen(api, "What is my name?", session_id=session_id)
    assert words(again) == "Your name is Ada."
    assert len(turns(api, session_id)) == 2


def test_the_next_prompt_says_where_the_answer_was_interrupted(
    api: Client, chatgpt: Control
) -> None:
    chatgpt.queue(text="Once upon a time", fault="cut_stream", after=3)
    session_id = listen(api)[0].data["session_id"]
    assert listen(api, "Go on", session_id=session_id)[-1].kind == "done"
    _, interrupted, _ = chatgpt.requests()[-1].body["messages"]
    cut = "Once upo\n\n[The answer was interrupted here.]"
    assert interrupted == {"role": "assistant", "content": cut}


def test_a_turn_that_was_cut_is_charged(api: Client, chatgpt: Control, store: Store) -> None:
    chatgpt.queue(text="word " * 400, chunk_size=1_600, fault="cut_stream", after=2)
    assert listen(api)[-1].kind == "error"
    assert spent(store, api) == (1, about(410))


def test_words_that_came_in_one_piece_with_garbage_are_told_and_stored(
    api: Client, chatgpt: Control
) -> None:
    chatgpt.queue(fault="raw", raw=HEAD + "\r\n" + WORD + "data: {\n\n")
    events = listen(api)
    assert kinds(events) == ["start", "delta", "error"]
    (turn,) = turns(api, events[0].data["session_id"])
    assert turn["reply"] == words(events) == "Hi"


@pytest.mark.parametrize(
    "intact",
    [
        {"fault": "no_done"},
        {"fault": "close_delimited"},
        {"fault": "crlf"},
        {"fault": "comments"},
        {"fault": "drip"},
        {"usage": None},
    ],
    ids=lambda intact: intact.get("fault", "no usage"),
)
def test_a_stream_that_is_only_odd_is_done(
    api: Client, chatgpt: Control, intact: dict[str, Any]
) -> None:
    chatgpt.queue(text="Grüße, 世界", chunk_size=1, **intact)
    events = listen(api)
    assert kinds(events) == ["start", "delta", "done"]
    assert words(events) == events[-1].data["reply"] == "Grüße, 世界"


def test_a_stream_that_says_done_is_not_waited_for(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(text="Hi", fault="silence", after=5)
    events = listen(api)
    assert events[-1].kind == "done"
    assert events[-1].at - events[0].at < 5
    assert chatgpt.stats()["open_streams"] == 0


def test_a_body_without_a_length_cut_at_any_byte_is_done_only_with_its_end(
    api: Client, chatgpt: Control
) -> None:
    for end in range(len(WORD + FINISH + DONE) + 1):
        sent = (WORD + FINISH + DONE)[:end]
        chatgpt.queue(fault="raw", raw=HEAD + "\r\n" + sent)
        assert listen(api)[-1].kind == ("done" if FINISH in sent else "error"), sent


def test_a_chunked_body_cut_at_any_byte_is_done_only_with_its_end(
    api: Client, chatgpt: Control
) -> None:
    chunks = "".join(f"{len(event):x}\r\n{event}\r\n" for event in (WORD, FINISH)) + "0\r\n\r\n"
    for end in range(len(chunks) + 1):
        chatgpt.queue(fault="raw", raw=f"{HEAD}Transfer-Encoding: chunked\r\n\r\n{chunks[:end]}")
        assert listen(api)[-1].kind == ("done" if FINISH in chunks[:end] else "error"), end


def test_an_endless_stream_ends_at_the_largest_answer(
    start_service: StartService, chatgpt: Control, api: Client
) -> None:
    narrow = start_service(PROXY_UPSTREAM_MAX_BYTES="50000").client()
    narrow.headers = api.headers
    chatgpt.queue(fault="endless_stream")
    assert cut_but_stored(narrow) == "upstream_error"
    assert chatgpt.stats()["open_streams"] == 0


def test_an_endless_stream_ends_at_the_deadline(
    start_service: StartService, chatgpt: Control, api: Client
) -> None:
    hasty = start_service(PROXY_UPSTREAM_STREAM_TIMEOUT="0.5").client()
    hasty.headers = api.headers
    chatgpt.queue(fault="endless_stream", chunks_per_s=50)
    assert cut_but_stored(hasty) == "upstream_timeout"


def test_a_stream_that_falls_silent_ends_when_patience_does(
    start_service: StartService, chatgpt: Control, api: Client
) -> None:
    hasty = start_service(PROXY_UPSTREAM_READ_TIMEOUT="0.3").client()
    hasty.headers = api.headers
    chatgpt.queue(fault="silence", after=2)
    assert cut_but_stored(hasty) == "upstream_timeout"


def cut_but_stored(api: Client) -> str:
    """The error at which a stream ends whose words are all stored as an interrupted turn."""
    events = listen(api)
    (turn,) = turns(api, events[0].data["session_id"])
    assert turn["reply"] == words(events)
    assert turn["finish_reason"] == "interrupted"
    return code(events[-1])
