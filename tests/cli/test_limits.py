"""`limits explain`: every limit of a key, and what its next request would meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.operating import Operator, operator, parsed
from tests.cli.pseudo_terminal import PseudoTerminal
from tests.support.keys import form_team, issue
from tests.support.learned import forget
from tests.support.service import ADMIN_TOKEN, ROOT, clean_environment

if TYPE_CHECKING:
    from proxy.embedded import EmbeddedRedis
    from proxy.store.connection import Store
    from tests.support.service import Client, Service
    from tests.support.simulator import Control


@pytest.fixture
def limits(redis_server: EmbeddedRedis) -> Operator:
    return operator(redis_server.url, "limits")


def test_every_limit_is_a_line_with_cells_between_tabs(limits: Operator, store: Store) -> None:
    forget(store)
    team = form_team(store, budget_usd=2.5, budget_period="day", shadow=True)
    key, _ = issue(store, rpm=60, burst=5, tpm=200_000, max_parallel=3, team=team)
    done = limits("explain", key.id)
    assert [line.split("\t") for line in done.stdout.splitlines()] == [
        ["key", key.id, "requests", "60/minute", "5", "enforced", "5", "0 s"],
        ["key", key.id, "tokens", "200000/minute", "200000", "enforced", "200000", "0 s"],
        ["key", key.id, "concurrency", "3", "3", "enforced", "3", "0 s"],
        ["team", team, "usd", "$2.5/day", "$2.5", "shadow", "$2.5", "0 s"],
    ]
    assert done.stderr == "The next request passes, if nobody else comes first.\n"


def test_a_refusal_is_foretold_as_the_service_gives_it(
    limits: Operator, service: Service, store: Store, chatgpt: Control
) -> None:
    key, token = issue(store, rpm=1)
    assert service.client(token).chat().ok
    assert "Rate limit reached for requests of this client key" in limits("explain", key.id).stderr
    told = parsed(limits("explain", key.id, "--json"))["next"]
    assert (told["passes"], told["code"]) == (False, "rate_limit_exceeded")
    assert 0 < told["wait_s"] <= 60


def test_the_terminal_and_the_admin_interface_explain_alike(
    limits: Operator, admin: Client, store: Store
) -> None:
    key, _ = issue(store, rpm=5, tpm=700, models=("o4-mini",))
    asked = {"explain": key.id, "model": "o4-mini", "tokens": "701"}
    told = parsed(limits("explain", key.id, "--model", "o4-mini", "--tokens", "701", "--json"))
    answered = admin.get("/admin/api/limits", params=asked).json()
    assert {"object": "explanation"} | told == answered
    assert ADMIN_TOKEN not in str(told)


def test_at_a_terminal_the_columns_have_names(redis_server: EmbeddedRedis, store: Store) -> None:
    key, _ = issue(store, rpm=5)
    environment = clean_environment(REDIS_URL=redis_server.url)
    with PseudoTerminal("limits", "explain", key.id, env=environment, cwd=ROOT) as terminal:
        terminal.expect("RESOURCE")
        terminal.expect("5/minute")
        terminal.expect("The next request passes")
        assert terminal.status() == 0


def test_a_key_that_is_not_there_is_told(limits: Operator) -> None:
    told = limits("explain", "nobody", status=1).stderr
    assert told == "Error: There is no key 'nobody': the list of keys has them all.\n"


def test_wrong_usage_is_told(limits: Operator) -> None:
    assert "0 is not in the range" in limits("explain", "x", "--tokens", "0", status=2).stderr
