"""ChatGPT refuses the service's key: a 502 that tells nothing of it, or the next key's turn."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
import requests

from proxy.simulator.process import SimulatedChatGPT
from tests.faults.streams import end_of_stream
from tests.support.service import CANARY
from tests.support.simulator import Control
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import NewKey, StartService
    from tests.support.service import Client

NEXT = "sk-next-canary-8b2d6f0a4c1e9375"
ECHO = {"message": f"Incorrect API key provided: {CANARY}, {NEXT}", "code": CANARY, "param": NEXT}


@pytest.fixture(scope="module")
def rotated() -> Iterator[SimulatedChatGPT]:
    """A ChatGPT that takes the next key alone."""
    with SimulatedChatGPT(api_key=NEXT) as simulated:
        yield simulated


@pytest.fixture
def taken(rotated: SimulatedChatGPT) -> Control:
    control = Control(rotated.url)
    control.reset()
    return control


@pytest.mark.parametrize("status", [401, 403])
def test_it_is_a_502_whose_body_is_ours(api: Client, chatgpt: Control, status: int) -> None:
    chatgpt.defaults(status=status, error=ECHO)
    answer = api.chat()
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_auth_failed")
    assert answer.headers["x-should-retry"] == "false"
    assert CANARY not in answer.text
    assert chatgpt.stats()["requests"] == 1


def test_a_stream_ends_with_the_same_error(api: Client, chatgpt: Control) -> None:
    chatgpt.defaults(status=401, error=ECHO)
    assert end_of_stream(api) == "upstream_auth_failed"


def test_under_v1_it_is_the_same_502(api: Client, chatgpt: Control) -> None:
    chatgpt.defaults(status=401, error=ECHO)
    body: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}]}
    for stream in (False, True):
        answer = api.post("/v1/chat/completions", json=body | {"stream": stream})
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_auth_failed")
        assert CANARY not in answer.text


def test_the_next_key_is_tried_once_and_then_preferred(
    rotated: SimulatedChatGPT, taken: Control, start_service: StartService, new_key: NewKey
) -> None:
    service = start_service(OPENAI_BASE_URL=rotated.url, OPENAI_API_KEY_NEXT=NEXT)
    client = service.client(new_key())
    assert [client.chat().status_code for _ in range(3)] == [200, 200, 200]
    sent = [request.headers["authorization"] for request in taken.requests()]
    assert sent == [f"Bearer {CANARY}", *[f"Bearer {NEXT}"] * 3]
    assert '"event":"upstream_key_refused"' in service.log
    taken.defaults(status=400, error=ECHO)
    told = client.chat().text + service.log
    assert "[hidden]" in told
    assert CANARY not in told
    assert NEXT not in told


def test_the_key_s_file_is_read_again_at_a_sighup(
    rotated: SimulatedChatGPT,
    taken: Control,
    start_service: StartService,
    new_key: NewKey,
    tmp_path: Path,
) -> None:
    file = tmp_path / "key"
    file.write_text(f"{CANARY}\n")
    settings = {"OPENAI_API_KEY": "", "OPENAI_API_KEY_FILE": str(file)}
    service = start_service(OPENAI_BASE_URL=rotated.url, **settings)
    client = service.client(new_key())
    assert client.chat().json()["error"]["code"] == "upstream_auth_failed"
    file.write_text(f"{CANARY}\n{NEXT}\n")
    os.kill(service.pid, signal.SIGHUP)
    wait_until(lambda: answered(client), "the new key to be used")


def answered(client: Client) -> bool:
    """Whether a turn is answered; a worker that ends may close a connection before it is heard."""
    try:
        return client.chat().ok
    except requests.ConnectionError:
        return False
