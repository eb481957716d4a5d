"""The upstream key and the clients' secrets turn up nowhere, whatever goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxy.domain.limits import Limits
from proxy.settings import load
from proxy.simulator.process import SimulatedChatGPT
from proxy.store import client_keys
from proxy.store.connection import Store
from tests.support import custody
from tests.support.learned import forget
from tests.support.redis_server import PASSWORD, RedisServer
from tests.support.service import CANARY, Service
from tests.support.simulator import Control

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

ECHO = {"message": f"Incorrect API key provided: {CANARY}.", "code": CANARY, "param": CANARY}
UPSTREAM_FAILURES: list[dict[str, Any]] = [
    {"status": 400, "error": ECHO},
    {"status": 401, "error": ECHO},
    {"status": 403, "error": ECHO},
    {"status": 404, "error": ECHO},
    {"status": 418, "error": ECHO},
    {"status": 422, "body": f'{{"error": {{"message": {{"key": "{CANARY}"}}}}}}'},
    {"status": 429, "error": ECHO, "headers": {"x-request-id": CANARY, "retry-after": CANARY}},
    {"status": 429, "error": ECHO | {"code": "insufficient_quota"}},
    {"status": 500, "body": CANARY},
    {"status": 503, "error": ECHO, "headers": {"x-should-retry": CANARY}},
    {"body": CANARY},
    {"body": f'{{"choices": "{CANARY}"}}'},
    {"usage": {"prompt_tokens": CANARY}},
    {"fault": "malformed_json"},
    {"fault": "cut_body"},
    {"fault": "redirect"},
    {"fault": "no_status_line"},
    {"fault": "raw", "raw": f"HTTP/1.1 {CANARY}\r\n\r\n"},
    {"fault": "silence"},
    {"fault": "drip", "chunks_per_s": 2},
]
BAD_REQUESTS: list[dict[str, Any]] = [
    {"method": "POST", "path": "/chat", "data": b"{"},
    {"method": "POST", "path": "/chat", "data": b"\xff\xfe"},
    {"method": "POST", "path": "/chat", "json": {"message": 5}},
    {"method": "POST", "path": "/chat", "json": {"message": "x", "api_key": "x"}},
    {"method": "POST", "path": "/chat", "json": {"message": "x", "session_id": "../keys"}},
    {"method": "POST", "path": "/chat", "json": {"message": "x", "model": "\r\nX: y"}},
    {"method": "POST", "path": "/chat", "data": b"x" * 2_000_000},
    {"method": "GET", "path": "/chat"},
    {"method": "GET", "path": "/nothing"},
    {"method": "GET", "path": "/sessions/s_none/export?format=x"},
    {"method": "GET", "path": "/sessions?cursor=x"},
    {"method": "GET", "path": "/sessions"},
    {"method": "GET", "path": "/livez"},
    {"method": "GET", "path": "/readyz"},
    {"method": "GET", "path": "/openapi.json"},
]


class Run:
    """A service after errors of every kind, and all that it said and kept.

    Attributes:
        statuses: of its answers.
        told: the headers and bodies of its answers.
        kept: every key and value in Redis.
        arguments: the command lines of its processes.
        log: what it printed.
    """

    def __init__(self, redis: RedisServer, simulator: SimulatedChatGPT) -> None:
        self.secret = client_keys.new_secret()
        self.statuses: set[int] = set()
        self.told = ""
        settings = load({"REDIS_URL": redis.url, "OPENAI_API_KEY": CANARY})
        store, control = Store(settings), Control(simulator.url)
        hashed = client_keys.hashed(self.secret)
        key = client_keys.ClientKey("canary", "canary", hashed, 1, Limits(0, 0))
        store.run_all(*client_keys.create(key))
        with Service(
            redis.url,
            simulator.url,
            PROXY_UPSTREAM_READ_TIMEOUT="0.5",
            PROXY_UPSTREAM_TOTAL_TIMEOUT="1",
            PROXY_LOG_LEVEL="debug",
        ) as service:
            caller = service.client(client_keys.token(key.id, self.secret))
            for failure in [{}, *UPSTREAM_FAILURES]:
                control.defaults(**failure)
                self._hear(caller.chat("Hello"))
                forget(store)  # a refusal of ChatGPT's would keep the next from it
            control.reset()
            for request in BAD_REQUESTS:
                self._hear(caller.request(**request))
            self._misuse_without_a_key(service)
            with redis.admin() as admin:
                self.kept = "\n".join(custody.dump(admin))
            self.arguments = "\n".join(map(custody.arguments, custody.family(service.pid)))
            redis.kill()
            self._hear(service.client(client_keys.token(key.id, self.secret)).chat())
            self.log = service.log
        store.close()

    def found_in(self, text: str) -> list[str]:
        """The secrets that a text tells."""
        return [secret for secret in (CANARY, PASSWORD, self.secret) if secret in text]

    def _hear(self, answer: requests.Response) -> None:
        self.statuses.add(answer.status_code)
        self.told += f"{answer.headers} {answer.text}\n"

    def _misuse_without_a_key(self, service: Service) -> None:
        for wrong in (None, "sk-proxy-canary-wrong", f"sk-proxy-other-{self.secret}", "x"):
            self._hear(service.client(wrong).chat("Hello"))


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with RedisServer(guarded=True) as redis, SimulatedChatGPT(api_key=CANARY) as simulator:
        yield Run(redis, simulator)


def test_the_run_met_errors_of_every_kind(run: Run) -> None:
    assert run.statuses == {200, 400, 401, 404, 405, 413, 429, 502, 503, 504}


def test_no_answer_tells_a_secret(run: Run) -> None:
    assert run.found_in(run.told) == []


def test_no_line_of_the_log_tells_a_secret(run: Run) -> None:
    assert '"status":502' in run.log
    assert run.found_in(run.log) == []


def test_no_key_or_value_of_redis_tells_a_secret(run: Run) -> None:
    assert client_keys.hashed(run.secret) in run.kept
    assert "Hello" in run.kept
    assert run.found_in(run.kept) == []


def test_no_argument_of_a_process_tells_a_secret(run: Run) -> None:
    assert "gunicorn" in run.arguments
    assert run.found_in(run.arguments) == []


def test_an_error_s_own_words_come_through_without_the_key(run: Run) -> None:
    assert "Incorrect API key provided: [hidden]." in run.told
