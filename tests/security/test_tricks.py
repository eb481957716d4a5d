"""Headers and paths that mean something else on the way: here they mean what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.keys import issue
from tests.web.raw_http import RawAnswer, exchange

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.conftest import NewKey
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

OVERRIDES = [
    ("X-HTTP-Method-Override", "DELETE"),
    ("X-HTTP-Method", "DELETE"),
    ("X-Method-Override", "DELETE"),
    ("X-Original-URL", "/admin/api/keys"),
    ("X-Rewrite-URL", "/admin/api/keys"),
    ("X-Original-Method", "DELETE"),
    ("X-Forwarded-Prefix", "/admin/api"),
    ("X-Script-Name", "/admin"),
    ("Script-Name", "/admin"),
    ("X-Forwarded-Uri", "/admin/api/keys"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-For", "127.0.0.1"),
    ("X-Forwarded-Proto", "https"),
    ("X-Real-IP", "127.0.0.1"),
    ("Forwarded", "for=127.0.0.1;host=evil.example;proto=https"),
    ("X-Remote-User", "admin"),
    ("Remote-User", "admin"),
    ("X-Forwarded-User", "admin"),
    ("X-SSL-Client-Verify", "SUCCESS"),
    ("Host", "evil.example"),
    ("Host", "127.0.0.1:1"),
    ("Upgrade", "websocket"),
    ("Content-Encoding", "gzip"),
    ("Range", "bytes=0-1"),
    ("If-None-Match", "*"),
    ("Accept-Encoding", "gzip, br"),
    ("Connection", "close, authorization"),
    ("X-Session-ID", "s_aaaaaaaaaaaaaaaaaaaaaa"),
]


@pytest.fixture(scope="module")
def caller(service: Service, store: Store) -> Client:
    return service.client(issue(store)[1])


@pytest.mark.parametrize(("header", "value"), OVERRIDES)
def test_a_header_changes_neither_who_asks_nor_for_what(
    caller: Client, header: str, value: str
) -> None:
    session = caller.post("/sessions", json={"title": "Kept"}).json()["id"]
    plain = caller.get(f"/sessions/{session}")
    answer = caller.get(f"/sessions/{session}", headers={header: value})
    assert (answer.status_code, answer.json()) == (200, plain.json())
    assert "evil" not in str(answer.headers)
    assert caller.get(f"/sessions/{session}").ok


@pytest.mark.parametrize(("header", "value"), OVERRIDES)
def test_a_header_makes_nobody_an_operator(caller: Client, header: str, value: str) -> None:
    answer = caller.get("/admin/api/keys", headers={header: value})
    assert answer.status_code == 401


PATHS = (
    "/v1/../admin/api/keys",
    "/v1/%2e%2e/admin/api/keys",
    "/v1/models/../../admin/api/keys",
    "/v1/models/..%2f..%2fadmin/api/keys",
    "/sessions/../admin/api/keys",
    "/sessions/..;/admin/api/keys",
    "/./admin/api/keys",
    "//admin/api/keys",
    "/admin//api/keys",
    "/admin%2fapi%2fkeys",
    "/admin%252fapi%252fkeys",
    "/admin\\api\\keys",
    "/admin/api/keys/",
    "/admin/api/keys/.",
    "/admin/api/keys/..",
    "/admin/api/keys%00",
    "/admin/api/keys%00.json",
    "/admin/api/keys;v=1",
    "/admin/api/keys.json",
    "/admin/api/keys%20",
    "/admin/api/keys%0d%0aX-Evil:%201",
    "/ADMIN/api/keys",
    "/Admin/Api/Keys",
    "/%61dmin/api/keys",
    "/admin/api/keys?x=/livez",
    "/livez/../admin/api/keys",
    "/livez%2f..%2fadmin/api/keys",
    "/metrics;/../admin/api/keys",
    "http://127.0.0.1/admin/api/keys",
    "http://evil.example/admin/api/keys",
)


def raw(service: Service, caller: Client, line: str) -> RawAnswer:
    key = caller.headers["Authorization"]
    head = f"{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {key}\r\n\r\n"
    return exchange(service.port, head.encode(), line.split(" ", maxsplit=1)[0])


@pytest.mark.parametrize("path", PATHS)
def test_no_spelling_of_a_path_goes_round_its_guard(
    service: Service, caller: Client, path: str
) -> None:
    answer = raw(service, caller, f"GET {path}")
    assert answer.status in {401, 404}
    assert answer.headers["content-type"] == "application/json"
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/v1/files",
        "/v1/organization/api_keys",
        "/v1/chat/completions/../../files",
        "/v1/models/%2e%2e/files",
        "/v1/models/..%2ffiles",
        "/v1/models/?x=/files",
        "/v1/models/http://evil.example/",
        "/v1/models/@evil.example",
        "/v1/models//evil.example/v1",
        "/v1/models/gpt-6-luna%0d%0aHost:%20evil.example",
        "/v1/assistants",
        "/v1/fine_tuning/jobs",
        "/v1/audio/transcriptions",
        "/v1//chat/completions",
        "/v1/v1/chat/completions",
        "/v2/chat/completions",
        "/V1/models",
    ],
)
def test_no_path_reaches_what_the_service_does_not_offer(
    service: Service, chatgpt: Control, caller: Client, path: str
) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert raw(service, caller, f"{method} {path}").status in {404, 405}
    assert {request.path for request in chatgpt.requests()} <= {"/v1/models"}


@pytest.mark.parametrize(
    "value",
    [
        "a%0d%0aX-Evil: 1",
        "a\\r\\nX-Evil: 1",
        "\u0130",
        "é",
        "<script>",
        "'; DROP",
        "x" * 200,
    ],
)
def test_no_header_comes_back_that_was_not_meant_to(caller: Client, value: str) -> None:
    sent = {"X-Request-ID": value.encode(), "Idempotency-Key": b"k", "Origin": value.encode()}
    answer = caller.post("/chat", json={"message": "Hello"}, headers=sent)
    assert answer.headers["X-Request-ID"].startswith("req_")
    assert "x-evil" not in {name.lower() for name in answer.headers}
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("path", ["/chat", "/sessions", "/v1/chat/completions", "/admin/api/keys"])
def test_no_answer_sets_a_cookie_or_trusts_one(
    service: Service, new_key: NewKey, path: str
) -> None:
    for caller in (service.client(new_key()), service.client()):
        answer = caller.get(path, cookies={"session": "s_x", "admin": "1"})
        assert "Set-Cookie" not in answer.headers
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
