"""What is to come is refused until it is there, and not ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.web.refusals import refused

if TYPE_CHECKING:
    from tests.support.service import Client


def test_a_stream_is_refused(api: Client) -> None:
    refused(api.chat(stream=True), 400, "invalid_request", "stream")
    assert api.chat(stream=False).ok


def test_a_stream_of_text_is_refused(api: Client) -> None:
    answer = api.post("/chat?stream=true", data=b"Hello", headers={"Content-Type": "text/plain"})
    refused(answer, 400, "invalid_request", "stream")


def test_a_wait_is_refused(api: Client) -> None:
    refused(api.chat(wait=5), 400, "invalid_request", "wait")


@pytest.mark.parametrize(("name", "value"), [("Idempotency-Key", "k1"), ("Prefer", "wait=20")])
def test_headers_that_promise_more_are_refused(api: Client, name: str, value: str) -> None:
    answer = api.request("POST", "/chat", headers={name: value}, json={"message": "Hello"})
    refused(answer, 400, "invalid_request", name)
