"""Errors: their two forms, and what becomes of a turn when ChatGPT fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.keys import issue
from tests.support.learned import forget
from tests.support.service import CANARY, Service, free_port
from tests.support.simulator import Control
from tests.web.refusals import refused
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from proxy.store.connection import Store
    from tests.conftest import StartService
    from tests.support.service import Client

WANT_TEXT = {"Accept": "text/plain"}
FAILED = (502, "upstream_error")
REFUSED_KEY = (502, "upstream_auth_failed")
NO_CREDIT = (503, "upstream_quota_exhausted")
LATE = (504, "upstream_timeout")
SLOW_DOWN = (429, "upstream_rate_limited")


@dataclass(frozen=True)
class Failure:
    """How ChatGPT fails, what the caller is told, and how often it is asked.

    Attributes:
        calls: how often ChatGPT is asked.
    """

    what: str
    reply: dict[str, Any]
    told: tuple[int, str]
    param: str | None = None
    calls: int = 1
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.what


def scripted(what: str, body: str) -> Failure:
    """An answer with status 200 and this body, which is none."""
    return Failure(what, {"body": body}, FAILED)


FAILURES = [
    Failure(
        "it refuses our key",
        {"status": 401},
        REFUSED_KEY,
        headers={"x-should-retry": "false"},
    ),
    Failure("it forbids", {"status": 403}, REFUSED_KEY, headers={"x-should-retry": "false"}),
    Failure(
        "it limits for a moment",
        {"status": 429, "headers": {"retry-after-ms": "150"}},
        SLOW_DOWN,
        calls=2,
        headers={"Retry-After": "1", "retry-after-ms": "150"},
    ),
    Failure(
        "it limits for long",
        {"status": 429, "headers": {"retry-after": "90"}},
        SLOW_DOWN,
        headers={"Retry-After": "90", "x-should-retry": "false"},
    ),
    Failure(
        "it names no end to its limit",
        {"status": 429, "headers": {"retry-after": "inf"}},
        SLOW_DOWN,
        headers={"Retry-After": "86400", "x-should-retry": "false"},
    ),
    Failure(
        "its account is out of credit",
        {"status": 429, "error": {"code": "insufficient_quota"}},
        NO_CREDIT,
        headers={"x-should-retry": "false"},
    ),
    Failure(
        "its budget is spent",
        {"status": 429, "error": {"code": "project_spend_limit_exceeded"}},
        NO_CREDIT,
    ),
    Failure("it breaks", {"status": 500}, FAILED, calls=2),
    Failure("it is overloaded", {"status": 503}, FAILED, calls=2),
    Failure(
        "it says not to retry", {"status": 500, "headers": {"x-should-retry": "false"}}, FAILED
    ),
    Failure(
        "it finds fault with a field",
        {"status": 400, "error": {"code": "unsupported_value", "param": "seed"}},
        (400, "unsupported_value"),
        "seed",
    ),
    Failure(
        "it finds the messages too long",
        {"status": 400, "error": {"code": "context_length_exceeded", "param": "messages"}},
        (400, "context_length_exceeded"),
        "messages",
    ),
    Failure("it lacks the model", {"status": 404}, (404, "model_not_found")),
    Failure("it is not there", {"status": 404, "body": "<h1>nothing</h1>"}, FAILED),
    Failure("it redirects", {"fault": "redirect"}, FAILED),
    Failure("it answers nothing", {"status": 204, "body": ""}, FAILED),
    scripted("it answers no words", ""),
    scripted("it answers a page", "<html>Welcome to the hotel</html>"),
    scripted("it answers null", "null"),
    scripted("it answers a list", "[]"),
    scripted("it answers an empty object", "{}"),
    scripted("it answers no choices", '{"model": "m", "choices": []}'),
    scripted(
        "it answers a bare message",
        '{"model": "m", "choices": [{"finish_reason": "stop", "message": "Hi"}]}',
    ),
    scripted(
        "it calls a tool without an id",
        '{"model": "m", "choices": [{"finish_reason": "stop", "message": {"tool_calls": [{}]}}]}',
    ),
    scripted(
        "it reports an impossible usage",
        '{"model": "m", "choices": [{"finish_reason": "stop", "message": {"content": "Hi"}}],'
        ' "usage": {"prompt_tokens": 1e300, "completion_tokens": 1}}',
    ),
    Failure("its JSON is malformed", {"fault": "malformed_json"}, FAILED),
    Failure("its text is not UTF-8", {"fault": "invalid_utf8"}, FAILED),
    Failure("its body is cut", {"fault": "cut_body"}, FAILED),
    Failure("its body is short", {"fault": "wrong_content_length"}, FAILED),
    Failure(
        "its body is longer than said",
        {"fault": "wrong_content_length", "after": 30},
        FAILED,
    ),
    Failure("it sends a bomb", {"fault": "gzip_bomb"}, FAILED),
    Failure("it never stops", {"fault": "enormous_line", "size": 10**7}, FAILED),
    Failure("it hangs up", {"fault": "no_status_line"}, FAILED, calls=2),
    Failure("it speaks no HTTP", {"fault": "raw", "raw": "Hm?\r\n\r\n"}, FAILED, calls=2),
    Failure("it is silent", {"fault": "silence"}, LATE),
    Failure("it thinks too long", {"delay_s": 20}, LATE),
    Failure("it drips", {"fault": "drip", "chunks_per_s": 20}, LATE),
    Failure("its own way is slow", {"status": 504}, LATE),
]


@pytest.fixture(scope="module")
def impatient(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """The service with little patience and little room."""
    settings = {
        "PROXY_UPSTREAM_READ_TIMEOUT": "1",
        "PROXY_UPSTREAM_TOTAL_TIMEOUT": "2",
        "PROXY_UPSTREAM_MAX_BYTES": "100000",
    }
    with Service(redis_server.url, simulator.url, **settings, **QUICK_STOP) as running:
        yield running


@dataclass(frozen=True)
class Outcome:
    """What a failure led to: the answer, the calls it took, the session then, the next turn."""

    failure: Failure
    answer: requests.Response
    calls: int
    session: dict[str, Any]
    next: requests.Response


@pytest.fixture(scope="module", params=FAILURES, ids=str)
def outcome(
    request: pytest.FixtureRequest,
    impatient: Service,
    simulator: SimulatedChatGPT,
    store: Store,
) -> Outcome:
    failure: Failure = request.param
    chatgpt, api = Control(simulator.url), impatient.client(issue(store, rpm=1, burst=5)[1])
    chatgpt.reset()
    forget(store)
    session = api.chat("First").json()["session_id"]
    chatgpt.defaults(**failure.reply)
    answer = api.chat("Second", session_id=session)
    calls = chatgpt.stats()["requests"] - 1
    chatgpt.reset()
    forget(store)
    found = api.get(f"/sessions/{session}").json()
    return Outcome(failure, answer, calls, found, api.chat("Third", session_id=session))


def test_each_failure_of_chatgpt_is_told_as_ours(outcome: Outcome) -> None:
    failure, answer = outcome.failure, outcome.answer
    refused(answer, *failure.told, failure.param)
    assert {name: answer.headers[name] for name in failure.headers} == failure.headers


def test_chatgpt_is_asked_again_only_where_that_can_help(outcome: Outcome) -> None:
    assert outcome.calls == outcome.failure.calls


def test_a_turn_that_failed_is_not_stored(outcome: Outcome) -> None:
    assert [turn["message"] for turn in outcome.session["turns"]] == ["First"]


def test_a_session_goes_on_after_a_failure(outcome: Outcome) -> None:
    assert outcome.next.ok
    assert outcome.next.json()["context"]["turns_sent"] == 1


def test_a_request_counts_that_chatgpt_did_not_answer(outcome: Outcome) -> None:
    assert outcome.answer.headers["x-ratelimit-remaining-requests"] == "3"


def test_failures_are_logged_in_one_line_each_without_what_was_said(
    outcome: Outcome, impatient: Service
) -> None:
    log = impatient.log
    assert "Traceback" not in log
    assert '"defect"' not in log
    assert not [said for said in ("Second", "hotel", CANARY) if said in log]


def test_a_server_that_is_not_there_is_told_and_costs_nothing(
    start_service: StartService, store: Store
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/v1"
    service = start_service(OPENAI_BASE_URL=nowhere, **QUICK_STOP)
    api = service.client(issue(store, rpm=1, burst=5)[1])
    answer = api.chat("Hello")
    error = refused(answer, 502, "upstream_error")
    assert "cannot be reached" in error["message"]
    assert answer.headers["x-ratelimit-remaining-requests"] == "5"
    assert api.get("/sessions").json()["data"] == []


def test_a_first_message_that_fails_leaves_no_session(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(fault="cut_body")
    assert api.chat("Hello").status_code == 502
    assert api.get("/sessions").json()["data"] == []


def test_a_failure_that_passes_is_not_noticed(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(status=500)
    assert api.chat("Hello").ok
    assert chatgpt.stats()["requests"] == 2


def test_our_key_is_hidden_where_chatgpt_repeats_it(api: Client, chatgpt: Control) -> None:
    said = f"No project for {CANARY}."
    chatgpt.queue(status=400, error={"message": said, "param": CANARY, "code": CANARY})
    answer = api.chat("Hello")
    assert CANARY not in answer.text + str(answer.headers)
    assert answer.json()["error"]["message"] == "No project for [hidden]."


def test_neither_proxy_nor_netrc_of_the_machine_is_used(
    start_service: StartService, store: Store, chatgpt: Control, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password secret\n")
    nowhere = f"http://127.0.0.1:{free_port()}"
    environment = {"NETRC": str(netrc), "HTTP_PROXY": nowhere, "http_proxy": nowhere}
    service = start_service(**environment, **QUICK_STOP)
    assert service.client(issue(store)[1]).chat("Hello").ok
    assert chatgpt.requests()[0].headers["authorization"] == f"Bearer {CANARY}"


# As text


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("POST /chat", 400),
        ("GET /chat", 405),
        ("GET /nothing", 404),
        ("GET /sessions/s_x", 404),
        ("GET /sessions?limit=0", 400),
    ],
)
def test_an_error_is_one_line_where_text_is_asked_for(api: Client, line: str, status: int) -> None:
    method, path = line.split(" ")
    answer = api.request(method, path, headers=WANT_TEXT)
    assert (answer.status_code, answer.text.count("\n")) == (status, 1)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Request-ID"]


def test_without_a_key_the_error_is_one_line_too(service: Service) -> None:
    answer = service.client().post("/chat", data=b"Hello", headers=WANT_TEXT)
    assert (answer.status_code, answer.text.count("\n")) == (401, 1)


def test_what_chatgpt_says_in_many_lines_is_one(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(status=400, error={"message": "One.\r\n\n  Two.\u2028Three."})
    answer = api.post("/chat", data=b"Hello", headers=WANT_TEXT)
    assert answer.text == "One. Two. Three.\n"


def test_a_head_is_answered_without_a_body(api: Client) -> None:
    found, missing = (api.request("HEAD", path) for path in ("/livez", "/nothing"))
    assert (found.status_code, missing.status_code) == (200, 404)
    assert (found.content, missing.content) == (b"", b"")
