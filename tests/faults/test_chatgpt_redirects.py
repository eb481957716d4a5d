"""ChatGPT's address leads elsewhere: a 502, and neither the key nor the prompt goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.streams import end_of_stream
from tests.support.fault_proxy import FaultProxy
from tests.support.usage import spent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.process import SimulatedChatGPT
    from proxy.store.connection import Store
    from tests.support.service import Client
    from tests.support.simulator import Control

STATUSES = [301, 302, 303, 307, 308]


@pytest.fixture(scope="module")
def elsewhere(simulator: SimulatedChatGPT) -> Iterator[FaultProxy]:
    """A server that would answer, and counts who comes."""
    with FaultProxy(simulator.url) as server:
        yield server


@pytest.mark.parametrize("status", STATUSES)
def test_no_redirect_is_followed(
    api: Client, chatgpt: Control, elsewhere: FaultProxy, status: int
) -> None:
    location = elsewhere.url + "/chat/completions"
    chatgpt.defaults(status=status, headers={"location": location}, body=location)
    answer = api.chat()
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    assert answer.headers["x-should-retry"] == "false"
    assert location not in f"{answer.headers}{answer.text}"
    assert (chatgpt.stats()["requests"], elsewhere.connections) == (1, 0)


@pytest.mark.parametrize("status", STATUSES)
def test_no_stream_follows_one(
    api: Client, chatgpt: Control, elsewhere: FaultProxy, status: int
) -> None:
    chatgpt.defaults(status=status, headers={"location": elsewhere.url + "/chat/completions"})
    assert end_of_stream(api) == "upstream_error"
    assert (chatgpt.stats()["requests"], elsewhere.connections) == (1, 0)


def test_it_costs_the_request_and_no_tokens(api: Client, chatgpt: Control, store: Store) -> None:
    chatgpt.defaults(fault="redirect")
    api.chat("word " * 100)
    assert spent(store, api) == (1, 0)
