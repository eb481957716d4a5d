"""What is to come is refused until it is there, and not ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.web.refusals import refused

if TYPE_CHECKING:
    from tests.support.service import Client


def test_a_wait_is_refused(api: Client) -> None:
    refused(api.chat(wait=5), 400, "invalid_request", "wait")


def test_a_header_that_asks_to_wait_is_refused(api: Client) -> None:
    answer = api.post("/chat", headers={"Prefer": "wait=20"}, json={"message": "Hello"})
    refused(answer, 400, "invalid_request", "Prefer")
