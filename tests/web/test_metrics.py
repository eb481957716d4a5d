"""GET /metrics: what Prometheus reads."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.settings import load
from proxy.store.connection import Store
from tests.support.fault_proxy import FaultProxy
from tests.support.figures import Samples, scraped
from tests.support.keys import form_team, issue
from tests.support.service import CANARY, Service
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from tests.conftest import NewKey, StartService
    from tests.support.service import Client
    from tests.support.simulator import Control

TOKEN = "the token of the metrics, in words".replace(" ", "-")
MODEL = "gpt-6-luna"
ANSWERED = ("chat_proxy_turns_total", MODEL, "answered")
ASKED = ("chat_proxy_requests_total", "POST", "/chat", "200")


@pytest.fixture(scope="module")
def counting(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """A service with two workers, that tells keys apart and guards its figures."""
    settings = {"PROXY_METRICS_TOKEN": TOKEN, "PROXY_METRICS_KEYS": "true"}
    with Service(redis_server.url, simulator.url, WEB_CONCURRENCY="2", **settings) as running:
        yield running


class Watch:
    """What a service's figures grew by since."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.before = scraped(client)

    def now(self) -> Samples:
        """As they are."""
        return scraped(self.client)

    def more(self, *name: str) -> float:
        """What one grew by."""
        return self.now().get(name, 0) - self.before.get(name, 0)


@pytest.fixture
def watch(counting: Service, chatgpt: Control) -> Watch:
    return Watch(counting.client(TOKEN))


@pytest.fixture
def caller(counting: Service, new_key: NewKey, watch: Watch) -> Client:
    return counting.client(new_key())


def test_it_is_prometheus_s_text_and_needs_no_key(service: Service) -> None:
    answer = service.client().get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = list(text_string_to_metric_families(answer.text))
    assert all(family.name.startswith("chat_proxy_") for family in families)
    assert all(family.documentation for family in families)


@pytest.mark.parametrize("given", [None, "another", TOKEN + "x", TOKEN[:-1], "ü" * 40])
def test_with_a_token_only_who_has_it_is_told(counting: Service, given: str | None) -> None:
    headers = {"Authorization": f"Bearer {given}".encode()} if given else {}
    answer = counting.client().get("/metrics", headers=headers)
    assert answer.status_code == 401
    assert "chat_proxy" not in answer.text


def test_a_turn_is_counted_with_its_tokens_and_its_cost(watch: Watch, caller: Client) -> None:
    reply = caller.chat(model=MODEL).json()
    used = reply["usage"]
    assert (watch.more(*ASKED), watch.more(*ANSWERED)) == (1, 1)
    assert watch.more("chat_proxy_turn_seconds_count", MODEL) == 1
    for kind in ("prompt", "completion"):
        assert watch.more("chat_proxy_tokens_total", kind, MODEL) == used[f"{kind}_tokens"]
    cost = watch.more("chat_proxy_cost_usd_total", MODEL)
    assert cost == pytest.approx(reply["cost_usd"], rel=1e-6)


def stream(caller: Client, path: str) -> requests.Response:
    """A streamed answer by either interface."""
    whole = {"messages": [{"role": "user", "content": "Hello"}]}
    said = {"message": "Hello"} if path == "/chat" else whole
    return caller.post(path, json=said | {"model": MODEL, "stream": True})


@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions"])
def test_a_stream_s_first_word_is_timed(watch: Watch, caller: Client, path: str) -> None:
    assert stream(caller, path).ok
    wait_until(lambda: watch.more(*ANSWERED) == 1, "the turn to be counted")
    assert watch.more("chat_proxy_first_word_seconds_count", MODEL) == 1
    assert watch.more("chat_proxy_upstream_seconds_count") == 1


def test_every_worker_tells_what_all_have_counted(
    counting: Service, watch: Watch, caller: Client
) -> None:
    with ThreadPoolExecutor(8) as at_once:
        assert all(answer.ok for answer in at_once.map(lambda _: caller.chat(), range(24)))
    assert {watch.more(*ASKED) for _ in range(12)} == {24}
    assert watch.now()["chat_proxy_workers",] == 2


@pytest.mark.parametrize("how", ["killed", "reloaded"])
def test_nothing_is_lost_when_workers_are_replaced(
    counting: Service, watch: Watch, caller: Client, how: str
) -> None:
    assert all(caller.chat().ok for _ in range(4))
    former = counting.workers
    if how == "killed":
        for pid in former:
            counting.kill_worker(pid)
    else:
        counting.tell(signal.SIGHUP)
    wait_until(lambda: not set(former) & set(counting.workers), "other workers")
    wait_until(lambda: caller.get("/readyz").ok, "them to answer")
    assert caller.chat().ok
    assert (watch.more(*ASKED), watch.more(*ANSWERED)) == (5, 5)


def test_what_a_killed_worker_was_ends_with_it(
    counting: Service, watch: Watch, caller: Client, chatgpt: Control
) -> None:
    chatgpt.defaults(text="word " * 500, chunks_per_s=10)
    with caller.post("/chat", json={"message": "Hello", "stream": True}, stream=True) as answer:
        next(answer.iter_lines())
        wait_until(lambda: watch.now()["chat_proxy_open_streams",] == 1, "it to be told")
        for pid in counting.workers:
            counting.kill_worker(pid)
        wait_until(lambda: len(counting.workers) == 2, "other workers")
        wait_until(lambda: watch.now()["chat_proxy_workers",] == 2, "them to say how they are")
        shown = watch.now()
    assert shown["chat_proxy_open_streams",] == shown["chat_proxy_in_flight",] == 0
    states = [shown["chat_proxy_upstream_breaker", s] for s in ("closed", "half_open", "open")]
    assert states == [2, 0, 0]


def test_a_refusal_is_counted_by_whose_limit_it_was(
    counting: Service, watch: Watch, new_key: NewKey
) -> None:
    caller = counting.client(new_key(rpm=1, burst=1))
    assert [caller.chat().status_code for _ in range(3)] == [200, 429, 429]
    assert watch.more("chat_proxy_refusals_total", "requests", "key") == 2
    assert watch.more(*ANSWERED) == 1


def test_who_waits_is_counted_once_with_how_long(
    counting: Service, watch: Watch, new_key: NewKey
) -> None:
    caller = counting.client(new_key(rpm=600, burst=1))
    assert [caller.chat(wait=30).ok for _ in range(2)] == [True, True]
    assert watch.more("chat_proxy_wait_seconds_count", "granted") == 1
    assert 0 < watch.more("chat_proxy_wait_seconds_sum", "granted") < 30


def test_chatgpt_s_failures_and_second_tries_are_counted(
    watch: Watch, caller: Client, chatgpt: Control
) -> None:
    chatgpt.queue(status=500)
    assert caller.chat().ok
    assert watch.more("chat_proxy_upstream_requests_total", "500") == 1
    assert watch.more("chat_proxy_upstream_retries_total") == 1
    chatgpt.queue(status=500)
    chatgpt.queue(status=500)
    assert caller.chat().status_code == 502
    assert watch.more("chat_proxy_upstream_errors_total", "upstream_error") == 1
    assert watch.more("chat_proxy_turns_total", MODEL, "failed") == 1


@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions"])
@pytest.mark.parametrize(
    "fault", [{"fault": "cut_stream"}, {"fault": "close_delimited", "after": 400}]
)
def test_an_answer_that_breaks_off_is_a_failure_of_chatgpt_s_and_counted_once(
    watch: Watch, caller: Client, chatgpt: Control, path: str, fault: dict[str, Any]
) -> None:
    chatgpt.queue(**fault)
    assert "error" in stream(caller, path).text
    wait_until(lambda: watch.more("chat_proxy_turns_total", MODEL, "failed") == 1, "its end")
    assert watch.more("chat_proxy_upstream_errors_total", "upstream_error") == 1


def test_what_callers_make_up_is_counted_together(
    watch: Watch, caller: Client, chatgpt: Control
) -> None:
    chatgpt.defaults(status=404)
    for number in range(3):
        caller.chat(model=f"no-such-model-{number}")
        caller.request("BREW", f"/nothing/{number}")
    counted = [sample for sample in watch.now() if "_upstream_" not in sample[0]]
    assert not [sample for sample in counted if "no-such-model" in str(sample)]
    assert watch.more("chat_proxy_turns_total", "other", "stopped") == 3
    assert watch.more("chat_proxy_requests_total", "other", "none", "404") == 3


def test_keys_are_told_apart_only_where_that_is_asked_for(
    service: Service, counting: Service, watch: Watch, new_key: NewKey
) -> None:
    key = new_key()
    key_id = key.removeprefix("sk-proxy-").partition("-")[0]
    used = counting.client(key).chat().json()["usage"]["total_tokens"]
    assert watch.more("chat_proxy_key_turns_total", key_id) == 1
    assert watch.more("chat_proxy_key_tokens_total", key_id) == used
    assert service.client(key).chat().ok
    assert key_id not in service.client().get("/metrics").text


def test_round_trips_to_redis_and_of_the_turn_log_are_timed(watch: Watch, caller: Client) -> None:
    caller.chat(stream=True)
    assert watch.more("chat_proxy_redis_seconds_count") >= 3
    wait_until(lambda: watch.more("chat_proxy_turn_log_events_total") >= 3, "its events")
    assert watch.more("chat_proxy_turn_log_flush_seconds_count") >= 1


def test_chatgpt_s_limits_are_shown_by_model_and_resource(api: Client, chatgpt: Control) -> None:
    chatgpt.limits(requests=100, tokens=10_000)
    assert api.chat(max_tokens=10).ok
    shown = scraped(api)
    assert shown["chat_proxy_upstream_limit", "gpt-6-luna", "requests"] == 95
    assert shown["chat_proxy_upstream_limit", "gpt-6-luna", "tokens"] == 9500
    assert shown["chat_proxy_upstream_remaining", "gpt-6-luna", "requests"] >= 94
    assert shown["chat_proxy_upstream_paused_seconds", "gpt-6-luna"] == 0


def test_what_is_left_of_a_team_s_limits_is_shown(
    own_redis: EmbeddedRedis, start_service: StartService, chatgpt: Control
) -> None:
    service = start_service(REDIS_URL=own_redis.url)
    with closing(Store(load({"REDIS_URL": own_redis.url, "OPENAI_API_KEY": CANARY}))) as own:
        team = form_team(own, rpm=10, budget_usd=5.0)
        reply = service.client(issue(own, team=team)[1]).chat().json()
    shown = scraped(service.client())
    assert shown["chat_proxy_team_limit", "requests", team] == 10
    assert shown["chat_proxy_team_remaining", "requests", team] == 9
    left = shown["chat_proxy_team_remaining", "usd", team]
    assert left == pytest.approx(5 - reply["cost_usd"], abs=1e-8)


def test_nobody_waits_where_nobody_asks(service: Service, chatgpt: Control) -> None:
    shown = scraped(service.client())
    assert shown["chat_proxy_redis_up",] == 1
    scopes = ("upstream", "model", "team", "key", "user")
    assert [shown["chat_proxy_waiting", scope] for scope in scopes] == [0] * 5


def test_without_redis_it_answers_soon_and_says_so(
    redis_server: EmbeddedRedis, start_service: StartService
) -> None:
    with FaultProxy(redis_server.url) as way:
        client = start_service(REDIS_URL=way.url).client()
        assert scraped(client)["chat_proxy_redis_up",] == 1
        way.blackhole = True
        begun = time.monotonic()
        shown = scraped(client)
        assert shown["chat_proxy_redis_up",] == 0
        assert not [name for name, *_ in shown if name.startswith("chat_proxy_upstream_limit")]
        assert shown["chat_proxy_redis_errors_total",] >= 1
        assert time.monotonic() - begun < 5
