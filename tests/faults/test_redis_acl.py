"""The service's own Redis user, deploy/redis-users.acl: it may do what is needed, and no more."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import redis

from proxy.embedded import EmbeddedRedis
from proxy.settings import load
from proxy.store.connection import Store
from tests.cli.operating import operator as at_terminal
from tests.support.keys import form_team, issue
from tests.support.service import ADMIN_TOKEN, CANARY, ROOT, Client, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.process import SimulatedChatGPT

PASSWORD = "a-password-of-the-tests-alone"
OPERATOR = "user operator on nopass ~* &* +@all\n"
RELAYED = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
READ = ("keys", "teams", "limits", "usage", "activity")
REFUSED = (
    *("FLUSHALL", "FLUSHDB", "KEYS cp:*", "SCAN 0", "DEBUG SLEEP 0", "SHUTDOWN", "SAVE", "MONITOR"),
    *("CONFIG GET *", "CONFIG SET maxmemory 1", "REPLICAOF NO ONE", "MODULE LIST", "ACL LIST"),
    *("SCRIPT FLUSH", "SCRIPT KILL", "CLIENT LIST", "CLIENT KILL 127.0.0.1:1"),
    *("RENAME cp:a cp:b", "DUMP cp:a", "SORT cp:a", "PUBLISH cp:a 1", "SUBSCRIBE cp:a"),
    *("GET a", "SET a 1", "HSET xcp:a f 1", "DEL cp", "ZRANGE other:cp:a 0 1"),
)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """A Redis with the shipped users, a password for ours, and an operator who reads its log."""
    users = tmp_path_factory.mktemp("acl") / "users.acl"
    shipped = (ROOT / "deploy" / "redis-users.acl").read_text("utf-8")
    users.write_text(
        shipped.replace("user chat-proxy on", f"user chat-proxy on >{PASSWORD}") + OPERATOR
    )
    with EmbeddedRedis(users=users) as server:
        yield server


def url(server: EmbeddedRedis, user: str) -> str:
    return server.url.replace("unix://", f"unix://{user}@")


def connected(redis_url: str) -> Any:
    return redis.Redis.from_url(redis_url, protocol=2)


@pytest.fixture
def operator(guarded: EmbeddedRedis) -> Iterator[Any]:
    with closing(connected(url(guarded, "operator:x"))) as client:
        client.execute_command("ACL", "LOG", "RESET")
        yield client


@pytest.fixture(scope="module")
def own_url(guarded: EmbeddedRedis) -> str:
    return url(guarded, f"chat-proxy:{PASSWORD}")


@pytest.fixture(scope="module")
def own_store(own_url: str) -> Iterator[Store]:
    with closing(Store(load({"REDIS_URL": own_url, "OPENAI_API_KEY": CANARY}))) as opened:
        yield opened


@pytest.fixture(scope="module")
def own_service(own_url: str, simulator: SimulatedChatGPT) -> Iterator[Service]:
    with Service(own_url, simulator.url, PROXY_ADMIN_TOKEN=ADMIN_TOKEN) as running:
        yield running


def refusals(operator: Any) -> list[Any]:
    """What Redis refused, as its ACL log tells: the reason, and the command or key."""
    return [(entry["reason"], entry["object"]) for entry in operator.acl_log()]


def tour(caller: Client) -> Iterator[Any]:
    """What a caller does with conversations, one answer after another."""
    first = caller.chat("Hello")
    yield first
    queued = caller.chat("Hello", stream=True, wait=5)
    yield queued
    turn = queued.headers["X-Turn-ID"]
    yield caller.get(f"/chat/turns/{turn}/events")
    yield caller.post(f"/chat/turns/{turn}/cancel")
    yield caller.request(
        "POST", "/chat", json={"message": "once"}, headers={"Idempotency-Key": "k"}
    )
    path = f"/sessions/{first.json()['session_id']}"
    yield caller.chat("More", session_id=first.json()["session_id"], stream=True)
    yield caller.get(path)
    yield caller.get("/sessions?q=Hello")
    yield caller.request("PATCH", path, json={"title": "A title"})
    yield caller.get(f"{path}/export")
    yield caller.post(f"{path}/fork", json={})
    yield caller.post(f"{path}/regenerate", json={})
    yield caller.post(f"{path}/undo", json={})
    yield caller.request("DELETE", path)
    yield caller.post("/tokens", json={"user": "ada"})
    yield caller.post("/v1/chat/completions", json=RELAYED)
    yield caller.get("/v1/models")


def test_conversations_need_no_more_than_the_user_may(
    own_service: Service, own_store: Store, operator: Any
) -> None:
    team = form_team(own_store, rpm=1000)
    _, token = issue(own_store, team=team)
    seen = [(answer.url, answer.status_code) for answer in tour(own_service.client(token))]
    assert refusals(operator) == []
    assert [(where, status) for where, status in seen if status >= 400] == []


@pytest.mark.parametrize("path", ["/metrics", *(f"/admin/api/{name}" for name in READ)])
def test_operating_needs_no_more_than_the_user_may(
    own_service: Service, operator: Any, path: str
) -> None:
    answer = own_service.client(ADMIN_TOKEN).get(path)
    assert refusals(operator) == []
    assert answer.ok


def test_keys_are_made_rotated_and_revoked(own_service: Service, operator: Any) -> None:
    admin = own_service.client(ADMIN_TOKEN)
    made = admin.post("/admin/api/keys", json={"name": "made"})
    path = f"/admin/api/keys/{made.json()['id']}"
    told = [made, admin.get(path), admin.request("PATCH", path, json={"rpm": 5})]
    told += [admin.post(f"{path}/rotate", json={}), admin.request("DELETE", path)]
    assert refusals(operator) == []
    assert [answer.status_code for answer in told if not answer.ok] == []


@pytest.mark.parametrize("command", ["keys list", "keys create mine", "teams list", "usage"])
def test_the_terminal_needs_no_more_than_the_user_may(
    own_url: str, operator: Any, command: str
) -> None:
    at_terminal(own_url)(*command.split())
    assert refusals(operator) == []


def test_the_service_finds_its_redis_ready(own_service: Service, operator: Any) -> None:
    assert own_service.client().get("/readyz").ok
    assert refusals(operator) == []


@pytest.mark.parametrize("command", REFUSED)
def test_what_is_not_needed_is_refused(own_url: str, command: str) -> None:
    with (
        closing(connected(own_url)) as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        client.execute_command(*command.split())


def test_a_text_is_no_script_and_a_script_reaches_no_other_keys(own_url: str) -> None:
    with closing(connected(own_url)) as client:
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command("EVAL", "return 1", "0")
        digest = client.script_load("return redis.call('GET', KEYS[1])")
        with pytest.raises(redis.ResponseError):
            client.execute_command("EVALSHA", digest, "1", "other")


def test_without_the_password_nobody_is_let_in(guarded: EmbeddedRedis) -> None:
    with (
        closing(connected(guarded.url)) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()
