"""The client tells what went wrong, also when it is no chat-proxy that answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from proxy.cli.client import ProxyClient
from proxy.cli.refusals import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Stranger

REFUSAL = json.dumps(
    {"error": {"message": "Too\nmany.", "type": "requests", "param": None, "code": "slow"}}
)


@pytest.fixture
def client(stranger: Stranger) -> Iterator[ProxyClient]:
    with ProxyClient(stranger.url, "sk-proxy-a-b") as client:
        yield client


def refusal_of(client: ProxyClient) -> ServiceError:
    with pytest.raises(ServiceError) as refusal:
        client.chat({"message": "Hello"})
    return refusal.value


def test_an_error_is_one_line_with_code_wait_and_request(
    client: ProxyClient, stranger: Stranger
) -> None:
    stranger.answer(429, REFUSAL, Retry_After="2", retry_after_ms="1500", X_Request_ID="r1")
    error = refusal_of(client)
    assert error.format_message() == "Too many. [slow, retry after 1.5 s, request r1]"
    assert error.wait == 1.5


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {"Retry-After": "61"}),
        (429, {"Retry-After": "2", "x-should-retry": "false"}),
        (429, {"Retry-After": "Sun, 22 Nov 2026 19:00:00 GMT"}),
        (409, {}),
        (503, {"Retry-After": "2"}),
    ],
)
def test_what_is_not_worth_waiting_for(
    client: ProxyClient, stranger: Stranger, status: int, headers: dict[str, str]
) -> None:
    stranger.answer(status, REFUSAL, **headers)
    assert refusal_of(client).wait is None


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, "<html>"), (200, "[]"), (404, "<html>"), (502, '{"error": "bad"}'), (301, "")],
)
def test_another_server_is_told_as_such(
    client: ProxyClient, stranger: Stranger, status: int, body: str
) -> None:
    stranger.answer(status, body, Location="https://example.com/")
    assert refusal_of(client).message.startswith(f"{stranger.url} answered {status} ")


def test_a_connection_that_breaks_is_told_as_such(client: ProxyClient, stranger: Stranger) -> None:
    stranger.answer(200, "{", Content_Length="100")
    assert refusal_of(client).message.startswith(f"The connection to {stranger.url} broke")


def test_pages_are_followed_until_there_are_enough(client: ProxyClient, stranger: Stranger) -> None:
    page = {"data": [{"id": "s_1"}, {"id": "s_2"}], "next_cursor": "c"}
    stranger.answer(200, json.dumps(page))
    stranger.answer(200, json.dumps(page | {"next_cursor": None}))
    found = client.sessions(150)
    assert [session["id"] for session in found["data"]] == ["s_1", "s_2"] * 2
    assert found["next_cursor"] is None
