"""The examples of GET /openapi.json: each is run as it stands, and works."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from proxy.settings import load
from proxy.store.connection import Store
from proxy.web import refusals, samples
from proxy.web.routes import NEED_A_BODY, OPERATIONS
from tests.support.keys import form_team, issue
from tests.support.redis_server import RedisServer
from tests.support.service import ADMIN_TOKEN, CANARY, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.process import SimulatedChatGPT
    from proxy.web.operation import Operation
    from tests.support.simulator import Control


@pytest.fixture(scope="module")
def world(simulator: SimulatedChatGPT) -> Iterator[tuple[Service, Store]]:
    """A service and its store, of which nobody else knows."""
    with (
        RedisServer() as redis,
        Service(redis.url, simulator.url, PROXY_ADMIN_TOKEN=ADMIN_TOKEN) as running,
    ):
        store = Store(load({"REDIS_URL": redis.url, "OPENAI_API_KEY": CANARY}))
        yield running, store
        store.close()


@pytest.fixture
def named(world: tuple[Service, Store], chatgpt: Control) -> dict[str, str]:
    """What the variables of the examples stand for, all of it made anew."""
    service, store = world
    key, token = issue(store)
    session = service.client(token).chat("Hello!", stream=True)
    assert session.ok
    return {
        "PROXY_KEY": token,
        "PROXY_ADMIN_TOKEN": ADMIN_TOKEN,
        "SESSION_ID": session.headers["X-Session-ID"],
        "TURN_ID": session.headers["X-Turn-ID"],
        "KEY_ID": key.id,
        "TEAM_ID": form_team(store),
    }


def titled(operation: Operation) -> str:
    return f"{operation.method.upper()} {operation.path}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=titled)
def test_every_example_works_as_it_stands(
    world: tuple[Service, Store], named: dict[str, str], operation: Operation
) -> None:
    line = samples.curl(operation).replace(samples.ADDRESS, world[0].url)
    shown = line.replace("curl ", "curl -w '\n%{http_code}' ", 1)
    ran = subprocess.run(
        ["sh", "-c", shown],
        env=os.environ | named,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout.rsplit("\n", 1)[1] == str(operation.status), ran.stdout


def test_every_body_has_an_example_and_each_of_its_fields_a_meaning() -> None:
    for operation in OPERATIONS:
        if operation.body is None:
            continue
        assert operation.example is not None, titled(operation)
        if isinstance(operation.body, str):
            continue
        unsaid = [
            name for name, field in operation.body.model_fields.items() if not field.description
        ]
        assert unsaid == [], titled(operation)


@pytest.mark.parametrize("operation", OPERATIONS, ids=titled)
def test_a_mistake_meets_an_error_that_the_document_names(
    world: tuple[Service, Store], named: dict[str, str], operation: Operation
) -> None:
    path = operation.path.replace("{", "x").replace("}", "")
    service, told = world[0], {(int(e.status), e.code) for e in refusals.of(operation)}
    secret = ADMIN_TOKEN if operation.opened_by == "admin_token" else named["PROXY_KEY"]
    met = [service.client().request(operation.method, path)] if not operation.open else []
    if operation.in_path and operation.answer != "OpenAI":
        met.append(service.client(secret).request(operation.method, path))
    if operation.body and operation.path in NEED_A_BODY:
        wrong = {"message": "Hello", "colour": "red"}
        met.append(service.client(secret).request(operation.method, path, json=wrong))
    for answer in met:
        assert (answer.status_code, answer.json()["error"]["code"]) in told, answer.text
