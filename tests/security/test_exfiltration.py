"""The upstream key goes to ChatGPT alone, and nobody chooses where the service sends requests."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.openai.relaying import CHAT, EMBEDDINGS, RESPONSES, ask
from tests.support.keys import issue
from tests.support.service import CANARY
from tests.web.refusals import refused
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from pathlib import Path

    from proxy.store.connection import Store
    from tests.conftest import StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control, SentRequest

EVIL = "http://evil.example/v1"
COMPLETION = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hello"}]}
OURS = {
    *("authorization", "content-type", "content-length", "accept", "accept-encoding", "host"),
    *("user-agent", "connection"),
}
"""The names of the headers that ChatGPT gets."""


@pytest.fixture
def caller(service: Service, store: Store, chatgpt: Control) -> Client:
    return service.client(issue(store)[1])


def only(chatgpt: Control) -> SentRequest:
    (request,) = chatgpt.requests()
    return request


@pytest.mark.parametrize(
    "field",
    [
        *("base_url", "api_base", "api_key", "apiKey", "organization", "project", "url", "host"),
        *("extra_headers", "extra_body", "extra_query", "headers", "proxy", "proxies", "endpoint"),
        *("webhook", "callback_url", "timeout", "upstream", "provider", "azure_endpoint", "user"),
    ],
)
def test_no_field_of_a_chat_says_where_to_ask_or_with_what_key(
    caller: Client, chatgpt: Control, field: str
) -> None:
    refused(caller.chat("Hello", **{field: EVIL}), 400, "invalid_request", field)
    assert chatgpt.requests() == []


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions"])
@pytest.mark.parametrize("field", ["base_url", "api_key", "headers", "extra_headers", "proxies"])
def test_a_field_that_openai_does_not_know_is_a_field_and_no_more(
    caller: Client, chatgpt: Control, path: str, field: str
) -> None:
    value: Any = {"Authorization": "Bearer x", "Host": "evil.example"}
    caller.post(path, json=COMPLETION | {field: value})
    sent = only(chatgpt)
    assert sent.path == "/v1/chat/completions"
    assert sent.headers["authorization"] == f"Bearer {CANARY}"
    assert sent.headers["host"].startswith("127.0.0.1")
    assert sent.headers.keys() <= OURS


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Cookie", "session=1"),
        ("Host", "evil.example"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("Forwarded", "host=evil.example"),
        ("Proxy-Authorization", "Basic eDp5"),
        ("OpenAI-Organization", "org-evil"),
        ("OpenAI-Project", "proj_evil"),
        ("OpenAI-Beta", "assistants=v2"),
        ("X-API-Key", "x"),
        ("Api-Key", "x"),
        ("Referer", EVIL),
        ("Origin", EVIL),
        ("User-Agent", "evil"),
        ("Accept", "text/html"),
        ("Accept-Encoding", "br"),
        ("Content-Encoding", "identity"),
        ("TE", "trailers"),
        ("Expect", "100-continue"),
        ("Connection", "close, Authorization"),
        ("X-Stainless-Retry-Count", "5"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ],
)
def test_no_header_of_a_caller_reaches_chatgpt(
    caller: Client, chatgpt: Control, header: str, value: str
) -> None:
    for path, body in (("/v1/chat/completions", COMPLETION), ("/chat", {"message": "Hello"})):
        chatgpt.reset()
        assert caller.post(path, json=body, headers={header: value}).ok
        sent = only(chatgpt)
        own = caller.headers["Authorization"]
        assert own not in str(sent.headers)
        assert sent.headers.keys() - OURS <= {"traceparent"}
        assert sent.headers["accept"] == "application/json"
        assert "evil" not in str(sent.headers)


@pytest.mark.parametrize(
    ("path", "stream"),
    [(CHAT, False), (CHAT, True), (RESPONSES, False), (RESPONSES, True), (EMBEDDINGS, False)],
)
def test_no_redirect_is_followed_or_told(
    caller: Client, chatgpt: Control, path: str, stream: bool
) -> None:
    chatgpt.queue(path=path, fault="redirect")
    answer = ask(caller, path, **({"stream": True} if stream else {}))
    refused(answer, 502, "upstream_error")
    assert "Location" not in answer.headers
    assert only(chatgpt).path == path


def test_neither_netrc_nor_a_proxy_of_the_environment_gets_a_request(
    start_service: StartService, store: Store, chatgpt: Control, tmp_path: Path
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login evil password evil\ndefault login e password e\n")
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        proxy = f"http://127.0.0.1:{trap.getsockname()[1]}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        settings = dict.fromkeys(names, proxy) | {"NETRC": str(netrc), "HOME": str(tmp_path)}
        service = start_service(**settings, NO_PROXY="", no_proxy="", **QUICK_STOP)
        assert service.client(issue(store)[1]).chat("Hello").ok
        with pytest.raises(BlockingIOError):
            trap.accept()
    assert only(chatgpt).headers["authorization"] == f"Bearer {CANARY}"
