"""What a relayed request costs: what ChatGPT reports, else an estimate; nothing stays reserved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.openai.relaying import (
    ASKS,
    CHAT,
    EMBEDDINGS,
    REQUESTS,
    RESPONSES,
    TOKENS,
    ask,
    data,
    failed,
    gone_upstream,
    hear,
    listen,
)
from tests.support.reservations import reservations
from tests.support.usage import about, spent
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.conftest import NewKey, StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

USED = {"prompt_tokens": 100, "completion_tokens": 700, "total_tokens": 800}
LONG = "word " * 400
"""Some 500 tokens."""


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
def test_an_answer_costs_what_chatgpt_reports(
    thrifty: Client, chatgpt: Control, store: Store, path: str
) -> None:
    chatgpt.queue(path=path, usage=USED)
    assert ask(thrifty, path).ok
    assert spent(store, thrifty) == (1, 800)


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
def test_a_stream_costs_what_chatgpt_reports_also_to_a_caller_who_did_not_ask(
    thrifty: Client, chatgpt: Control, store: Store, path: str
) -> None:
    chatgpt.queue(path=path, usage=USED)
    assert listen(thrifty, path).content
    assert spent(store, thrifty) == (1, 800)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", [CHAT, RESPONSES])
def test_usage_that_is_not_reported_is_estimated(
    thrifty: Client, chatgpt: Control, store: Store, path: str, stream: bool
) -> None:
    chatgpt.queue(path=path, usage=None, text=LONG)
    assert listen(thrifty, path, stream=stream).content
    assert 400 < spent(store, thrifty)[1] < 900


def test_embeddings_cost_their_prompt(thrifty: Client, store: Store) -> None:
    assert ask(thrifty, EMBEDDINGS, input=[LONG, LONG]).json()["usage"]["total_tokens"] == 1_000
    assert spent(store, thrifty) == (1, 1_000)


def test_a_request_that_could_never_pass_is_not_told_to_wait(
    thrifty: Client, chatgpt: Control
) -> None:
    for path in ASKS:
        field = "messages" if path == CHAT else "input"
        text = [{"role": "user", "content": LONG * 4}] if path == CHAT else LONG * 4
        assert failed(ask(thrifty, path, **{field: text}))[:2] == (400, "invalid_request")
    assert chatgpt.stats()["requests"] == 0


def test_a_text_in_tokens_is_as_long_as_it_says(thrifty: Client, store: Store) -> None:
    assert ask(thrifty, EMBEDDINGS, input=[list(range(900)), [1] * 100]).ok
    assert spent(store, thrifty) == (1, 1_000)


def test_a_stream_costs_what_was_written_before_its_caller_left(
    thrifty: Client, chatgpt: Control, store: Store
) -> None:
    chatgpt.queue(text=LONG, chunk_size=1_600, fault="silence", after=2)
    with listen(thrifty) as answer:
        assert hear(answer.iter_content(None), 1_600) == LONG[:1_600]
    wait_until(lambda: spent(store, thrifty) == (1, about(430)), "the charge")


def test_a_stream_of_several_choices_costs_all_that_was_written(
    thrifty: Client, chatgpt: Control, store: Store
) -> None:
    chatgpt.queue(text=LONG, chunk_size=1_600, fault="silence", after=6)
    with listen(thrifty, n=2) as answer:
        assert hear(answer.iter_content(None), 3_600)
    wait_until(lambda: spent(store, thrifty) == (1, about(930)), "the charge")


def test_a_caller_who_leaves_before_the_first_word_pays_the_prompt(
    thrifty: Client, chatgpt: Control, store: Store
) -> None:
    chatgpt.queue(fault="silence")
    prompt = [{"role": "user", "content": LONG}]
    body = ASKS[CHAT] | {"stream": True, "messages": prompt}
    with pytest.raises(OSError, match="timed out"):
        thrifty.post(CHAT, json=body, timeout=0.5)
    wait_until(lambda: gone_upstream(chatgpt), "ChatGPT to be left")
    wait_until(lambda: spent(store, thrifty) == (1, about(530)), "the charge")


def test_a_stream_that_breaks_off_costs_what_was_written(
    thrifty: Client, chatgpt: Control, store: Store
) -> None:
    chatgpt.queue(text=LONG, chunk_size=1_600, fault="cut_stream", after=2)
    assert data(listen(thrifty).content)[-1]["error"]
    assert spent(store, thrifty) == (1, about(430))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", [CHAT, RESPONSES])
def test_a_request_that_chatgpt_refuses_costs_no_tokens(
    thrifty: Client, chatgpt: Control, store: Store, path: str, stream: bool
) -> None:
    chatgpt.queue(path=path, status=400)
    assert failed(listen(thrifty, path, stream=stream))[0] == 400
    assert spent(store, thrifty) == (1, 0)


def test_a_request_that_never_reached_chatgpt_costs_nothing(
    start_service: StartService, chatgpt: Control, thrifty: Client
) -> None:
    lost = start_service(OPENAI_BASE_URL="http://127.0.0.1:9/v1").client()
    lost.headers = thrifty.headers
    assert failed(ask(lost)) == (502, "upstream_error", None)
    told = thrifty.post(CHAT, json={}).headers
    assert int(told["x-ratelimit-remaining-requests"]) == REQUESTS
    assert int(told["x-ratelimit-remaining-tokens"]) == TOKENS


def test_as_many_answers_as_are_asked_for_are_reserved(
    service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    api = service.client(new_key(tpm=TOKENS))
    chatgpt.queue(fault="silence", after=2)
    with listen(api, n=3, max_completion_tokens=300) as answer:
        assert int(answer.headers["x-ratelimit-remaining-tokens"]) == pytest.approx(290, abs=20)
    refused = ask(api, n=5, max_completion_tokens=300)
    assert failed(refused) == (400, "invalid_request", "max_tokens")


@pytest.mark.parametrize("path", ASKS)
def test_a_bucket_that_is_short_says_when_to_come_back(
    service: Service, chatgpt: Control, new_key: NewKey, path: str
) -> None:
    api = service.client(new_key(rpm=1))
    assert ask(api, path).ok
    for stream in (False, True):
        answer = listen(api, path, stream=stream)
        assert failed(answer) == (429, "rate_limit_exceeded", None)
        assert 50 < int(answer.headers["Retry-After"]) <= 60
    assert chatgpt.stats()["requests"] == 1


def test_nothing_stays_reserved(thrifty: Client, chatgpt: Control, redis_admin: Store) -> None:
    before = reservations(redis_admin)
    chatgpt.queue(status=400)
    chatgpt.queue(fault="cut_stream")
    for _ in range(3):
        listen(thrifty).close()
    for path in ASKS:
        assert ask(thrifty, path).ok
    wait_until(lambda: reservations(redis_admin) <= before, "everything to be settled")
