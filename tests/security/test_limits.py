"""Ways round the limits: each is charged, and none is open when a budget is spent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from proxy.domain.identifiers import new_turn_id
from tests.openai.relaying import ASKS, CHAT, EMBEDDINGS, RESPONSES
from tests.support.keys import form_team, issue
from tests.support.usage import spent
from tests.web.refusals import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from proxy.store.connection import Store
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

USED = {"prompt_tokens": 100, "completion_tokens": 200, "total_tokens": 300}
TEXT = {"Content-Type": "text/plain"}


def begun(caller: Client) -> str:
    """A session with a turn."""
    return str(caller.chat("Hello").json()["session_id"])


def regenerated(caller: Client) -> requests.Response:
    return caller.post(f"/sessions/{begun(caller)}/regenerate")


def forked(caller: Client) -> requests.Response:
    fork = caller.post(f"/sessions/{begun(caller)}/fork").json()["id"]
    return caller.chat("Again", session_id=fork)


def taken_back(caller: Client) -> requests.Response:
    session = begun(caller)
    assert caller.post(f"/sessions/{session}/undo").ok
    return caller.chat("Again", session_id=session)


def by_a_user(caller: Client) -> requests.Response:
    token = caller.post("/tokens", json={"user": new_turn_id()}).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    return caller.post("/chat", json={"message": "Hello"}, headers=headers)


def in_a_session(caller: Client) -> requests.Response:
    session = caller.post("/sessions").json()["id"]
    return caller.post(CHAT, json=ASKS[CHAT], headers={"X-Session-ID": session})


def posted(path: str, **fields: Any) -> Callable[[Client], requests.Response]:
    body = ASKS.get(path) or ASKS.get("/v1" + path) or {"message": "Hello"}
    return lambda caller: caller.post(path, json=body | fields)


def keyed(path: str) -> Callable[[Client], requests.Response]:
    body = ASKS.get(path, {"message": "Hello"})
    headers = {"Idempotency-Key": new_turn_id()}
    return lambda caller: caller.post(path, json=body, headers=headers)


WAYS: dict[str, tuple[int, Callable[[Client], requests.Response]]] = {
    "a chat": (1, posted("/chat")),
    "a stream": (1, posted("/chat", stream=True)),
    "a stream that ends with its caller": (1, posted("/chat", stream=True, on_disconnect="cancel")),
    "a text": (1, lambda caller: caller.post("/chat", data="Hello", headers=TEXT)),
    "an answer of one token": (1, posted("/chat", max_tokens=1)),
    "a waiting chat": (1, posted("/chat", wait=5)),
    "a chat with a key": (1, keyed("/chat")),
    "answering anew": (2, regenerated),
    "a fork": (2, forked),
    "a turn taken back": (2, taken_back),
    "a browser user": (1, by_a_user),
    "a completion": (1, posted(CHAT)),
    "a completion's stream": (1, posted(CHAT, stream=True)),
    "a completion's stream without usage": (
        1,
        posted(CHAT, stream=True, stream_options={"include_usage": False}),
    ),
    "three answers": (1, posted(CHAT, n=3)),
    "a completion with a key": (1, keyed(CHAT)),
    "a completion in a session": (1, in_a_session),
    "a completion without /v1": (1, posted("/chat/completions")),
    "a response": (1, posted(RESPONSES)),
    "a response's stream": (1, posted(RESPONSES, stream=True)),
    "a response without /v1": (1, posted("/responses")),
    "embeddings": (1, posted(EMBEDDINGS)),
    "embeddings without /v1": (1, posted("/embeddings")),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shadow", [False, True])
def test_each_way_is_charged(
    service: Service, store: Store, chatgpt: Control, way: str, shadow: bool
) -> None:
    turns, take = WAYS[way]
    caller = service.client(issue(store, shadow=shadow)[1])
    for path in (CHAT, RESPONSES, EMBEDDINGS):
        for _ in range(turns):
            chatgpt.queue(path=path, usage=USED)
    assert take(caller).content
    requests_, tokens = spent(store, caller)
    embedded = "embeddings" in way  # the simulator counts these itself
    assert (requests_, tokens) == (turns, 2 if embedded else turns * 300)


@pytest.mark.parametrize("way", [way for way, (turns, _) in WAYS.items() if turns == 1])
@pytest.mark.parametrize("whose", ["key", "team"])
def test_no_way_is_open_when_the_requests_are_used_up(
    service: Service, store: Store, chatgpt: Control, way: str, whose: str
) -> None:
    limit = {"rpm": 1, "burst": 1}
    held = limit if whose == "key" else {"team": form_team(store, **limit)}
    caller = service.client(issue(store, **held)[1])
    assert caller.chat("Hello").ok
    before = len(chatgpt.requests())
    answer = WAYS[way][1](caller) if way != "a waiting chat" else posted("/chat")(caller)
    refused(answer, 429, "rate_limit_exceeded")
    assert len(chatgpt.requests()) == before


@pytest.mark.parametrize("value", [-1, 0, -(2**63), 2**63, 10**30, 1e300, "100", None, [], True])
@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "n"])
def test_no_number_gives_tokens_back(
    service: Service, store: Store, chatgpt: Control, name: str, value: Any
) -> None:
    caller = service.client(issue(store, tpm=5_000)[1])
    answer = caller.post(
        CHAT, data=_with(name, value), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {200, 400}
    left = int(caller.chat("Hello").headers["x-ratelimit-remaining-tokens"])
    assert left <= 5_000 - spent(store, caller)[1] + 100


def _with(name: str, value: Any) -> str:
    return json.dumps(ASKS[CHAT] | {name: value})
