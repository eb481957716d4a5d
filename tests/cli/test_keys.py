"""`keys`: made once, shown once, listed, changed, rotated, revoked."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from proxy.store import client_keys, keyspace
from tests.cli.operating import Operator, operator, parsed
from tests.store.records import put
from tests.support.keys import form_team
from tests.support.service import free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.embedded import EmbeddedRedis
    from proxy.store.connection import Store
    from tests.support.service import Service
    from tests.support.simulator import Control


@pytest.fixture
def keys(redis_server: EmbeddedRedis) -> Operator:
    return operator(redis_server.url, "keys")


def made(keys: Operator, *options: str) -> tuple[str, str]:
    """The id and the secret of a new key."""
    token = keys("create", "Ada", *options).stdout.strip()
    parts = client_keys.split(token)
    assert parts
    return parts


def shown(keys: Operator, key_id: str) -> dict[str, Any]:
    told: dict[str, Any] = parsed(keys("show", key_id, "--json"))
    return told


def test_a_new_key_stands_alone_on_standard_output(keys: Operator) -> None:
    done = keys("create", "Ada")
    key_id, _ = client_keys.split(done.stdout.removesuffix("\n")) or ("", "")
    assert done.stderr == f"The key of Ada, id {key_id}; it is shown this once:\n"


def test_a_new_key_s_limits_are_kept(keys: Operator) -> None:
    limits = ("--rpm", "5", "--tpm", "0", "--burst", "2")
    models = ("--models", "gpt-6-luna,gpt-6-sol")
    told = shown(keys, made(keys, *limits, *models, "--expires", "30d")[0])
    assert (told["rpm"], told["tpm"], told["burst"]) == (5, 0, 2)
    assert told["models"] == ["gpt-6-luna", "gpt-6-sol"]
    assert told["expires_at"] == told["created_at"] + 30 * 86_400


def test_a_new_key_s_team_budget_and_places_are_kept(keys: Operator, store: Store) -> None:
    team = form_team(store)
    limits = ("--max-parallel", "4", "--budget-usd", "0.5", "--budget-period", "day", "--shadow")
    told = shown(keys, made(keys, *limits, "--team", team)[0])
    assert (told["team"], told["max_parallel"], told["shadow"]) == (team, 4, True)
    assert (told["budget_usd"], told["budget_period"]) == (0.5, "day")


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (["--name", "default"], {"name": "default"}),
        (["--rpm", "7", "--tpm", "0"], {"rpm": 7, "tpm": 0}),
        (["--rpm", "default", "--burst", "default"], {"rpm": None, "burst": None}),
        (["--budget-usd", "0"], {"budget_usd": None}),
        (["--budget-period", "month"], {"budget_period": "month"}),
        (["--no-shadow", "--max-parallel", "0"], {"shadow": False, "max_parallel": 0}),
        (["--models", "a, b"], {"models": ["a", "b"]}),
        (["--models", ""], {"models": []}),
        (["--expires", "never"], {"expires_at": None}),
        (["--no-team"], {"team": None}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_set_changes_and_the_rest_stays(
    keys: Operator, store: Store, options: list[str], changed: dict[str, Any]
) -> None:
    limits = ("--rpm", "5", "--burst", "2", "--budget-usd", "1", "--budget-period", "day")
    rest = ("--shadow", "--models", "c", "--expires", "1h", "--team", form_team(store))
    before = shown(keys, made(keys, *limits, *rest)[0])
    told = parsed(keys("set", before["id"], *options, "--json"))
    assert told == shown(keys, before["id"]) == before | changed


def test_an_expiry_is_set_from_now(keys: Operator) -> None:
    key_id, _ = made(keys)
    keys("set", key_id, "--expires", "1h")
    assert abs(shown(keys, key_id)["expires_at"] - time.time() - 3600) < 60


def test_a_change_does_not_undo_a_revocation(keys: Operator) -> None:
    key_id, _ = made(keys)
    keys("revoke", key_id)
    keys("set", key_id, "--rpm", "5")
    assert shown(keys, key_id)["state"] == "revoked"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "Nothing to change"),
        (["--team", "a", "--no-team"], "--team and --no-team do not go together."),
        (["--team", "nobody"], "there is no team 'nobody'"),
        (["--name", ""], "'name' should be one line"),
        (["--rpm", "none"], "'none' is not a valid integer"),
    ],
    ids=["nothing", "both", "team", "name", "limit"],
)
def test_wrong_usage_changes_nothing(keys: Operator, options: list[str], told: str) -> None:
    key_id, _ = made(keys)
    before = shown(keys, key_id)
    assert told in keys("set", key_id, *options, status=2).stderr
    assert shown(keys, key_id) == before


def test_a_key_that_is_good_for_no_time_is_expired(keys: Operator) -> None:
    assert shown(keys, made(keys, "--expires", "0s")[0])["state"] == "expired"


def test_a_secret_is_shown_once(keys: Operator) -> None:
    key_id, secret = made(keys)
    told = keys("show", key_id).stdout + keys("show", key_id, "--json").stdout
    told += keys("list").stdout + keys("list", "--json").stdout
    assert key_id in told
    assert secret not in told
    assert client_keys.hashed(secret) not in told


def test_a_list_has_every_key_with_cells_between_tabs(keys: Operator) -> None:
    limits = ("--rpm", "5", "--tpm", "0", "--max-parallel", "4")
    budget = ("--budget-usd", "0.5", "--budget-period", "day")
    limited, plain = made(keys, *limits, *budget)[0], made(keys)[0]
    rows = [line.split("\t") for line in keys("list").stdout.splitlines()]
    cells = {row[0]: row[1:-1] for row in rows}
    assert cells[limited] == ["Ada", "active", "5", "none", "4", "$0.5/day", "-"]
    assert cells[plain] == ["Ada", "active", "default", "default", "none", "none", "-"]


def test_a_key_opens_the_service_until_it_is_revoked(
    keys: Operator, service: Service, chatgpt: Control
) -> None:
    told = json.loads(keys("create", "Ada", "--json").stdout)
    caller = service.client(told["key"])
    assert caller.chat().status_code == 200
    assert keys("revoke", told["id"]).stderr == f"The key {told['id']} (Ada) is revoked.\n"
    wait_until(lambda: caller.chat().status_code == 401, "the key to end", seconds=10)
    assert shown(keys, told["id"])["state"] == "revoked"


def test_a_damaged_key_is_removed(keys: Operator, store: Store) -> None:
    key_id, _ = made(keys)
    put(store, keyspace.client_key(key_id), created_at="x")
    told = f"The key {key_id} was damaged: its record is removed.\n"
    assert keys("revoke", key_id).stderr == told
    assert "There is no key" in keys("show", key_id, status=1).stderr


def test_a_rotated_key_s_former_secret_is_good_for_the_overlap(
    keys: Operator, service: Service, chatgpt: Control
) -> None:
    key_id, former = made(keys)
    token = keys("rotate", key_id, "--overlap", "1h").stdout.strip()
    for good in (token, client_keys.token(key_id, former)):
        assert service.client(good).chat().status_code == 200


def test_a_rotated_key_s_former_secret_ends_at_once_without_an_overlap(
    keys: Operator, service: Service, chatgpt: Control
) -> None:
    key_id, former = made(keys)
    keys("rotate", key_id)
    assert service.client(client_keys.token(key_id, former)).chat().status_code == 401


def test_a_revoked_key_is_not_rotated(keys: Operator) -> None:
    key_id, _ = made(keys)
    keys("revoke", key_id)
    assert keys("rotate", key_id, status=1).stderr == f"Error: The key {key_id} is revoked.\n"


@pytest.mark.parametrize(
    ("verb", "key_id"), [("show", "nobody"), ("rotate", "nobody"), ("revoke", "*"), ("show", "ä")]
)
def test_a_key_that_is_not_there_is_told(keys: Operator, verb: str, key_id: str) -> None:
    told = f"Error: There is no key {key_id!r}: the list of keys has them all.\n"
    assert keys(verb, key_id, status=1).stderr == told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["two\nlines"], "'name' should be one line of 1 to 100 characters."),
        (["Ada", "--rpm", "-1"], "-1 is not in the range"),
        (["Ada", "--tpm", "1000000001"], "1000000001 is not in the range"),
        (["Ada", "--expires", "soon"], "'soon' is no time such as 90s, 30m, 1h or 30d"),
        (["Ada", "--budget-usd", "-1"], "-1.0 is not in the range"),
        (["Ada", "--budget-usd", "nan"], "'nan' is no amount of money"),
        (["Ada", "--budget-period", "week"], "'week' is not one of 'day', 'month'"),
        (["Ada", "--team", "nobody"], "there is no team 'nobody'"),
    ],
)
def test_wrong_usage_makes_no_key(keys: Operator, arguments: list[str], told: str) -> None:
    assert told in keys("create", *arguments, status=2).stderr


def test_without_a_redis_it_says_how_to_name_one(keys: Operator) -> None:
    told = keys("list", status=1, REDIS_URL="").stderr
    assert told.startswith("Error: REDIS_URL is not set: export it, such as redis://")
    assert told.count("\n") == 1


def test_where_redis_is_gone_it_says_so(keys: Operator) -> None:
    told = keys("create", "Ada", status=1, REDIS_URL=f"redis://127.0.0.1:{free_port()}")
    assert told.stderr == "Error: Redis cannot be reached: is it up, and REDIS_URL right?\n"
    assert told.stdout == ""
