"""The OpenAI account is out of credit: asked once, told at once, and no retry can help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.streams import end_of_stream
from tests.support.usage import spent

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.support.service import Client
    from tests.support.simulator import Control

CODES = ["insufficient_quota", "credit_balance_exhausted", "project_spend_limit_exceeded"]


@pytest.mark.parametrize("code", CODES)
def test_it_is_a_503_that_is_not_retried(api: Client, chatgpt: Control, code: str) -> None:
    chatgpt.defaults(status=429, error={"code": code}, headers={"retry-after": "1"})
    answer = api.chat()
    told = answer.json()["error"]["code"]
    assert (answer.status_code, told) == (503, "upstream_quota_exhausted")
    assert answer.headers["x-should-retry"] == "false"
    assert chatgpt.stats()["requests"] == 1


def test_under_v1_it_is_the_same(api: Client, chatgpt: Control) -> None:
    chatgpt.defaults(status=429, error={"code": "insufficient_quota"})
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
    for stream in (False, True):
        answer = api.post("/v1/chat/completions", json=body | {"stream": stream})
        assert answer.json()["error"]["code"] == "upstream_quota_exhausted"
        assert answer.headers["x-should-retry"] == "false"
    assert chatgpt.stats()["requests"] == 2


def test_a_stream_ends_with_the_same_error(api: Client, chatgpt: Control) -> None:
    chatgpt.defaults(status=429, error={"code": "insufficient_quota"})
    assert end_of_stream(api) == "upstream_quota_exhausted"
    assert chatgpt.stats()["requests"] == 1


def test_it_costs_the_request_and_no_tokens(api: Client, chatgpt: Control, store: Store) -> None:
    chatgpt.defaults(status=429, error={"code": "insufficient_quota"})
    api.chat("word " * 100)
    assert spent(store, api) == (1, 0)


def test_nobody_else_is_held_back_by_it(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(status=429, error={"code": "insufficient_quota"}, headers={"retry-after": "9"})
    assert api.chat().status_code == 503
    assert api.chat().ok
