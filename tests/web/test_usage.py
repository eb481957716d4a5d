"""GET /admin/api/usage: what it tells, in JSON and CSV, and what it refuses."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from proxy.store import buckets, client_keys, usage
from tests.store.samples import new_bucket
from tests.support.service import Client, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.domain.usage_report import Kind
    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from proxy.store.connection import Store

TOKEN = "a-token-of-an-administrator-for-tests"
PATH = "/admin/api/usage"
FIGURES = {
    "requests": 2,
    "refused": 1,
    "refused_upstream": 0,
    "shadowed": 0,
    "errors": 0,
    "prompt_tokens": 200,
    "cached_tokens": 40,
    "completion_tokens": 50,
    "reasoning_tokens": 10,
    "total_tokens": 250,
    "cost_usd": 0.002,
    "unpriced_requests": 0,
    "estimated_requests": 1,
    "latency": {"p50_s": 0.1, "p95_s": 0.19, "p99_s": 0.198},
    "first_word": {"p50_s": None, "p95_s": None, "p99_s": None},
}
COUNTED = {
    "requests": 2,
    "refused": 1,
    "prompt_tokens": 200,
    "cached_tokens": 40,
    "completion_tokens": 50,
    "reasoning_tokens": 10,
    "cost_nano": 2_000_000,
    "estimated": 1,
    "seconds_1": 1,
    "seconds_2": 1,
}


@pytest.fixture(scope="module")
def guarded(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    with Service(redis_server.url, simulator.url, PROXY_ADMIN_TOKEN=TOKEN) as running:
        yield running


@pytest.fixture
def admin(guarded: Service) -> Client:
    return Client(guarded.url, TOKEN)


@pytest.fixture
def name() -> str:
    return f"ada-{client_keys.new_id()}"


def count(store: Store, kind: Kind, name: str, hour: int) -> None:
    """Count so at an hour of 2021-06-07."""
    at = datetime(2021, 6, 7, hour, tzinfo=UTC).timestamp()
    counted = usage.count([(kind, name)], COUNTED, at, 86_400)
    limits, reservation = [new_bucket(60, 60)], client_keys.new_id()
    store.run(buckets.reserve(reservation, limits, {}))
    store.run(buckets.settle(reservation, limits, {}, count=counted))


def read(admin: Client, **query: str) -> dict[str, Any]:
    answer = admin.get(PATH, params={"from": "2021-06-07", "to": "2021-06-07"} | query)
    assert answer.ok, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.parametrize("kind", ["key", "team", "user", "model"])
def test_usage_is_told_by_hour_for_each_kind(
    admin: Client, store: Store, name: str, kind: Kind
) -> None:
    for hour in (3, 4):
        count(store, kind, name, hour)
    told = read(admin, by=kind, step="hour")
    rows = [row for row in told["data"] if row["name"] == name]
    starts = ["2021-06-07T03:00:00Z", "2021-06-07T04:00:00Z"]
    assert rows == [{"start": start, "name": name} | FIGURES for start in starts]
    assert {key: told[key] for key in ("object", "by", "from", "to", "step")} == {
        "object": "usage",
        "by": kind,
        "from": "2021-06-07T00:00:00Z",
        "to": "2021-06-08T00:00:00Z",
        "step": "hour",
    }


def test_a_day_is_the_sum_of_its_hours_and_totals_of_all(
    admin: Client, store: Store, name: str
) -> None:
    for hour in (3, 4, 4):
        count(store, "team", name, hour)
    told = read(admin, by="team", step="day")
    (day,) = [row for row in told["data"] if row["name"] == name]
    assert (day["requests"], day["cost_usd"], day["latency"]) == (6, 0.006, FIGURES["latency"])
    assert told["totals"]["requests"] == sum(row["requests"] for row in told["data"])
    hours = read(admin, by="team", step="hour")
    assert hours["totals"] == told["totals"]


def test_a_csv_has_the_same_figures_and_no_formula(admin: Client, store: Store, name: str) -> None:
    count(store, "user", f"={name}", 5)
    query = {"by": "user", "from": "2021-06-07", "to": "2021-06-07", "step": "hour"}
    answer = admin.get(PATH, params=query, headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    (row,) = [row for row in rows if row["name"] == f"'={name}"]
    assert (row["start"], row["total_tokens"], row["latency_p95_s"], row["first_word_p50_s"]) == (
        "2021-06-07T05:00:00Z",
        "250",
        "0.19",
        "",
    )


def test_usage_is_told_of_those_named_alone_and_as_one(
    admin: Client, store: Store, name: str
) -> None:
    for other in (name, f"{name}-b", f"{name}-c"):
        count(store, "team", other, 3)
        count(store, "team", other, 4)
    named = {"by": "team", "name": [name, f"{name}-b", f"{name}-nobody"], "total": "true"}
    told = admin.get(PATH, params={"from": "2021-06-07", "to": "2021-06-07"} | named).json()
    rows = [(row["start"], row["name"], row["requests"]) for row in told["data"]]
    assert rows == [("2021-06-07T00:00:00Z", each, 4) for each in (name, f"{name}-b")]
    assert (told["total"], told["totals"]["requests"]) == (True, 8)


def test_everybody_s_usage_is_that_of_all_models(admin: Client, store: Store, name: str) -> None:
    count(store, "model", name, 3)
    count(store, "team", name, 3)
    told, models = read(admin, by="all", step="hour"), read(admin, by="model", step="hour")
    assert {row["name"] for row in told["data"]} == {"all"}
    assert told["totals"] == models["totals"]


def test_nothing_used_is_an_empty_list_and_zeros(admin: Client) -> None:
    told = read(admin, **{"from": "2001-01-01", "to": "2001-01-31"})
    assert told["data"] == []
    assert told["totals"]["requests"] == 0
    assert told["totals"]["latency"]["p50_s"] is None


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"by": "session"}, "by"),
        ({"step": "minute"}, "step"),
        ({"from": "monday"}, "from"),
        ({"to": "tuesday"}, "to"),
        ({"from": "2021-06-08", "to": "2021-06-07"}, "from"),
        ({"form": "2021-06-08"}, "form"),
    ],
    ids=["by", "step", "from", "to", "order", "unknown"],
)
def test_a_wrong_field_is_named(admin: Client, query: dict[str, str], param: str) -> None:
    answer = admin.get(PATH, params=query)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_nobody_else_reads_it(guarded: Service, api: Client) -> None:
    stranger = Client(guarded.url, None)
    stranger.headers = api.headers
    assert stranger.get(PATH).status_code == 401
    assert guarded.client().get(PATH).status_code == 401
