"""The examples that stream lose no word when the connection or the page goes away."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
import requests

from proxy.embedded import Child
from tests.cli.cut_link import CutLink
from tests.examples.running import EXAMPLES, run
from tests.support.service import ROOT, Client, clean_environment, free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import NewKey
    from tests.support.service import Service
    from tests.support.simulator import Control

TALE = 'Once upon a time, "there" was\na prøxy \\ 🙂 of 100 %\n'


def follow(client: Client, options: dict[str, Any], **how: str) -> dict[str, Any]:
    """Run the page's module in node: what it had read and seen at its end."""
    told = {"options": {"url": client.url, "headers": client.headers, **options}, **how}
    done = run(["node", "tests/examples/turn.mjs", json.dumps(told)], client.url, "")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def ids(heard: dict[str, Any]) -> list[int]:
    return [number for number, _ in heard["seen"]]


@pytest.fixture
def link(request: pytest.FixtureRequest, service: Service) -> Iterator[CutLink]:
    """A link to the service that breaks before the parameter."""
    with CutLink(service, request.param) as cut_link:
        yield cut_link


EVERYWHERE = [b"HTTP/1.1 200", b"id: 1\n", b'"session_id"', b"id: 2\n", b"time", b"event: done"]


@pytest.mark.parametrize("link", EVERYWHERE, indirect=True, ids=bytes.decode)
def test_the_page_s_turn_outlives_a_lost_connection(
    api: Client, link: CutLink, chatgpt: Control
) -> None:
    chatgpt.queue(text=TALE)
    client = Client(link.url, None)
    client.headers = api.headers
    heard = follow(client, {"request": {"message": "Tell."}})
    assert (heard["text"], heard["failure"]) == (TALE, None)
    assert ids(heard) == list(range(1, len(ids(heard)) + 1))
    assert link.cut
    assert len(chatgpt.requests()) == 1


def test_the_page_s_turn_outlives_a_reload(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(text=TALE, chunks_per_s=20)
    before = follow(api, {"request": {"message": "Tell."}}, leave="upon")
    after = follow(api, {"state": before["state"]})
    assert after["text"] == TALE
    assert ids(before) + ids(after) == list(range(1, ids(after)[-1] + 1))


def test_the_page_stops_a_turn(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(text=TALE, fault="silence", after=5)
    heard = follow(api, {"request": {"message": "Tell."}}, cancel="time")
    assert (heard["text"], heard["failure"]["code"]) == ("Once upon a time", "turn_cancelled")
    session = api.get(f"/sessions/{heard['state']['sessionId']}").json()
    assert [turn["finish_reason"] for turn in session["turns"]] == ["cancelled"]


def test_a_refusal_is_told_by_its_code(service: Service) -> None:
    heard = follow(service.client("sk-proxy-no-such"), {"request": {"message": "Tell."}})
    assert heard["failure"]["code"] == "invalid_api_key"


@pytest.fixture
def page(service: Service, chatgpt: Control, new_key: NewKey) -> Iterator[Client]:
    """The page's own server; a browser has no key."""
    port = free_port()
    client = Client(f"http://127.0.0.1:{port}", None)
    settings = {"PROXY_URL": service.url, "PROXY_KEY": new_key(), "PORT": str(port)}
    command = (sys.executable, str(EXAMPLES / "browser" / "serve.py"))
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


def test_the_page_comes_with_its_modules_and_nothing_else(page: Client) -> None:
    assert 'src="chat.js"' in page.get("/").text
    assert 'from "./chat-stream.js"' in page.get("/chat.js").text
    assert page.get("/chat-stream.js").headers["Content-Type"].startswith("text/javascript")
    assert page.get("/serve.py").status_code == 404


def test_the_page_chats_and_stops_without_a_key(page: Client, chatgpt: Control) -> None:
    chatgpt.queue(text=TALE)
    chatgpt.queue(text=TALE, fault="silence", after=5)
    assert follow(page, {"request": {"message": "Tell."}})["text"] == TALE
    stopped = follow(page, {"request": {"message": "Tell."}}, cancel="time")
    assert (stopped["text"], stopped["failure"]["code"]) == ("Once upon a time", "turn_cancelled")


@pytest.mark.parametrize(
    "link", [b"id: 2\n", b'{"text"', b"event: done"], indirect=True, ids=bytes.decode
)
def test_curl_takes_a_stream_up_again(link: CutLink, chatgpt: Control, new_key: NewKey) -> None:
    chatgpt.defaults(text=TALE)
    done = run(["bash", str(EXAMPLES / "stream.sh"), 'A "tale"\\'], link.url, new_key())
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"--- The words, as they are written\n{TALE}\n--- The words again, from events\n{TALE}\n"
    )
    assert "The connection broke; going on behind event" in done.stderr
    assert [sent.body["messages"][-1]["content"] for sent in chatgpt.requests()] == [
        'A "tale"\\',
        'A "tale"\\',
    ]


def test_curl_tells_an_error_that_ends_a_stream(
    service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    chatgpt.queue(text=TALE)
    chatgpt.queue(text=TALE, fault="cut_stream", after=5)
    done = run(["bash", str(EXAMPLES / "stream.sh")], service.url, new_key())
    assert done.returncode == 1
    assert done.stdout.endswith("--- The words again, from events\nOnce upon a time\n")
    assert done.stderr.startswith("Error: ")
