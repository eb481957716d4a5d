"""The page that talks to the proxy itself, with a token that its server mints."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
import requests

from proxy.embedded import Child
from tests.examples.running import EXAMPLES, run
from tests.support.service import ROOT, Client, clean_environment, free_port
from tests.support.waiting import wait_until
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import NewKey, StartService
    from tests.support.simulator import Control


@pytest.fixture
def page(start_service: StartService, chatgpt: Control, new_key: NewKey) -> Iterator[Client]:
    """The page's own server, beside a service that lets its page in."""
    client = Client(f"http://127.0.0.1:{free_port()}", None)
    service = start_service(PROXY_CORS_ORIGINS=client.url, **QUICK_STOP)
    port = client.url.rpartition(":")[2]
    settings = {"PROXY_URL": service.url, "PROXY_KEY": new_key(), "PORT": port}
    command = (sys.executable, str(EXAMPLES / "browser" / "direct.py"))
    child = Child(command, env=clean_environment(**settings), cwd=ROOT)
    try:
        wait_until(lambda: answers(client), "the page to be served")
        yield client
    finally:
        child.stop(10)


def answers(client: Client) -> bool:
    try:
        return client.get("/").ok
    except requests.ConnectionError:
        return False


def test_the_page_is_given_a_token_and_streams_with_it(page: Client) -> None:
    assert 'from "./chat-stream.js"' in page.get("/").text
    given: dict[str, Any] = page.post("/token").json()
    headers = {"Authorization": f"Bearer {given['token']}", "Origin": page.url}
    options = {"url": given["url"], "headers": headers, "request": {"message": "Hello"}}
    done = run(["node", "tests/examples/turn.mjs", json.dumps({"options": options})], page.url, "")
    assert done.returncode == 0, done.stderr
    heard = json.loads(done.stdout)
    assert (heard["text"], heard["failure"]) == ('You said: "Hello"', None)


def test_the_token_is_of_no_use_to_other_pages(page: Client) -> None:
    assert page.post("/token", headers={"Origin": "https://evil.example.com"}).status_code == 403
    given = page.post("/token").json()
    headers = {"Origin": "https://evil.example.com"}
    elsewhere = Client(given["url"], given["token"]).get("/sessions", headers=headers)
    assert elsewhere.status_code == 403
    assert "Access-Control-Allow-Origin" not in elsewhere.headers
