"""GET /metrics: what Prometheus reads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from tests.support.fault_proxy import FaultProxy

if TYPE_CHECKING:
    from proxy.embedded import EmbeddedRedis
    from tests.conftest import StartService
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

EVERY_FIGURE = {
    "chat_proxy_redis_up",
    "chat_proxy_redis_outage",
    "chat_proxy_redis_outages",
    "chat_proxy_redis_outage_seconds",
    "chat_proxy_degraded_seconds",
    "chat_proxy_degraded_requests",
    "chat_proxy_upstream_limit",
    "chat_proxy_upstream_remaining",
    "chat_proxy_upstream_paused_seconds",
    "chat_proxy_upstream_breaker",
    "chat_proxy_in_flight",
    "chat_proxy_open_streams",
    "chat_proxy_waiting",
}


def scraped(client: Client) -> dict[tuple[str, ...], float]:
    """Every sample by its name and its labels' values."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_it_is_prometheus_s_text_and_needs_no_key(service: Service) -> None:
    answer = service.client().get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert families == EVERY_FIGURE


def test_every_figure_says_what_it_is(service: Service) -> None:
    text = service.client().get("/metrics").text
    assert all(family.documentation for family in text_string_to_metric_families(text))


def test_chatgpt_s_limits_are_shown_by_model_and_resource(api: Client, chatgpt: Control) -> None:
    chatgpt.limits(requests=100, tokens=10_000)
    assert api.chat(max_tokens=10).ok
    shown = scraped(api)
    assert shown["chat_proxy_upstream_limit", "gpt-6-luna", "requests"] == 95
    assert shown["chat_proxy_upstream_limit", "gpt-6-luna", "tokens"] == 9500
    assert shown["chat_proxy_upstream_remaining", "gpt-6-luna", "requests"] >= 94
    assert shown["chat_proxy_upstream_paused_seconds", "gpt-6-luna"] == 0


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
        assert not [name for name, *_ in shown if name == "chat_proxy_waiting"]
        assert time.monotonic() - begun < 5
