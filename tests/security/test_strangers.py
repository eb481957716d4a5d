"""Sessions, turns and repeats of others: to a stranger they are not there, whatever is tried."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from proxy.domain.identifiers import new_session_id, new_turn_id
from tests.support.keys import form_team, issue

if TYPE_CHECKING:
    import requests

    from proxy.store.connection import Store
    from tests.support.service import Client, Service

STRANGERS = ("another key", "another user", "the user's key", "a key of the same team")
TEXT = {"Content-Type": "text/plain"}
HELLO = {"message": "Hello"}
COMPLETION = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hello"}]}
ON_SESSIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("reading", "GET /sessions/{id}", {}),
    ("changing", "PATCH /sessions/{id}", {"json": {"title": "Mine"}}),
    ("deleting", "DELETE /sessions/{id}", {}),
    ("forking", "POST /sessions/{id}/fork", {}),
    ("taking back", "POST /sessions/{id}/undo", {}),
    ("answering anew", "POST /sessions/{id}/regenerate", {}),
    ("answering anew in a stream", "POST /sessions/{id}/regenerate", {"json": {"stream": True}}),
    ("exporting", "GET /sessions/{id}/export", {}),
    ("exporting Markdown", "GET /sessions/{id}/export?format=markdown", {}),
    ("asking by query", "POST /chat?session={id}", {"json": HELLO}),
    ("asking by header", "POST /chat", {"json": HELLO, "headers": {"X-Session-ID": "{id}"}}),
    ("asking by body", "POST /chat", {"json": HELLO | {"session_id": "{id}"}}),
    ("a stream", "POST /chat", {"json": HELLO | {"session_id": "{id}", "stream": True}}),
    (
        "a text",
        "POST /chat?session={id}",
        {"data": "Hi", "headers": {"Content-Type": "text/plain"}},
    ),
    ("waiting", "POST /chat", {"json": HELLO | {"session_id": "{id}", "wait": 1}}),
    *(
        (
            f"a completion at {path}, stream {stream}",
            f"POST {path}",
            {"json": COMPLETION | {"stream": stream}, "headers": {"X-Session-ID": "{id}"}},
        )
        for path in ("/v1/chat/completions", "/chat/completions")
        for stream in (False, True)
    ),
]
ON_TURNS = [
    ("following", "GET /chat/turns/{id}/events", {}),
    ("following from an event", "GET /chat/turns/{id}/events?after=2", {}),
    ("resuming", "GET /chat/turns/{id}/events", {"headers": {"Last-Event-ID": "1"}}),
    ("stopping", "POST /chat/turns/{id}/cancel", {}),
]


@dataclass(frozen=True, slots=True)
class Scene:
    """A user with a session and a streamed turn, and those whom they do not concern."""

    owner: Client
    strangers: dict[str, Client]
    session_id: str
    turn_id: str


@pytest.fixture(scope="module")
def scene(service: Service, store: Store) -> Scene:
    team = form_team(store)
    holder = service.client(issue(store, team=team)[1])

    def user(name: str) -> Client:
        return service.client(holder.post("/tokens", json={"user": name}).json()["token"])

    owner = user("ada")
    events = owner.post("/chat", json={"message": "My secret", "stream": True}, stream=True)
    assert b"event: done" in events.content
    strangers = {
        "another key": service.client(issue(store)[1]),
        "another user": user("ada "),
        "the user's key": holder,
        "a key of the same team": service.client(issue(store, team=team)[1]),
    }
    return Scene(owner, strangers, events.headers["X-Session-ID"], events.headers["X-Turn-ID"])


def sent(caller: Client, line: str, of: str, options: dict[str, Any]) -> requests.Response:
    """Send a request with the id where it says so."""
    method, path = line.replace("{id}", of).split(" ")
    filled = {
        name: {key: of if value == "{id}" else value for key, value in part.items()}
        if isinstance(part, dict)
        else part
        for name, part in options.items()
    }
    return caller.request(method, path, **filled)


def told(answer: requests.Response, of: str) -> tuple[int, str, dict[str, str]]:
    """All that an answer tells but the id asked for and what differs from request to request."""
    varying = {"date", "x-request-id"}
    headers = {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower() not in varying and not name.lower().startswith(("x-ratelimit", "ratelimit"))
    }
    return answer.status_code, answer.text.replace(of, "ID"), headers


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize(("what", "line", "options"), ON_SESSIONS, ids=lambda part: str(part)[:40])
def test_a_stranger_s_session_is_one_that_never_was(
    scene: Scene, what: str, line: str, options: dict[str, Any], who: str
) -> None:
    stranger, never = scene.strangers[who], new_session_id()
    theirs = told(sent(stranger, line, scene.session_id, options), scene.session_id)
    assert theirs[0] == 404, what
    assert theirs == told(sent(stranger, line, never, options), never)


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize(("what", "line", "options"), ON_TURNS, ids=lambda part: str(part)[:40])
def test_a_stranger_s_turn_is_one_that_never_was(
    scene: Scene, what: str, line: str, options: dict[str, Any], who: str
) -> None:
    stranger, never = scene.strangers[who], new_turn_id()
    theirs = told(sent(stranger, line, scene.turn_id, options), scene.turn_id)
    assert theirs[0] == 404, what
    assert theirs == told(sent(stranger, line, never, options), never)


@pytest.mark.parametrize("who", STRANGERS)
def test_no_list_shows_a_stranger_s_session(scene: Scene, who: str) -> None:
    listed = scene.strangers[who].get("/sessions?limit=100&q=secret").json()["data"]
    assert scene.session_id not in {session["id"] for session in listed}


def test_a_stranger_s_session_takes_as_long_as_none(scene: Scene) -> None:
    stranger = scene.strangers["another key"]
    took: dict[str, list[float]] = {"theirs": [], "none": []}
    for _ in range(40):
        for name, session_id in (("theirs", scene.session_id), ("none", new_session_id())):
            begun = time.perf_counter()
            assert stranger.get(f"/sessions/{session_id}").status_code == 404
            took[name].append(time.perf_counter() - begun)
    fast, slow = sorted(map(statistics.median, took.values()))
    assert slow < 3 * fast


def test_after_all_this_the_session_is_as_it_was(scene: Scene) -> None:
    session = scene.owner.get(f"/sessions/{scene.session_id}").json()
    assert [turn["message"] for turn in session["turns"]] == ["My secret"]
    assert session["title"] == "My secret"
    assert scene.owner.get(f"/chat/turns/{scene.turn_id}/events").ok


REPEATED = {"message": "Hello", "metadata": {"of": "mine"}}


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("stream", [False, True])
def test_an_idempotency_key_is_its_owner_s(scene: Scene, who: str, stream: bool) -> None:
    headers = {"Idempotency-Key": f"of-{who}-{stream}".replace(" ", "-")}
    body = REPEATED | {"stream": stream}
    mine = scene.owner.post("/chat", json=body, headers=headers)
    theirs = scene.strangers[who].post("/chat", json=body, headers=headers)
    again = scene.owner.post("/chat", json=body, headers=headers)
    assert theirs.headers["X-Session-ID"] != mine.headers["X-Session-ID"]
    assert "Idempotent-Replayed" in again.headers
    assert again.headers["X-Turn-ID"] == mine.headers["X-Turn-ID"] != theirs.headers["X-Turn-ID"]


@pytest.mark.parametrize(
    ("path", "headers", "fields"),
    [
        ("/chat", {}, {"message": "Another"}),
        ("/chat?session={session}", {}, {}),
        ("/chat", {"X-Session-ID": "{session}"}, {}),
        ("/sessions/{session}/regenerate", {}, {"message": None, "metadata": None}),
        ("/v1/chat/completions", {}, COMPLETION),
    ],
)
def test_an_idempotency_key_is_not_for_another_request(
    scene: Scene, path: str, headers: dict[str, str], fields: dict[str, Any]
) -> None:
    key = {"Idempotency-Key": f"{new_turn_id()}"}
    assert scene.owner.post("/chat", json=REPEATED, headers=key).ok
    named = {name: value.format(session=scene.session_id) for name, value in headers.items()}
    body = {name: value for name, value in (REPEATED | fields).items() if value is not None}
    answer = scene.owner.post(path.format(session=scene.session_id), json=body, headers=key | named)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_conflict")
