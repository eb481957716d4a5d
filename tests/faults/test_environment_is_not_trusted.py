"""The way to ChatGPT is our settings' alone: no proxy, .netrc or certificate of the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.fault_proxy import FaultProxy
from tests.support.service import CANARY, Service
from tests.support.tls_server import CERTIFICATE, TlsServer
from tests.support.usage import requests_left

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from tests.conftest import NewKey, StartService
    from tests.support.simulator import Control

PROXY_NAMES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@pytest.fixture(scope="module")
def forged() -> Iterator[TlsServer]:
    with TlsServer() as server:
        yield server


def test_neither_a_proxy_nor_netrc_gets_between_us_and_chatgpt(
    simulator: SimulatedChatGPT,
    chatgpt: Control,
    start_service: StartService,
    new_key: NewKey,
    tmp_path: Path,
) -> None:
    (tmp_path / ".netrc").write_text("default login ada password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    with FaultProxy(simulator.url) as listener:
        environment = dict.fromkeys(PROXY_NAMES, listener.url) | {
            "NO_PROXY": "",
            "no_proxy": "",
            "HOME": str(tmp_path),
            "NETRC": str(tmp_path / ".netrc"),
        }
        assert start_service(**environment).client(new_key()).chat().ok
        assert listener.connections == 0
    (sent,) = chatgpt.requests()
    assert sent.headers["authorization"] == f"Bearer {CANARY}"


def test_who_cannot_prove_to_be_chatgpt_gets_nothing_and_it_costs_nothing(
    forged: TlsServer, start_service: StartService, new_key: NewKey
) -> None:
    trusted = {"REQUESTS_CA_BUNDLE": str(CERTIFICATE), "CURL_CA_BUNDLE": str(CERTIFICATE)}
    service = start_service(OPENAI_BASE_URL=forged.url, **trusted)
    client = service.client(new_key(rpm=1, burst=10, tpm=0))
    answer = client.chat()
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    assert answer.headers["x-should-retry"] == "false"
    assert (forged.heard, forged.refused) == ([], 1)
    assert requests_left(client) == 10


def test_a_certificate_for_another_name_is_not_chatgpt_s(
    redis_server: EmbeddedRedis, forged: TlsServer, new_key: NewKey
) -> None:
    url = forged.url.replace("127.0.0.1", "127.0.0.2")
    with Service(redis_server.url, url, PROXY_UPSTREAM_CA_FILE=str(CERTIFICATE)) as service:
        answer = service.client(new_key()).chat()
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    assert forged.heard == []


def test_a_certificate_that_our_settings_trust_is_taken(
    start_service: StartService, new_key: NewKey
) -> None:
    with TlsServer() as server:
        settings = {"OPENAI_BASE_URL": server.url, "PROXY_UPSTREAM_CA_FILE": str(CERTIFICATE)}
        answer = start_service(**settings).client(new_key()).chat()
        assert answer.json()["reply"] == "Hello"
        assert f"Authorization: Bearer {CANARY}".encode() in server.heard[0]
