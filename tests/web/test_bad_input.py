"""Whatever is wrong with a request, the caller is told which 4xx it is, and nothing breaks."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.identifiers import new_session_id
from proxy.web.schemas import ChatRequest, SessionSettings
from tests.support.keys import issue
from tests.web.bad_requests import ALL, JSON, MEGABYTE, TEXT, Bad
from tests.web.raw_http import exchange
from tests.web.refusals import refused
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.store.connection import Store
    from tests.conftest import StartService
    from tests.support.service import Client, Service


@dataclass(frozen=True)
class Known:
    """A caller, and what stands for its sessions and another's in the table."""

    client: Client
    names: dict[str, str]

    def named(self, text: str) -> str:
        for name, session in self.names.items():
            text = text.replace(name, session)
        return text

    def send(self, bad: Bad) -> Any:
        headers = {name: self.named(value) for name, value in bad.headers.items()}
        body = bad.body
        if body is not None and len(body) < MEGABYTE and b"$" in body:
            body = self.named(body.decode()).encode()
        return self.client.request(bad.method, self.named(bad.path), headers, data=body)


@pytest.fixture(scope="module")
def known(service: Service, store: Store) -> Known:
    mine, other = (service.client(issue(store)[1]) for _ in range(2))
    names = {
        "$mine": mine.chat().json()["session_id"],
        "$empty": mine.post("/sessions").json()["id"],
        "$foreign": other.chat().json()["session_id"],
        "$none": new_session_id(),
    }
    return Known(mine, names)


@pytest.mark.parametrize("bad", ALL, ids=str)
def test_what_is_wrong_is_told(known: Known, bad: Bad) -> None:
    status, code = bad.told
    refused(known.send(bad), status, code, bad.param)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"temprature": 1}, "no field here; did you mean 'temperature'? The fields are temp"),
        ({"zzz": 1}, "no field here; the fields are temp"),
        ({"tool_results": [{"tool_call_id": "c", "content": "", "x": 1}]}, ".x' is no field here."),
    ],
)
def test_an_unknown_field_is_told_with_the_one_that_may_be_meant(
    known: Known, fields: dict[str, Any], told: str
) -> None:
    answer = known.client.chat(**fields)
    assert told in answer.json()["error"]["message"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*ChatRequest.model_fields, *SessionSettings.model_fields, "turn"])
WRITING = (
    "POST /chat",
    "POST /sessions",
    "PATCH /sessions/$mine",
    "POST /sessions/$mine/fork",
    "POST /sessions/$mine/regenerate",
)


@given(st.sampled_from(WRITING), st.dictionaries(NAMES, VALUES, min_size=1, max_size=4))
def test_no_object_whatever_breaks_the_service(
    known: Known, line: str, fields: dict[str, Any]
) -> None:
    method, path = line.split(" ")
    answer = known.client.request(method, known.named(path), JSON, data=orjson.dumps(fields))
    assert answer.status_code in {200, 201, 400, 404}, answer.text


def chunks() -> Iterator[bytes]:
    for _ in range(160):
        yield b"x" * 65_536


def test_many_names_do_not_hold_the_worker_up(known: Known) -> None:
    names = b",".join(b'"%x":1' % number for number in range(90_000))
    begun = time.monotonic()
    answer = known.client.post("/chat", data=b'{%b,"15f8f":1}' % names, headers=JSON)
    refused(answer, 400, "invalid_request", "15f8f")
    assert time.monotonic() - begun < 10  # where each name was counted among all it took minutes


@pytest.mark.parametrize(
    "many",
    [
        b"[]," * 6_000_000,
        b"{}," * 6_000_000,
        b"1," * 9_000_000,
        b'"' + b'\\"' * 9_000_000,
        b'"' + b'["' * 9_000_000,
        b'"' + b'[\\"' * 6_000_000 + b"\\",
    ],
    ids=lambda many: str(many[:8]),
)
def test_twenty_megabytes_of_anything_do_not_hold_the_worker_up(known: Known, many: bytes) -> None:
    begun = time.monotonic()
    body = b'{"model": "gpt-6-luna", "messages": [' + many + b"1]}"
    refused(
        known.client.post("/v1/chat/completions", data=body, headers=JSON), 400, "invalid_request"
    )
    assert time.monotonic() - begun < 15  # it took a minute, of all that the worker streamed


def test_brackets_in_a_text_are_a_text(known: Known) -> None:
    assert known.client.chat("[{," * 60_000).ok


@pytest.mark.parametrize("headers", [JSON, TEXT])
def test_ten_megabytes_in_chunks_are_too_large(known: Known, headers: dict[str, str]) -> None:
    answer = known.client.post("/chat", data=chunks(), headers=headers)
    refused(answer, 413, "request_too_large")


@pytest.mark.parametrize("line", ["POST /livez", "PUT /chat", "GET /sessions/$mine/undo"])
def test_a_wrong_method_is_told_the_right_ones(known: Known, line: str) -> None:
    method, path = line.split(" ")
    answer = known.client.request(method, known.named(path))
    allowed = answer.headers["Allow"].split(", ")
    assert method not in allowed
    assert all(each in answer.json()["error"]["message"] for each in allowed)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET //chat", 405),
        ("GET /./livez", 404),
        ("GET /sessions/../livez", 404),
        ("GET /%2e%2e/livez", 404),
        ("GET /sessions/%2e%2e%2flivez", 404),
        ("GET /..%5clivez", 404),
        ("GET http://elsewhere/nothing", 404),
        ("CONNECT /livez", 405),
    ],
)
def test_no_path_is_rewritten_into_another(service: Service, line: str, status: int) -> None:
    sent = f"{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = exchange(service.port, sent.encode())
    assert answer.status == status
    assert answer.error["code"] in {"not_found", "method_not_allowed"}


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Session-ID: a\rb",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Session-ID: a\nX-Evil: b",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-ID: a\x00b",
        b"GET /livez HTTP/1.1\r\nHost: x\r\n folded: line",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nno colon",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nname : space",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: -1",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2",
        b"POST /chat HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        b"GET /livez HTTP/9.9\r\nHost: x",
        b"GET livez HTTP/1.1\r\nHost: x",
        b"get /livez HTTP/1.1\r\nHost: x",
        b"GET /livez\x00 HTTP/1.1\r\nHost: x",
        b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 90_000,
    ],
)
def test_malformed_http_is_refused_before_the_service_sees_it(
    service: Service, head: bytes
) -> None:
    answer = exchange(service.port, head + b"\r\n\r\n")
    assert 400 <= answer.status < 500
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "header",
    [
        b"Host: \xff",
        b"Host: [::1",
        b"Host: a:b:c",
        b"Host: x\r\nX-Request-ID: \xff\xfe",
        b"Host: x\r\nAccept: text/plain;q=nan, ;;;, */*;q=1e999",
        b"Host: x\r\nCookie: =;=;\xff",
        b"Host: x\r\nContent-Type: ;;;=\xff",
        b"Host: x\r\nAuthorization: Bearer \xff\xfe",
    ],
)
def test_odd_headers_do_no_harm(service: Service, header: bytes) -> None:
    head = b"GET /livez HTTP/1.1\r\nConnection: close\r\n" + header + b"\r\n\r\n"
    assert exchange(service.port, head).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"ZZZ\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}more\r\n0\r\n\r\n",
        b"-1\r\n{}\r\n0\r\n\r\n",
        b"2;a=\rb\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_malformed_chunks_are_the_sender_s_fault(
    known: Known, service: Service, body: bytes
) -> None:
    head = b"POST /chat HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nAuthorization: "
    key = known.client.headers["Authorization"].encode()
    answer = exchange(service.port, head + key + b"\r\n\r\n" + body)
    assert (answer.status, answer.error["code"]) == (400, "invalid_request")
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [("/chat", 100_000, 400), ("/chat", 3 * MEGABYTE, 413), ("/nothing", 100_000, 404)],
)
def test_a_connection_goes_on_after_a_refusal(
    known: Known, path: str, size: int, status: int
) -> None:
    with requests.Session() as connection:
        connection.headers.update(known.client.headers)
        refusal = connection.post(known.client.url + path, data=b" " * size, timeout=30)
        after = connection.get(known.client.url + "/sessions", timeout=30)
    assert (refusal.status_code, after.status_code) == (status, 200)


def test_a_sender_that_waits_for_leave_gets_it(known: Known, service: Service) -> None:
    key = known.client.headers["Authorization"]
    head = f"POST /chat HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Length: 20\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n")
        connection.sendall(b'{"message": "Hello"}')
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_body_that_does_not_arrive_in_time_is_given_up(
    start_service: StartService, store: Store
) -> None:
    service = start_service(PROXY_BODY_DEADLINE="0.2", **QUICK_STOP)
    head = "POST /chat HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nAuthorization: Bearer "
    answer = exchange(service.port, f"{head}{issue(store)[1]}\r\n\r\n{{".encode())
    assert (answer.status, answer.error["code"]) == (408, "request_timeout")


def test_after_all_this_the_service_is_well(known: Known, service: Service) -> None:
    assert known.client.chat("Hello").ok
    assert '"defect"' not in service.log
