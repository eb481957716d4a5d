"""Round every request: its line in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.log import line_of, lines
from tests.support.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from tests.conftest import NewKey
    from tests.support.service import Client
    from tests.support.simulator import Control

PARTS = ("waiting_ms", "upstream_ms", "redis_ms", "own_ms")
SAID, WRITTEN = "The secret of the orchard", "is a key under the third tree"


@pytest.fixture(scope="module")
def telling(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """A service whose log tells what is asked and answered."""
    with Service(redis_server.url, simulator.url, PROXY_LOG_MESSAGES="true") as running:
        yield running


def ask(client: Client, **fields: object) -> requests.Response:
    """A stateless request."""
    messages = [{"role": "user", "content": SAID}]
    return client.post(
        "/v1/chat/completions", json={"model": "gpt-6-luna", "messages": messages, **fields}
    )


def test_a_turn_s_line_tells_who_what_and_what_it_used(service: Service, api: Client) -> None:
    answer = api.chat()
    reply, line = answer.json(), line_of(service, answer)
    assert (line["method"], line["route"], line["status"]) == ("POST", "/chat", 200)
    assert (line["session"], line["turn"]) == (reply["session_id"], reply["turn_id"])
    for tokens in ("prompt_tokens", "completion_tokens"):
        assert line[tokens] == reply["usage"][tokens]
    assert line["cost_usd"] == reply["cost_usd"]
    assert api.headers["Authorization"].split("-")[2] == line["key"]


def test_its_time_is_told_in_parts(service: Service, api: Client, chatgpt: Control) -> None:
    chatgpt.queue(delay_s=0.5)
    line = line_of(service, api.chat())
    assert sum(line[part] for part in PARTS) == pytest.approx(line["ms"], abs=0.1)
    assert line["upstream_ms"] >= 500
    assert line["redis_ms"] > 0
    assert line["waiting_ms"] == 0


def test_the_wait_for_a_turn_is_a_part(service: Service, new_key: NewKey, chatgpt: Control) -> None:
    caller = service.client(new_key(rpm=60, burst=1))
    lines_of_both = [line_of(service, caller.chat(wait=30)) for _ in range(2)]
    assert lines_of_both[1]["waiting_ms"] > 100
    assert lines_of_both[1]["ms"] >= lines_of_both[1]["waiting_ms"]


@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions"])
def test_a_stream_s_line_comes_at_its_end_with_what_it_used(
    service: Service, api: Client, chatgpt: Control, path: str
) -> None:
    chatgpt.queue(text="word " * 10, chunks_per_s=20)
    answer = api.chat(stream=True) if path == "/chat" else ask(api, stream=True)
    line = line_of(service, answer)
    assert line["completion_tokens"] > 0
    assert line["upstream_ms"] > 300
    assert line["ms"] >= line["upstream_ms"]


def test_a_stream_of_text_has_its_line_too(service: Service, api: Client) -> None:
    answer = api.post("/chat?stream=true", data="Hello", headers={"Accept": "text/plain"})
    line = line_of(service, answer)
    assert (line["route"], line["completion_tokens"] > 0) == ("/chat", True)


def test_a_reader_who_leaves_has_his_line_then(
    service: Service, api: Client, chatgpt: Control
) -> None:
    chatgpt.queue(text="word " * 100, chunks_per_s=20)
    with api.post("/chat", json={"message": "Hello", "stream": True}, stream=True) as answer:
        next(answer.iter_lines())
    line = line_of(service, answer)
    assert (line["status"], "completion_tokens" in line) == (200, False)
    api.post(f"/chat/turns/{line['turn']}/cancel")


def test_an_error_s_line_has_its_code_and_no_usage(service: Service, api: Client) -> None:
    line = line_of(service, api.chat(temperature=9))
    assert (line["status"], line["error"]) == (400, "invalid_request")
    assert "prompt_tokens" not in line


def test_a_problem_names_the_request_that_met_it(
    service: Service, api: Client, chatgpt: Control
) -> None:
    chatgpt.defaults(status=500)
    answer = api.chat()
    problems = [line for line in lines(service, "problem") if "request_id" in line]
    assert answer.headers["X-Request-ID"] in {line["request_id"] for line in problems}


def test_words_are_not_in_the_log(service: Service, api: Client, chatgpt: Control) -> None:
    chatgpt.defaults(text=WRITTEN)
    answers = [api.chat(SAID), api.chat(SAID, stream=True), ask(api)]
    for answer in answers:
        line_of(service, answer)
    assert SAID not in service.log
    assert WRITTEN not in service.log


def test_words_are_in_the_log_where_that_is_asked_for(
    telling: Service, new_key: NewKey, chatgpt: Control
) -> None:
    chatgpt.defaults(text=WRITTEN)
    caller = telling.client(new_key())
    for answer in (caller.chat(SAID), caller.chat(SAID, stream=True), ask(caller)):
        line = line_of(telling, answer, "messages")
        assert SAID in str(line["question"])
        assert WRITTEN in str(line["answer"])
    line = line_of(telling, ask(caller, stream=True), "messages")
    assert (SAID in str(line["question"]), line["answer"]) == (True, None)
