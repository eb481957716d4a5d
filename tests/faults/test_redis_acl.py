"""The service's own Redis user, deploy/redis-users.acl: it may do what is needed, and no more."""

from __future__ import annotations

import ast
import re
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import redis

from proxy.settings import load
from proxy.store import inspection
from proxy.store.connection import Store
from tests.cli.operating import operator as at_terminal
from tests.support import tour
from tests.support.keys import form_team, issue
from tests.support.redis_server import PASSWORD, SHIPPED, USER, RedisServer, with_user
from tests.support.service import ADMIN_TOKEN, CANARY, ROOT, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.process import SimulatedChatGPT
    from tests.conftest import StartService

REFUSED = (
    *("FLUSHALL", "FLUSHDB", "KEYS cp:*", "SCAN 0", "SHUTDOWN", "SAVE", "MONITOR"),
    *("CONFIG GET *", "CONFIG SET maxmemory 1", "REPLICAOF NO ONE", "MODULE LIST", "ACL LIST"),
    *("SCRIPT FLUSH", "SCRIPT KILL", "CLIENT LIST", "CLIENT KILL 127.0.0.1:1"),
    *("RENAME cp:a cp:b", "DUMP cp:a", "SORT cp:a", "PUBLISH cp:a 1", "SUBSCRIBE cp:a"),
    *("GET a", "SET a 1", "HSET xcp:a f 1", "DEL cp", "ZRANGE other:cp:a 0 1"),
)


ON_CONNECTING = {"auth", "client|setname"}
"""What redis-py sends by itself."""
WITH_SUBCOMMANDS = {"CLUSTER", "SCRIPT"}
TO_SENTINELS = {"sentinel"}
"""What is sent to sentinels, which have users of their own."""


def sent_by_python() -> set[str]:
    """The commands in proxy/store: a word in capitals begins what is sent."""
    sources = (ROOT / "proxy" / "store").glob("*.py")
    nodes = [node for path in sources for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    begun = [node.elts for node in nodes if isinstance(node, ast.Tuple)]
    begun += [node.args for node in nodes if isinstance(node, ast.Call)]
    words = [[str(part.value) for part in row if isinstance(part, ast.Constant)] for row in begun]
    return {named(*row[:2]) for row in words if row and re.fullmatch("[A-Z]{2,}", row[0])}


def sent_by_scripts() -> set[str]:
    """The commands in the scripts."""
    scripts = (ROOT / "proxy" / "store" / "lua").glob("*.lua")
    calls = (re.findall(r"\bp?call\('(\w+)'", path.read_text("utf-8")) for path in scripts)
    return {named(command) for found in calls for command in found}


def named(command: str, subcommand: str = "") -> str:
    """A command as the ACL has it."""
    told = f"{command}|{subcommand}" if command in WITH_SUBCOMMANDS else command
    return told.lower()


@pytest.fixture(scope="module")
def guarded() -> Iterator[RedisServer]:
    """A Redis with the shipped users."""
    with RedisServer(guarded=True) as server:
        yield server


@pytest.fixture(autouse=True)
def refusals_are_forgotten(guarded: RedisServer) -> Iterator[None]:
    yield
    guarded.forget_refusals()


@contextmanager
def connected(redis_url: str) -> Iterator[Any]:
    with closing(redis.Redis.from_url(redis_url, protocol=2)) as client:
        yield client


@pytest.fixture(scope="module")
def own_store(guarded: RedisServer) -> Iterator[Store]:
    with closing(Store(load({"REDIS_URL": guarded.url, "OPENAI_API_KEY": CANARY}))) as opened:
        yield opened


@pytest.fixture(scope="module")
def own_service(guarded: RedisServer, simulator: SimulatedChatGPT) -> Iterator[Service]:
    with Service(guarded.url, simulator.url, PROXY_ADMIN_TOKEN=ADMIN_TOKEN) as running:
        yield running


def test_the_user_may_run_the_commands_that_are_sent_and_no_other() -> None:
    (rules,) = (line for line in SHIPPED.splitlines() if line.startswith(f"user {USER} "))
    allowed = {rule[1:] for rule in rules.split() if rule.startswith("+")}
    assert allowed == ON_CONNECTING | (sent_by_python() - TO_SENTINELS) | sent_by_scripts()


def test_conversations_need_no_more_than_the_user_may(
    own_service: Service, own_store: Store, guarded: RedisServer
) -> None:
    team = form_team(own_store, rpm=1000)
    _, token = issue(own_store, team=team)
    seen = [
        (answer.url, answer.status_code) for answer in tour.conversations(own_service.client(token))
    ]
    assert guarded.refusals() == []
    assert [(where, status) for where, status in seen if status >= 400] == []


def test_operating_needs_no_more_than_the_user_may(
    own_service: Service, guarded: RedisServer
) -> None:
    answers = list(tour.administration(own_service.client(ADMIN_TOKEN)))
    assert guarded.refusals() == []
    assert [answer.url for answer in answers if not answer.ok] == []


@pytest.mark.parametrize("command", ["keys list", "keys create mine", "teams list", "usage"])
def test_the_terminal_needs_no_more_than_the_user_may(guarded: RedisServer, command: str) -> None:
    at_terminal(guarded.url)(*command.split())
    assert guarded.refusals() == []


def test_the_service_finds_its_redis_ready(own_service: Service, guarded: RedisServer) -> None:
    assert own_service.client().get("/readyz").ok
    assert guarded.refusals() == []


def test_a_user_who_may_not_run_info_is_told_so_and_served(
    own_redis: RedisServer, start_service: StartService
) -> None:
    own_redis.tell("ACL", "SETUSER", own_redis.user, "-info")
    service = start_service(REDIS_URL=own_redis.url, PROXY_AUTH="open")
    assert inspection.UNSEEN in service.log
    assert service.client().get("/readyz").json()["redis"] == inspection.UNSEEN
    assert service.client().chat().ok
    own_redis.forget_refusals()


@pytest.mark.parametrize("command", REFUSED)
def test_what_is_not_needed_is_refused(guarded: RedisServer, command: str) -> None:
    with (
        connected(guarded.url) as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        client.execute_command(*command.split())


def test_a_text_is_no_script_and_a_script_reaches_no_other_keys(guarded: RedisServer) -> None:
    with connected(guarded.url) as client:
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command("EVAL", "return 1", "0")
        digest = client.script_load("return redis.call('GET', KEYS[1])")
        with pytest.raises(redis.ResponseError):
            client.execute_command("EVALSHA", digest, "1", "other")


@pytest.mark.parametrize(
    ("user", "password"), [("default", ""), ("default", PASSWORD), (USER, ""), (USER, "another")]
)
def test_without_the_password_nobody_is_let_in(
    guarded: RedisServer, user: str, password: str
) -> None:
    with (
        connected(with_user(guarded.url, user, password)) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()
