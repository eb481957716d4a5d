"""docs/operations.md: its commands, run, and what must hold after them."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import redis
import requests

from proxy.simulator.process import SimulatedChatGPT
from tests.deploy.site import PAGE, Site, blocks
from tests.docs import pages
from tests.streaming.listening import turns
from tests.support import custody
from tests.support.service import CANARY
from tests.support.simulator import Control
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.service import Client

INCIDENTS = ("Redis is gone", "A budget has run out", "A leak is suspected")
REST = ("Backup", "Restore", "Rotating keys")


@pytest.fixture(scope="module")
def any_key() -> Iterator[SimulatedChatGPT]:
    """A ChatGPT that takes whatever key it is asked with."""
    with SimulatedChatGPT() as simulated:
        yield simulated


@pytest.fixture(scope="module")
def site(any_key: SimulatedChatGPT, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site"), any_key.url) as running:
        yield running


@pytest.fixture(scope="module")
def caller(site: Site) -> Client:
    """A caller with a key that an operator made at the terminal."""
    made = site.run("python -m proxy keys create somebody")
    custody.learn(made)
    (token,) = re.findall(r"sk-proxy-\S+", made)
    return site.service.client(token)


def asked(caller: Client, **fields: Any) -> str:
    """A turn that was answered; its session."""
    answer = caller.chat(**fields)
    assert answer.ok, answer.text
    return str(answer.json()["session_id"])


def test_every_section_with_commands_is_run() -> None:
    sections = re.findall(r"^## (.+)$", pages.text(PAGE), re.MULTILINE)
    assert {heading for heading in sections if blocks(heading)} == {*INCIDENTS, *REST}


def test_a_backup_is_restored_with_its_sessions_and_written_on(site: Site, caller: Client) -> None:
    (copy,), (restore, look) = blocks("Backup"), blocks("Restore")
    kept = asked(caller)
    site.run(copy)
    lost = asked(caller)
    site.stop_all()
    site.run(restore)
    site.start_redis()
    site.start_service()
    assert "somebody" in site.run(look)
    assert len(turns(caller, kept)) == 1
    assert caller.get(f"/sessions/{lost}").status_code == 404
    asked(caller, session_id=kept)
    wait_until_written(site)
    site.redis.kill()
    site.start_redis()
    wait_until(lambda: caller.get(f"/sessions/{kept}").ok, "Redis to be found again")
    assert len(turns(caller, kept)) == 2


def wait_until_written(site: Site) -> None:
    """Until the append-only file has what was acknowledged: at most the next second."""
    said = "redis-cli --user operator info persistence"
    wait_until(lambda: "aof_pending_bio_fsync:0" in site.run(said), "the file to be written")


@pytest.fixture(scope="module")
def rotated(site: Site) -> str:
    """What was said when a client key was made and rotated; its id is the shell's `$id`."""
    said = site.run(blocks("Rotating keys")[0])
    custody.learn(said)
    return said


def test_a_client_key_is_rotated(rotated: str) -> None:
    assert "sk-proxy-" in rotated


def test_the_openai_key_is_rotated_while_callers_go_on(
    site: Site, caller: Client, any_key: SimulatedChatGPT
) -> None:
    _, add, leave, *_ = blocks("Rotating keys")
    chatgpt = Control(any_key.url)
    assert "takes the next key" in site.run(add)
    site.reload()
    asked(caller)
    site.run(leave)
    assert site.secret("openai_api_key") == CANARY + "-next"
    site.reload()
    chatgpt.reset()
    asked(caller)
    (sent,) = chatgpt.requests()
    assert sent.headers["authorization"] == f"Bearer {CANARY}-next"


def test_redis_s_password_is_rotated_while_callers_go_on(site: Site, caller: Client) -> None:
    *_, renew, revoke = blocks("Rotating keys")
    former = site.secret("redis_url")
    site.run(renew)
    site.name_redis()
    assert site.secret("redis_url") != former
    asked(caller)
    site.reload()
    site.run(revoke)
    asked(caller)
    with (
        closing(redis.Redis.from_url(former, protocol=2)) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


@pytest.mark.parametrize("incident", INCIDENTS)
def test_what_an_incident_asks_for_can_be_done(site: Site, rotated: str, incident: str) -> None:
    for block in blocks(incident):
        assert site.run(block)
    assert requests.get(f"{site.service.url}/readyz", timeout=10).ok
