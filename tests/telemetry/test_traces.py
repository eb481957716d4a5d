"""Traces: the spans of requests, as a collector gets them from the real service."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.collector import Collector, Span, collecting
from tests.support.log import line_of, lines
from tests.support.service import CANARY, ROOT, Service, clean_environment
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from tests.conftest import NewKey, StartService
    from tests.support.service import Client
    from tests.support.simulator import Control

SAID, WRITTEN = "Where does the heron sleep", "among the reeds"
GIVEN = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
MODEL = "gpt-6-luna"
TURN = f"chat {MODEL}"
ASK = "POST /chat/completions"
QUICKLY = {"OTEL_BSP_SCHEDULE_DELAY": "100"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
def traced(
    redis_server: EmbeddedRedis, simulator: SimulatedChatGPT, collector: Collector
) -> Iterator[Service]:
    settings = {"PROXY_TRACES_URL": collector.url, "WEB_CONCURRENCY": "2", **QUICKLY}
    with Service(redis_server.url, simulator.url, **settings) as running:
        yield running


@pytest.fixture
def caller(traced: Service, new_key: NewKey, chatgpt: Control) -> Client:
    return traced.client(new_key())


def ask(client: Client, path: str, **fields: Any) -> requests.Response:
    """A message by either interface."""
    said = (
        {"message": SAID} if path == "/chat" else {"messages": [{"role": "user", "content": SAID}]}
    )
    return client.post(path, json=said | {"model": MODEL} | fields)


def spans(
    collector: Collector, service: Service, answer: requests.Response, many: int
) -> dict[str, Span]:
    """The spans of an answer's request, by their names."""
    return collector.trace(line_of(service, answer)["trace"], many)


def within(inner: Span, outer: Span) -> bool:
    """Whether a span belongs to another, and was while that was."""
    return inner.parent_id == outer.id and outer.begin <= inner.begin <= inner.end


@pytest.mark.parametrize("stream", [False, True])
def test_a_turn_s_steps_are_spans_within_it(
    traced: Service, caller: Client, collector: Collector, stream: bool
) -> None:
    found = spans(collector, traced, ask(caller, "/chat", stream=stream), 6)
    root, turn = found["POST /chat"], found[TURN]
    assert within(turn, root)
    steps = [found[name] for name in ("open", "reserve", ASK, "commit")]
    assert all(within(step, turn) and step.end <= turn.end for step in steps)
    assert all(one.end <= next_.begin for one, next_ in pairwise(steps))
    kinds = {name: span.kind for name, span in found.items()}
    assert (kinds["POST /chat"], kinds[TURN], kinds[ASK]) == ("server", "client", "client")


@pytest.mark.parametrize("stream", [False, True])
def test_a_stateless_request_s_steps_are_spans_too(
    traced: Service, caller: Client, collector: Collector, stream: bool
) -> None:
    found = spans(collector, traced, ask(caller, "/v1/chat/completions", stream=stream), 5)
    turn = found[TURN]
    assert within(turn, found["POST /v1/chat/completions"])
    assert all(within(found[name], turn) for name in ("reserve", ASK, "settle"))


def test_a_turn_says_what_it_used_in_opentelemetry_s_words(
    traced: Service, caller: Client, collector: Collector
) -> None:
    answer = ask(caller, "/chat")
    reply = answer.json()
    turn = spans(collector, traced, answer, 6)[TURN]
    assert turn.attributes["gen_ai.operation.name"] == "chat"
    assert turn.attributes["gen_ai.provider.name"] == "openai"
    assert turn.attributes["gen_ai.request.model"] == MODEL
    assert turn.attributes["gen_ai.response.model"] == reply["model"]
    assert turn.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert turn.attributes["gen_ai.conversation.id"] == reply["session_id"]
    assert turn.attributes["gen_ai.usage.input_tokens"] == reply["usage"]["prompt_tokens"]
    assert turn.attributes["gen_ai.usage.output_tokens"] == reply["usage"]["completion_tokens"]
    assert turn.resource["service.name"] == "chat-proxy"


def test_a_stream_s_spans_end_with_it(
    traced: Service, caller: Client, collector: Collector, chatgpt: Control
) -> None:
    chatgpt.queue(text="word " * 20, chunks_per_s=20)
    found = spans(collector, traced, ask(caller, "/chat", stream=True), 6)
    for name in ("POST /chat", TURN, ASK):
        assert found[name].end - found[name].begin > 0.7e9


def test_a_turn_that_goes_on_without_its_reader_has_its_spans(
    traced: Service, caller: Client, collector: Collector, chatgpt: Control
) -> None:
    chatgpt.queue(text="word " * 40, chunks_per_s=20)
    body = {"message": SAID, "stream": True, "model": MODEL}
    with caller.post("/chat", json=body, stream=True) as answer:
        next(answer.iter_lines())
    found = spans(collector, traced, answer, 6)
    assert found["POST /chat"].end < found[ASK].end <= found["commit"].begin
    assert within(found["commit"], found[TURN])


def test_the_wait_for_a_turn_is_a_span(
    traced: Service, collector: Collector, new_key: NewKey, chatgpt: Control
) -> None:
    narrow = traced.client(new_key(rpm=60, burst=1))
    answers = [ask(narrow, "/chat", wait=30) for _ in range(2)]
    found = spans(collector, traced, answers[1], 7)
    assert within(found["wait"], found[TURN])
    assert found["wait"].end <= found[ASK].begin


def test_a_caller_s_trace_is_gone_on_with(
    traced: Service, caller: Client, collector: Collector
) -> None:
    answer = caller.post("/chat", json={"message": SAID, "model": MODEL}, headers=GIVEN)
    line = line_of(traced, answer)
    _, trace_id, span_id, _ = GIVEN["traceparent"].split("-")
    assert line["trace"] == trace_id
    assert collector.trace(trace_id, 6)["POST /chat"].parent_id == span_id


def test_a_failure_names_its_code(
    traced: Service, caller: Client, collector: Collector, chatgpt: Control
) -> None:
    chatgpt.defaults(status=500, headers={"x-should-retry": "false"})
    found = spans(collector, traced, ask(caller, "/chat"), 5)
    for name in ("POST /chat", TURN, ASK):
        assert (found[name].failed, found[name].attributes["error.type"]) == (
            True,
            "upstream_error",
        )
    assert not found["reserve"].failed


def test_no_words_are_in_it(
    traced: Service, caller: Client, collector: Collector, chatgpt: Control
) -> None:
    chatgpt.defaults(text=WRITTEN)
    for path in ("/chat", "/v1/chat/completions"):
        for stream in (False, True):
            spans(collector, traced, ask(caller, path, stream=stream), 6 if path == "/chat" else 5)
    sent = b"".join(collector.bodies)
    secret = caller.headers["Authorization"].rpartition("-")[2]
    for word in (SAID, WRITTEN, CANARY, secret):
        assert word.encode() not in sent


def test_chatgpt_is_told_of_the_trace_only_where_that_is_allowed(
    caller: Client,
    chatgpt: Control,
    start_service: StartService,
    new_key: NewKey,
    collector: Collector,
) -> None:
    assert caller.post("/chat", json={"message": SAID}, headers=GIVEN).ok
    assert "traceparent" not in chatgpt.requests()[-1].headers
    settings = {"PROXY_TRACES_URL": collector.url, "PROXY_TRACES_UPSTREAM": "true"}
    telling = start_service(**settings, **QUICKLY)
    answer = telling.client(new_key()).post("/chat", json={"message": SAID, "model": MODEL})
    _, trace_id, span_id, _ = chatgpt.requests()[-1].headers["traceparent"].split("-")
    assert trace_id == line_of(telling, answer)["trace"]
    assert collector.trace(trace_id, 6)[ASK].id == span_id


def test_a_collector_that_is_gone_is_told_once_and_harms_nobody(
    start_service: StartService, new_key: NewKey, chatgpt: Control
) -> None:
    lonely = start_service(PROXY_TRACES_URL="http://127.0.0.1:9", **QUICKLY)
    caller = lonely.client(new_key())
    assert all(caller.chat().ok for _ in range(5))
    wait_until(lambda: lines(lonely, "problem"), "the log to tell")
    assert [line["what"] for line in lines(lonely, "problem")] == ["traces"]
    assert all(line.startswith("{") for line in lonely.log.splitlines())


OFF = """
import sys
from proxy.app import create_app
from proxy.settings import load
create_app(load())
assert not {"proxy.telemetry.otel", "opentelemetry.exporter"} & sys.modules.keys()
"""
MISSING = """
import sys
sys.modules["opentelemetry"] = None
from proxy.errors import SettingsError
from proxy.settings import load
try:
    load()
except SettingsError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("code", "url", "said"),
    [
        (OFF, "", ""),
        (
            MISSING,
            "http://127.0.0.1:4318",
            "PROXY_TRACES_URL: needs OpenTelemetry: pip install -r requirements-otel.txt.\n",
        ),
    ],
    ids=["nothing is loaded where it is off", "what is missing is named"],
)
def test_it_is_an_extra(code: str, url: str, said: str) -> None:
    needed = {"OPENAI_API_KEY": CANARY, "REDIS_URL": "redis://127.0.0.1:1"}
    environment = clean_environment(**needed, PROXY_TRACES_URL=url)
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, said), ended.stderr
