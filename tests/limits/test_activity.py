"""What the workers do at this moment, and who waits for what: GET /admin/api/activity, /metrics."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from proxy.store import activity
from tests.limits.sharing import NOTHING, RPM, set_level
from tests.streaming.listening import stream
from tests.support.figures import scraped
from tests.support.keys import form_team, issue
from tests.support.service import ADMIN_TOKEN
from tests.support.waiting import wait_until
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from proxy.embedded import EmbeddedRedis
    from proxy.store.connection import Store
    from tests.conftest import StartService
    from tests.support.service import Service
    from tests.support.simulator import Control

NOTHING_HAPPENS = {"object": "activity", "in_flight": 0, "open_streams": 0, "waiting": []}
SLOWLY = {"text": "word " * 400, "chunks_per_s": 20}


@pytest.fixture
def alone(own_redis: EmbeddedRedis, start_service: StartService, chatgpt: Control) -> Service:
    """A service with a Redis of its own: nobody else does anything there."""
    return start_service(
        REDIS_URL=own_redis.url,
        PROXY_ADMIN_TOKEN=ADMIN_TOKEN,
        PROXY_UPSTREAM_RPM=str(RPM),
        WEB_CONCURRENCY="2",
        **QUICK_STOP,
    )


def told(service: Service) -> dict[str, Any]:
    doing: dict[str, Any] = service.client(ADMIN_TOKEN).get("/admin/api/activity").json()
    return doing


def test_open_streams_of_all_workers_are_told_until_their_end(
    alone: Service, own_store: Store, chatgpt: Control
) -> None:
    client = alone.client(issue(own_store)[1])
    assert told(alone) == NOTHING_HAPPENS
    chatgpt.defaults(**SLOWLY)
    with ExitStack() as opened:
        for _ in range(3):
            opened.enter_context(stream(client, on_disconnect="cancel"))
        wait_until(lambda: told(alone)["open_streams"] == 3, "the streams to be told")
        assert told(alone)["in_flight"] == 3
        for name in ("chat_proxy_open_streams", "chat_proxy_in_flight"):
            wait_until(lambda: scraped(client)[name,] == 3, f"{name} to be told")  # noqa: B023
    wait_until(lambda: told(alone) == NOTHING_HAPPENS, "the streams to be gone")


def test_who_waits_is_told_by_what_for(alone: Service, own_store: Store) -> None:
    team = form_team(own_store, rpm=1)
    one, token = issue(own_store, rpm=1)
    of_key = alone.client(token)
    of_team = alone.client(issue(own_store, rpm=0, tpm=0, team=team)[1])
    of_all = alone.client(issue(own_store, rpm=0, tpm=0)[1])
    assert of_key.chat().ok
    assert of_team.chat().ok
    set_level(own_store, NOTHING)
    with ExitStack() as opened:
        for client in (of_key, of_team, of_all, of_all):
            opened.enter_context(stream(client, wait=60)).until("queue")
        model = {"model": "gpt-6-luna"}
        expected = [
            {"scope": "key", "id": one.id, "requests": 1} | model,
            {"scope": "team", "id": team, "requests": 1} | model,
            {"scope": "upstream", "id": "openai", "requests": 2} | model,
        ]

        def waiting() -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = told(alone)["waiting"]
            return sorted(rows, key=lambda row: str(row["scope"]))

        wait_until(lambda: waiting() == expected, "all who wait to be told")
        scopes = ("upstream", "model", "team", "key", "user")

        def scraped_waiting() -> list[float]:
            shown = scraped(of_all)
            return [shown["chat_proxy_waiting", scope] for scope in scopes]

        wait_until(lambda: scraped_waiting() == [2, 0, 1, 1, 0], "the figures to tell it too")


def test_a_request_without_a_stream_is_told_once_it_takes_long(
    alone: Service, own_store: Store, chatgpt: Control
) -> None:
    chatgpt.queue(delay_s=12)
    client = alone.client(issue(own_store)[1])
    with ThreadPoolExecutor(1) as other:
        answer = other.submit(client.chat)
        wait_until(lambda: told(alone)["in_flight"] == 1, "the request to be told")
        assert told(alone)["open_streams"] == 0
        assert answer.result().ok


def test_a_worker_that_is_not_heard_of_does_nothing(
    alone: Service, own_store: Store, chatgpt: Control
) -> None:
    chatgpt.defaults(**SLOWLY)
    with stream(alone.client(issue(own_store)[1])):
        wait_until(lambda: activity.read(own_store).open_streams == 1, "the stream to be told")
        for worker in alone.workers:
            alone.kill_worker(worker)
        wait_until(lambda: activity.read(own_store).idle, "the worker to be forgotten")
