"""GET /metrics: figures for Prometheus.

What Redis knows for all workers is read there when it is asked for: a figure of it that is new goes
into `SharedFigures`. What a worker knows for itself has its process id as a label.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, get_args

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from proxy.domain.limits import Scope
from proxy.errors import StoreUnavailable
from proxy.store import activity, buckets, learned
from proxy.store.buckets import MICRO
from proxy.store.connection import time_us

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxy.degradation import Degradation
    from proxy.domain.breaker import State
    from proxy.store.connection import Store
    from proxy.upstream.client import Upstream

    Family = CounterMetricFamily | GaugeMetricFamily

_BREAKER_STATES: tuple[State, ...] = ("closed", "half_open", "open")


class OwnFigures:
    """What the worker knows that answers the scrape, with or without Redis."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All figures, as prometheus_client wants them."""
        breaker = GaugeMetricFamily(
            "chat_proxy_upstream_breaker",
            "1 for the state of this worker's breaker before ChatGPT.",
            labels=["state"],
        )
        for state in _BREAKER_STATES:
            breaker.add_metric([state], state == self._upstream.breaker)
        yield breaker


class OutageFigures:
    """How Redis is to the worker that is asked, and what it does meanwhile."""

    def __init__(self, store: Store, degradation: Degradation) -> None:
        self._outage = store.outage
        self._degradation = degradation

    def collect(self) -> Iterator[Family]:
        """All figures, as prometheus_client wants them."""
        labels = ["worker"]
        lasts = GaugeMetricFamily(
            "chat_proxy_redis_outage",
            "1 while a worker refuses at once because Redis does not answer, else 0.",
            labels=labels,
        )
        times = CounterMetricFamily(
            "chat_proxy_redis_outages", "How often that began.", labels=labels
        )
        seconds = CounterMetricFamily(
            "chat_proxy_redis_outage_seconds", "How long it lasted in all.", labels=labels
        )
        worker = [str(os.getpid())]
        lasts.add_metric(worker, int(self._outage.lasts))
        times.add_metric(worker, self._outage.times)
        seconds.add_metric(worker, self._outage.seconds)
        yield from (lasts, times, seconds, *self._degraded(worker))

    def _degraded(self, worker: list[str]) -> Iterator[Family]:
        """Of PROXY_ON_STORE_FAILURE=local."""
        seconds = CounterMetricFamily(
            "chat_proxy_degraded_seconds",
            "How long a worker enforced its share of the limits by itself, in all.",
            labels=["worker"],
        )
        requests = CounterMetricFamily(
            "chat_proxy_degraded_requests",
            "Requests that were held against that share alone.",
            labels=["worker", "outcome"],
        )
        seconds.add_metric(worker, self._degradation.seconds)
        requests.add_metric([*worker, "admitted"], self._degradation.admitted)
        requests.add_metric([*worker, "refused"], self._degradation.refused)
        yield from (seconds, requests)


class SharedFigures:
    """What Redis knows, read anew at each scrape; when Redis is gone only that it is."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All figures, as prometheus_client wants them."""
        up = GaugeMetricFamily("chat_proxy_redis_up", "1 if Redis answers, else 0.")
        try:
            families = [*self._families()]
        except StoreUnavailable:
            families = []
        up.add_metric([], 1 if families else 0)
        yield from (up, *families)

    def _families(self) -> Iterator[GaugeMetricFamily]:
        models = self._store.run(learned.models())
        yield from self._upstream(models)
        yield from self._activity()

    def _upstream(self, models: Sequence[str]) -> Iterator[GaugeMetricFamily]:
        """ChatGPT's own limits, of each model that it told them of."""
        labels = ["model", "resource"]
        limit = GaugeMetricFamily(
            "chat_proxy_upstream_limit",
            "What ChatGPT's limit holds when full, without the cushion.",
            labels=labels,
        )
        remaining = GaugeMetricFamily(
            "chat_proxy_upstream_remaining", "What is left of it now.", labels=labels
        )
        paused = GaugeMetricFamily(
            "chat_proxy_upstream_paused_seconds",
            "For how long nobody may ask, since ChatGPT refused.",
            labels=["model"],
        )
        asked = [
            command
            for model in models
            for command in (buckets.peek(learned.buckets(model), {}), learned.paused_until(model))
        ]
        now_us, *answers = self._store.run_all(time_us(), *asked)
        for model, known, until_us in zip(models, answers[::2], answers[1::2], strict=True):
            paused.add_metric([model], max(0.0, (until_us - now_us) / MICRO))
            for balance in known.balances:
                named = [model, balance.bucket.resource]
                limit.add_metric(named, balance.bucket.burst)
                remaining.add_metric(named, balance.remaining)
        yield from (limit, remaining, paused)

    def _activity(self) -> Iterator[GaugeMetricFamily]:
        """What all workers do at this moment."""
        doing = activity.read(self._store)
        yield GaugeMetricFamily(
            "chat_proxy_in_flight",
            "Requests that are being answered, without those that wait.",
            doing.in_flight,
        )
        yield GaugeMetricFamily(
            "chat_proxy_open_streams", "Answers that stream.", doing.open_streams
        )
        waiting = GaugeMetricFamily(
            "chat_proxy_waiting",
            "Requests that wait, by whose limit they wait for.",
            labels=["scope"],
        )
        for scope in get_args(Scope):
            number = sum(many for what, many in doing.waiting if what.scope == scope)
            waiting.add_metric([scope], number)
        yield waiting


def blueprint(store: Store, upstream: Upstream, degradation: Degradation) -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("metrics", __name__)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SharedFigures(store))
    registry.register(OwnFigures(upstream))
    registry.register(OutageFigures(store, degradation))

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return routes
