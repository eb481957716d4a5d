"""A stored record that is damaged or too new: never handed out, and nothing else ends."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from proxy.store import keyspace
from proxy.store.connection import Command
from tests.store.records import NEWER, put, remove
from tests.store.samples import exists, hash_of
from tests.streaming.listening import cancel, stream
from tests.support.keys import form_team, issue
from tests.support.waiting import wait_until
from tests.web.admin import KEYS, TEAMS
from tests.web.refusals import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.store.client_keys import ClientKey
    from proxy.store.connection import Store
    from tests.conftest import NewKey
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

DAMAGES = [{"v": NEWER}, {"owner": "somebody"}, {"created_at": "x"}]


@pytest.fixture
def key(store: Store) -> Iterator[tuple[ClientKey, str]]:
    """A client key of a team, and what its client sends; neither is left behind."""
    made, token = issue(store, team=form_team(store, rpm=100))
    yield made, token
    remove(store, keyspace.client_key(made.id))
    remove(store, keyspace.team(made.team))


def is_damaged(answer: Any) -> bool:
    """Whether it says so, and that to repeat it is in vain."""
    refused(answer, 500, "record_damaged")
    return bool(answer.headers["x-should-retry"] == "false")


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_a_damaged_key_opens_nothing_and_is_named_in_the_log(
    store: Store, service: Service, key: tuple[ClientKey, str], damage: dict[str, str]
) -> None:
    made, token = key
    put(store, keyspace.client_key(made.id), **damage)
    refused(service.client(token).get("/sessions"), 401, "invalid_api_key")
    (line,) = [line for line in service.log.splitlines() if f'"of":"{made.id}"' in line]
    assert '"kind":"client key"' in line


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_a_key_whose_team_is_damaged_is_not_without_limits(
    store: Store,
    service: Service,
    key: tuple[ClientKey, str],
    chatgpt: Control,
    damage: dict[str, str],
) -> None:
    made, token = key
    put(store, keyspace.team(made.team), **damage)
    assert is_damaged(service.client(token).chat())
    assert chatgpt.stats()["requests"] == 0


def test_operators_are_told_of_a_damaged_record_and_see_all_others(
    store: Store, admin: Client, key: tuple[ClientKey, str]
) -> None:
    bad, other = key[0], issue(store)[0]
    put(store, keyspace.client_key(bad.id), v=NEWER)
    put(store, keyspace.team(bad.team), weight="x")
    assert is_damaged(admin.get(f"{KEYS}/{bad.id}"))
    assert is_damaged(admin.get(f"{TEAMS}/{bad.team}"))
    keys = {each["id"] for each in admin.get(KEYS).json()["data"]}
    assert (bad.id in keys, other.id in keys) == (False, True)
    assert bad.team not in {each["id"] for each in admin.get(TEAMS).json()["data"]}
    assert admin.get("/admin/api/limits").ok


def spoil(store: Store, key: str, damage: dict[str, str]) -> None:
    """Damage a record; no field at all makes it no record of any kind."""
    if damage:
        put(store, key, **damage)
    else:
        store.run(Command(("SET", key, "text"), bool))


@pytest.mark.parametrize("damage", [*DAMAGES, {}], ids=str)
def test_operators_remove_a_damaged_key_and_team(
    store: Store, admin: Client, key: tuple[ClientKey, str], damage: dict[str, str]
) -> None:
    made, _ = key
    one, team = f"{KEYS}/{made.id}", f"{TEAMS}/{made.team}"
    spoil(store, keyspace.team(made.team), damage)
    refused(admin.request("DELETE", team), 409, "conflict")
    spoil(store, keyspace.client_key(made.id), damage)
    for path in (one, team):
        assert admin.request("DELETE", path).status_code == 204
        refused(admin.get(path), 404, "not_found")
    ended = admin.get("/admin/api/events?limit=2").json()["data"]
    assert [event["action"] for event in ended] == ["team.deleted", "key.revoked"]
    assert {str(event["changes"]) for event in ended} == {str({"record": ["damaged", None]})}
    assert not store.run(Command(("ZSCORE", keyspace.client_keys(), made.id), bool))
    assert admin.post(TEAMS, json={"name": made.team}).ok


@pytest.mark.parametrize("where", [0, 1, 2], ids=["meta", "turns", "lock"])
def test_a_session_of_the_wrong_type_is_deleted_by_who_has_it_in_the_list(
    store: Store, api: Client, service: Service, new_key: NewKey, where: int
) -> None:
    session_id = api.chat().json()["session_id"]
    path, kept = f"/sessions/{session_id}", keyspace.session(session_id)
    store.run_all(Command(("DEL", kept[where]), int), Command(("SADD", kept[where], "x"), int))
    refused(
        service.client(new_key()).request("DELETE", path), 404, "session_not_found", "session_id"
    )
    assert [each["id"] for each in api.get("/sessions").json()["data"]] == [session_id]
    assert api.request("DELETE", path).status_code == 204
    assert api.get("/sessions").json()["data"] == []
    assert not exists(store, *kept)
    refused(api.request("DELETE", path), 404, "session_not_found", "session_id")


@pytest.mark.parametrize("damage", [{"v": NEWER}, {"ttl": "x"}, {"parameters": "{"}], ids=str)
def test_a_damaged_session_is_refused_until_it_is_deleted(
    store: Store, api: Client, chatgpt: Control, damage: dict[str, str]
) -> None:
    session_id = api.chat().json()["session_id"]
    put(store, keyspace.session(session_id)[0], **damage)
    for _ in range(2):
        assert is_damaged(api.chat("Again", session_id=session_id))
    assert is_damaged(api.get(f"/sessions/{session_id}"))
    assert chatgpt.stats()["requests"] == 1
    listed = [session["id"] for session in api.get("/sessions").json()["data"]]
    assert listed == [session_id]
    assert api.request("DELETE", f"/sessions/{session_id}").status_code == 204


def test_a_damaged_turn_is_left_out_of_its_session(store: Store, api: Client) -> None:
    session_id = api.chat("first").json()["session_id"]
    turns = keyspace.session(session_id)[1]
    store.run(Command(("RPUSH", turns, "10 turn_x {"), int))
    assert api.chat("second", session_id=session_id).ok
    told = api.get(f"/sessions/{session_id}").json()["turns"]
    assert [turn["message"] for turn in told] == ["first", "second"]


@pytest.mark.parametrize("streamed", [False, True], ids=["json", "stream"])
def test_a_damaged_idempotency_key_is_neither_replayed_nor_asked_again(
    store: Store, key: tuple[ClientKey, str], service: Service, chatgpt: Control, *, streamed: bool
) -> None:
    caller = service.client(key[1])
    body = {"message": "Hello", "stream": streamed}
    headers = {"Idempotency-Key": "once"}
    assert caller.post("/chat", json=body, headers=headers).ok
    digest = hashlib.sha256(b"once").hexdigest()
    put(store, keyspace.claim(f"key:{key[0].id}", digest), v=NEWER)
    assert is_damaged(caller.post("/chat", json=body, headers=headers))
    assert chatgpt.stats()["requests"] == 1


def test_a_repeat_is_answered_from_its_answer_where_the_turn_s_log_is_damaged(
    store: Store, api: Client, chatgpt: Control
) -> None:
    asked: dict[str, Any] = {
        "json": {"message": "Hello", "stream": True},
        "headers": {"Idempotency-Key": "once"},
    }
    first = api.post("/chat", **asked)
    meta, _ = keyspace.turn(first.headers["X-Turn-ID"])
    wait_until(lambda: hash_of(store, meta)["status"] == "ended", "the log to be written")
    put(store, meta, v=NEWER)
    again = api.post("/chat", **asked)
    (done, repeated) = (answer.text.partition("event: done\n")[2] for answer in (first, again))
    assert done
    assert repeated == done
    assert chatgpt.stats()["requests"] == 1


def test_the_events_of_a_damaged_turn_are_not_told(store: Store, api: Client) -> None:
    with stream(api) as heard:
        heard.until("done")
    events = f"/chat/turns/{heard.turn_id}/events"
    meta, _ = keyspace.turn(heard.turn_id)
    wait_until(lambda: hash_of(store, meta)["status"] == "ended", "the log to be written")
    put(store, meta, v=NEWER)
    asked = range(6)  # by both workers
    wait_until(
        lambda: not any(api.get(events).ok for _ in asked),
        "its worker to leave the turn to its log",
    )
    assert is_damaged(api.get(events))
    assert is_damaged(cancel(api, heard.turn_id))
