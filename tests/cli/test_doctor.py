"""`doctor`: what is there, what is wrong, and what to do about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

import pytest

from proxy.store.inspection import UNSEEN
from tests.support import command
from tests.support.redis_server import RedisServer
from tests.support.service import CANARY, ROOT, clean_environment, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.process import SimulatedChatGPT
    from tests.support.simulator import Control


class Doctor(Protocol):
    """Runs `python -m proxy doctor`; answers what it told."""

    def __call__(self, *arguments: str, status: int = 0, **environment: str) -> str: ...


@pytest.fixture(scope="module")
def sound_redis() -> Iterator[RedisServer]:
    with RedisServer(appendonly=True) as server:
        yield server


@pytest.fixture
def doctor(sound_redis: RedisServer, simulator: SimulatedChatGPT, chatgpt: Control) -> Doctor:
    sound = {
        "REDIS_URL": sound_redis.url,
        "OPENAI_BASE_URL": simulator.url,
        "OPENAI_API_KEY": CANARY,
    }

    def run(*arguments: str, status: int = 0, **environment: str) -> str:
        done = command.run(("doctor", *arguments), clean_environment(**sound | environment), ROOT)
        assert done.returncode == status, done.stdout
        assert CANARY not in done.stdout + done.stderr
        assert done.stderr == ""
        return done.stdout

    return run


def test_where_all_is_well_every_line_is_ok(doctor: Doctor, simulator: SimulatedChatGPT) -> None:
    lines = doctor().splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["ok", "settings"],
        ["ok", "redis"],
        ["ok", "chatgpt"],
    ]
    assert lines[-1].endswith(f"{simulator.url} takes the key")


def test_a_script_gets_json(doctor: Doctor) -> None:
    findings = json.loads(doctor("--json"))
    assert [(found["what"], found["state"]) for found in findings] == [
        ("settings", "ok"),
        ("redis", "ok"),
        ("chatgpt", "ok"),
    ]


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"REDIS_URL": ""}, "wrong   settings  REDIS_URL is not set"),
        ({"PROXY_PORT": "http"}, "wrong   settings  PROXY_PORT: must be a valid integer"),
        ({"OPENAI_API_KEY": "sk-other"}, "wrong   chatgpt   it refuses the key: check OPENAI_A"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_mend(
    doctor: Doctor, environment: dict[str, str], told: str
) -> None:
    assert told in doctor(status=1, **environment)


def test_where_redis_is_gone_chatgpt_is_looked_at_all_the_same(doctor: Doctor) -> None:
    told = doctor(status=1, REDIS_URL=f"redis://127.0.0.1:{free_port()}")
    assert "wrong   redis     it cannot be reached: is it up, and REDIS_URL right?" in told
    assert "ok      chatgpt" in told


def test_where_chatgpt_is_gone_it_is_told(doctor: Doctor) -> None:
    told = doctor(status=1, OPENAI_BASE_URL=f"http://127.0.0.1:{free_port()}/v1")
    assert "cannot be reached: ConnectionError" in told


def test_a_base_url_that_leads_elsewhere_is_told(
    doctor: Doctor, simulator: SimulatedChatGPT
) -> None:
    told = doctor(status=1, OPENAI_BASE_URL=f"{simulator.url}/v2")
    assert "/v1/v2/models answers 404: check OPENAI_BASE_URL" in told


def test_a_redis_that_keeps_nothing_on_disk_is_a_warning(
    doctor: Doctor, redis_server: RedisServer
) -> None:
    told = doctor(REDIS_URL=redis_server.url)
    assert "warning redis     a crash loses turns: set appendonly yes" in told


def test_a_redis_that_may_drop_sessions_is_wrong(doctor: Doctor) -> None:
    with RedisServer() as server:
        server.tell("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        told = doctor(status=1, REDIS_URL=server.url)
    assert "wrong   redis     it may drop sessions (allkeys-lru): use noeviction" in told


def test_a_redis_that_may_not_be_looked_at_is_a_warning(doctor: Doctor) -> None:
    with RedisServer() as server:
        server.tell("ACL", "SETUSER", server.user, "-info")
        told = doctor(REDIS_URL=server.url)
        server.forget_refusals()
    assert f"warning redis     {UNSEEN}" in told


def test_a_variable_that_is_misspelt_is_a_warning(doctor: Doctor) -> None:
    assert "warning settings  PROXY_PROT is no setting: is it misspelt?" in doctor(PROXY_PROT="1")


def test_a_model_without_a_price_is_a_warning(doctor: Doctor) -> None:
    told = doctor(PROXY_DEFAULT_MODEL="gpt-99")
    assert "warning settings  gpt-99 has no price in models.toml" in told
