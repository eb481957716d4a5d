"""`keys`: made once, shown once, listed, rotated, revoked."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from proxy.store import client_keys
from tests.support.service import ROOT, clean_environment, free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.embedded import EmbeddedRedis
    from tests.support.service import Service
    from tests.support.simulator import Control


class Keys(Protocol):
    """Runs `python -m proxy keys`, with Redis's URL and nothing else set."""

    def __call__(
        self, *arguments: str, status: int = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def keys(redis_server: EmbeddedRedis) -> Keys:
    def run(
        *arguments: str, status: int = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "proxy", "keys", *arguments],
            capture_output=True,
            text=True,
            env=clean_environment(**{"REDIS_URL": redis_server.url} | environment),
            cwd=ROOT,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done

    return run


def made(keys: Keys, *options: str) -> tuple[str, str]:
    """The id and the secret of a new key."""
    token = keys("create", "Ada", *options).stdout.strip()
    parts = client_keys.split(token)
    assert parts
    return parts


def shown(keys: Keys, key_id: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(keys("show", key_id, "--json").stdout)
    return told


def test_a_new_key_stands_alone_on_standard_output(keys: Keys) -> None:
    done = keys("create", "Ada")
    key_id, _ = client_keys.split(done.stdout.removesuffix("\n")) or ("", "")
    assert done.stderr == f"The key of Ada, id {key_id}; it is shown this once:\n"


def test_a_new_key_s_limits_are_kept(keys: Keys) -> None:
    limits = ("--rpm", "5", "--tpm", "0", "--burst", "2")
    models = ("--models", "gpt-6-luna,gpt-6-sol")
    told = shown(keys, made(keys, *limits, *models, "--expires", "30d")[0])
    assert (told["rpm"], told["tpm"], told["burst"]) == (5, 0, 2)
    assert told["models"] == ["gpt-6-luna", "gpt-6-sol"]
    assert told["expires_at"] == told["created_at"] + 30 * 86_400


def test_a_key_that_is_good_for_no_time_is_expired(keys: Keys) -> None:
    assert shown(keys, made(keys, "--expires", "0s")[0])["state"] == "expired"


def test_a_secret_is_shown_once(keys: Keys) -> None:
    key_id, secret = made(keys)
    told = keys("show", key_id).stdout + keys("show", key_id, "--json").stdout
    told += keys("list").stdout + keys("list", "--json").stdout
    assert key_id in told
    assert secret not in told
    assert client_keys.hashed(secret) not in told


def test_a_list_has_every_key_with_cells_between_tabs(keys: Keys) -> None:
    limited, plain = made(keys, "--rpm", "5", "--tpm", "0")[0], made(keys)[0]
    rows = [line.split("\t") for line in keys("list").stdout.splitlines()]
    cells = {row[0]: row[1:-1] for row in rows}
    assert cells[limited] == ["Ada", "active", "5", "none"]
    assert cells[plain] == ["Ada", "active", "default", "default"]


def test_a_key_opens_the_service_until_it_is_revoked(
    keys: Keys, service: Service, chatgpt: Control
) -> None:
    told = json.loads(keys("create", "Ada", "--json").stdout)
    caller = service.client(told["key"])
    assert caller.chat().status_code == 200
    assert keys("revoke", told["id"]).stderr == f"The key {told['id']} (Ada) is revoked.\n"
    wait_until(lambda: caller.chat().status_code == 401, "the key to end", seconds=10)
    assert shown(keys, told["id"])["state"] == "revoked"


def test_a_rotated_key_s_former_secret_is_good_for_the_overlap(
    keys: Keys, service: Service, chatgpt: Control
) -> None:
    key_id, former = made(keys)
    token = keys("rotate", key_id, "--overlap", "1h").stdout.strip()
    for good in (token, client_keys.token(key_id, former)):
        assert service.client(good).chat().status_code == 200


def test_a_rotated_key_s_former_secret_ends_at_once_without_an_overlap(
    keys: Keys, service: Service, chatgpt: Control
) -> None:
    key_id, former = made(keys)
    keys("rotate", key_id)
    assert service.client(client_keys.token(key_id, former)).chat().status_code == 401


def test_a_revoked_key_is_not_rotated(keys: Keys) -> None:
    key_id, _ = made(keys)
    keys("revoke", key_id)
    assert keys("rotate", key_id, status=1).stderr == f"Error: the key {key_id} is revoked.\n"


@pytest.mark.parametrize(
    ("verb", "key_id"), [("show", "nobody"), ("rotate", "nobody"), ("revoke", "*")]
)
def test_a_key_that_is_not_there_is_told(keys: Keys, verb: str, key_id: str) -> None:
    told = f"Error: there is no key {key_id!r}: 'keys list' has them all.\n"
    assert keys(verb, key_id, status=1).stderr == told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["two\nlines"], "NAME should be one line of at most 100 characters."),
        (["Ada", "--rpm", "-1"], "-1 is not in the range"),
        (["Ada", "--tpm", "1000000001"], "1000000001 is not in the range"),
        (["Ada", "--expires", "soon"], "'soon' is no time such as 90s, 30m, 1h or 30d"),
    ],
)
def test_wrong_usage_makes_no_key(keys: Keys, arguments: list[str], told: str) -> None:
    assert told in keys("create", *arguments, status=2).stderr


def test_without_a_redis_it_says_how_to_name_one(keys: Keys) -> None:
    told = keys("list", status=1, REDIS_URL="").stderr
    assert told.startswith("Error: REDIS_URL is not set: export it, such as redis://")
    assert told.count("\n") == 1


def test_where_redis_is_gone_it_says_so(keys: Keys) -> None:
    told = keys("create", "Ada", status=1, REDIS_URL=f"redis://127.0.0.1:{free_port()}")
    assert told.stderr == "Error: Redis cannot be reached: is it up, and REDIS_URL right?\n"
    assert told.stdout == ""
