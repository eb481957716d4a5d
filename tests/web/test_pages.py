"""Where nobody is asked for a key: no page of others makes a browser ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.service import Service
from tests.web.refusals import refused
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from tests.conftest import NewKey
    from tests.support.simulator import Control

LISTED = "https://app.example.com"
TEXT = {"Content-Type": "text/plain"}


@pytest.fixture(scope="module")
def open_service(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    settings = {"PROXY_AUTH": "open", "PROXY_CORS_ORIGINS": LISTED, **QUICK_STOP}
    with Service(redis_server.url, simulator.url, **settings) as running:
        yield running


FOREIGN: list[tuple[str, dict[str, str]]] = [
    ("Origin", {"Origin": "https://evil.example"}),
    ("Origin", {"Origin": "null"}),
    ("Origin", {"Origin": ""}),
    ("Origin", {"Origin": "http://localhost:1"}),
    ("Origin", {"Origin": "http://127.0.0.1"}),
    ("Origin", {"Origin": "https://app.example.com.evil.example"}),
    ("Origin", {"Origin": "http://app.example.com"}),
    ("Origin", {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}),
    ("Sec-Fetch-Site", {"Sec-Fetch-Site": "cross-site"}),
    ("Sec-Fetch-Site", {"Sec-Fetch-Site": "same-site"}),
    ("Host", {"Host": "evil.example"}),
    ("Host", {"Host": "evil.example:8080", "Origin": "http://evil.example:8080"}),
    ("Host", {"Host": "127.0.0.1.evil.example"}),
    ("Host", {"Host": "localhost.evil.example"}),
]


@pytest.mark.parametrize(("header", "headers"), FOREIGN)
def test_a_page_of_others_makes_nobody_ask(
    open_service: Service, chatgpt: Control, header: str, headers: dict[str, str]
) -> None:
    nobody = open_service.client()
    simple = nobody.post("/chat", data="spend", headers=TEXT | headers)
    refused(simple, 403, "origin_not_allowed", header)
    refused(nobody.get("/sessions", headers=headers), 403, "origin_not_allowed", header)
    refused(nobody.post("/tokens", headers=headers), 403, "origin_not_allowed", header)
    assert chatgpt.requests() == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": LISTED},
        {"Origin": LISTED, "Sec-Fetch-Site": "cross-site"},
        {"Origin": "{self}", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Host": "localhost:8080", "Origin": "http://localhost:8080"},
        {"Host": "proxy.localhost"},
        {"Host": "chat-proxy:8080"},
        {"Host": "[::1]:8080"},
        {"Host": "app.example.com"},
    ],
)
def test_its_own_pages_and_programs_may(
    open_service: Service, chatgpt: Control, headers: dict[str, str]
) -> None:
    sent = {name: value.replace("{self}", open_service.url) for name, value in headers.items()}
    assert open_service.client().post("/chat", data="Hello", headers=TEXT | sent).ok


def test_who_has_a_key_needs_no_page(
    open_service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    answer = open_service.client(new_key()).get("/sessions", headers=FOREIGN[0][1])
    assert answer.ok
    assert "Access-Control-Allow-Origin" not in answer.headers
