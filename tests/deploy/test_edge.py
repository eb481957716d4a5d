"""config/nginx/edge.conf in a real nginx: what it lets through, holds back and keeps to itself."""

from __future__ import annotations

import json
import re
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests

from proxy.settings import Settings
from tests.deploy.edge import CONFIGURATION, Edge
from tests.streaming.listening import kinds, stream, words
from tests.support.service import ADMIN_TOKEN, free_port
from tests.support.tls_server import CERTIFICATE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deploy.conftest import Pair
    from tests.support.service import Client
    from tests.support.simulator import Control

SAID = CONFIGURATION.read_text("utf-8")


@contextmanager
def connected(edge: Edge) -> Iterator[ssl.SSLSocket]:
    """A connection by TLS that speaks HTTP/1.1."""
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    with (
        socket.create_connection(("127.0.0.1", edge.port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        yield secure


def test_an_answer_comes_through_with_its_headers(outside: Client) -> None:
    answer = outside.chat()
    assert (answer.status_code, answer.json()["finish_reason"]) == (200, "stop")
    assert {"X-Request-ID", "X-Session-ID", "x-ratelimit-limit-requests"} <= set(answer.headers)
    assert answer.headers["Server"] == "nginx"


def test_words_flow_as_they_are_written(outside: Client, chatgpt: Control) -> None:
    chatgpt.queue(fault="silence", after=2)
    with stream(outside) as events:
        assert events.until("delta").data["text"]
        assert chatgpt.stats()["open_streams"] == 1
        turn = events.turn_id
        assert outside.post(f"/chat/turns/{turn}/cancel").ok
        assert list(events)[-1].kind == "error"


def test_a_whole_stream_comes_through(outside: Client, chatgpt: Control) -> None:
    chatgpt.queue(total_chars=4000, chunk_size=4)
    with stream(outside) as events:
        heard = list(events)
    assert kinds(heard) == ["start", "delta", "done"]
    assert len(words(heard)) == 4000


def test_a_caller_who_leaves_is_missed_by_chatgpt(outside: Client, chatgpt: Control) -> None:
    chatgpt.queue(fault="silence", after=1)
    asked = {"model": "gpt-6-luna", "stream": True}
    asked["messages"] = [{"role": "user", "content": "Hello"}]
    with outside.post("/v1/chat/completions", json=asked, stream=True) as answer:
        chunks = answer.iter_content(1)
        assert next(chunks)
        wait_until(lambda: chatgpt.stats()["open_streams"] == 1, "the stream")
    wait_until(lambda: chatgpt.stats()["open_streams"] == 0, "ChatGPT to be left")


def test_a_body_that_comes_slowly_waits_outside(pair: Pair, outside: Client) -> None:
    head = "POST /chat HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\nConnection: close\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in outside.headers.items())
    begun = f'{head}Content-Type: application/json\r\n\r\n{{"message": '.encode()
    with (
        connected(pair.edge) as slow,
        socket.create_connection(("127.0.0.1", pair.proxies[0].port), timeout=60) as direct,
    ):
        slow.sendall(begun)
        direct.sendall(begun)
        assert direct.recv(12) == b"HTTP/1.1 408"  # PROXY_BODY_DEADLINE
        slow.sendall(b'"Hello"}')
        assert slow.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize("secret", [None, ADMIN_TOKEN])
@pytest.mark.parametrize(
    "path",
    [
        *("/metrics", "/metrics/", "/admin", "/admin/", "/admin/api/keys", "//admin/api/keys"),
        *("/%61dmin/api/keys", "/x/../admin/api/keys", "/x/%2e%2e/admin", "/./metrics"),
        *("/x%2f..%2fmetrics", "/admin;x", "/metrics?a=b"),
    ],
)
def test_what_is_for_operators_is_not_for_the_world(
    pair: Pair, path: str, secret: str | None
) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    head += f"Authorization: Bearer {secret}\r\n\r\n" if secret else "\r\n"
    with connected(pair.edge) as caller:
        caller.sendall(head.encode())
        answer = b"".join(iter(lambda: caller.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 404 "), answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "not_found"
    assert b"X-Request-ID: " in answer


def test_a_body_that_is_too_large_is_refused_as_the_service_would(outside: Client) -> None:
    answer = outside.post("/v1/chat/completions", data=b" " * (20 * 2**20 + 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    assert f"client_max_body_size {20}m;" in SAID
    assert Settings.model_fields["v1_body_max_bytes"].default == 20 * 2**20


def test_while_no_proxy_runs_it_says_so_and_when(chatgpt: Control) -> None:
    with Edge(free_port()) as edge:
        answer = edge.client().get("/readyz")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
    assert answer.headers["Retry-After"] == "1"


def test_plain_http_is_led_to_tls(pair: Pair) -> None:
    plain = f"http://127.0.0.1:{pair.edge.plain_port}"
    led = requests.get(f"{plain}/chat?x=1", allow_redirects=False, timeout=10)
    assert (led.status_code, led.headers["Location"]) == (308, "https://127.0.0.1/chat?x=1")
    assert requests.get(f"{plain}/edge-health", timeout=10).status_code == 204


def test_it_waits_for_an_answer_longer_than_the_service_does() -> None:
    longest = Settings.model_fields["upstream_total_timeout"].default
    waits = re.findall(r"^\s*proxy_read_timeout (\d+)s;", SAID, re.MULTILINE)
    assert [int(seconds) > longest for seconds in waits] == [True]


def test_whoever_says_nothing_is_let_go() -> None:
    for name in ("client_header_timeout", "client_body_timeout", "keepalive_timeout"):
        assert re.search(rf"^\s*{name} \d+s;", SAID, re.MULTILINE), name


def test_its_log_tells_neither_queries_nor_keys(pair: Pair, outside: Client) -> None:
    outside.get("/sessions?q=canary-of-a-query")
    wait_until(lambda: '"path":"/sessions"' in pair.edge.log, "the line", 30)
    assert "canary-of-a-query" not in pair.edge.log
    assert outside.headers["Authorization"].split("-")[-1] not in pair.edge.log
