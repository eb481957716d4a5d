"""GET /metrics: figures for Prometheus.

What the workers of this service counted is in the memory that they share, whichever of them
answers. What Redis knows of the limits that all share is read there when it is asked for.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from proxy import __version__
from proxy.errors import InvalidMetricsToken, StoreUnavailable
from proxy.store import buckets, learned
from proxy.store.buckets import MICRO
from proxy.store.connection import time_us
from proxy.telemetry import figures, ledger
from proxy.telemetry.instruments import Gauge, Histogram
from proxy.web.admin.guard import carries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.core import Metric

    from proxy.domain.limits import Balance, Bucket
    from proxy.limiter import Limiter
    from proxy.sampling import Sampler
    from proxy.settings import Settings
    from proxy.store.connection import Store
    from proxy.telemetry.instruments import Instrument


class CountedFigures:
    """What the workers counted, those that have died included, and how those are that live."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def collect(self) -> Iterator[Metric]:
        """All figures, as prometheus_client wants them."""
        self._sampler.sample()
        yield from map(_family, figures.ALL)
        yield GaugeMetricFamily("chat_proxy_workers", "Workers that live.", ledger.ledger().living)
        build = GaugeMetricFamily("chat_proxy_build_info", "Always 1.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build


def _family(figure: Instrument) -> Metric:
    """A figure as prometheus_client writes it."""
    labels = figure.labels
    totals = sorted(figure.totals().items())
    if isinstance(figure, Histogram):
        bounds = [*map(str, map(float, figure.bounds)), "+Inf"]
        histogram = HistogramMetricFamily(figure.name, figure.help, labels=labels)
        for values, (seconds, *steps) in totals:
            counts = list(zip(bounds, accumulate(steps), strict=True))
            histogram.add_metric(values, counts, seconds)
        return histogram
    kind = GaugeMetricFamily if isinstance(figure, Gauge) else CounterMetricFamily
    family = kind(figure.name, figure.help, labels=labels)
    for values, (value,) in totals or ([((), [0.0])] if not labels else []):
        family.add_metric(values, value)
    return family


class SharedFigures:
    """What Redis knows, read anew at each scrape; when Redis is gone only that it is."""

    def __init__(self, store: Store, shared: Sequence[Bucket]) -> None:
        self._store = store
        self._shared = shared

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
        """The limits that the operator set for all callers, and ChatGPT's own of each model."""
        models = self._store.run(learned.models())
        asked = [
            command
            for model in models
            for command in (buckets.peek(learned.buckets(model), {}), learned.paused_until(model))
        ]
        own = [buckets.peek(self._shared, {})] if self._shared else []
        now_us, *answers = self._store.run_all(time_us(), *asked, *own)
        balances = [balance for known in answers[len(asked) :] for balance in known.balances]
        told = dict(zip(models, answers[: len(asked) : 2], strict=True))
        yield from _shared(balances)
        yield from _upstream({model: known.balances for model, known in told.items()})
        paused = GaugeMetricFamily(
            "chat_proxy_upstream_paused_seconds",
            "For how long nobody may ask, since ChatGPT refused.",
            labels=["model"],
        )
        for model, until_us in zip(models, answers[1 : len(asked) : 2], strict=True):
            paused.add_metric([model], max(0.0, (until_us - now_us) / MICRO))
        yield paused


def _shared(balances: Sequence[Balance]) -> Iterator[GaugeMetricFamily]:
    """The service's own limits of all callers together."""
    limit = GaugeMetricFamily(
        "chat_proxy_shared_limit",
        "What the limit of all callers together holds when full.",
        labels=["resource"],
    )
    remaining = GaugeMetricFamily(
        "chat_proxy_shared_remaining", "What is left of it now.", labels=["resource"]
    )
    for balance in balances:
        limit.add_metric([balance.bucket.resource], balance.bucket.burst)
        remaining.add_metric([balance.bucket.resource], balance.remaining)
    yield from (limit, remaining)


def _upstream(told: dict[str, Sequence[Balance]]) -> Iterator[GaugeMetricFamily]:
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
    for model, balances in told.items():
        for balance in balances:
            limit.add_metric([model, balance.bucket.resource], balance.bucket.burst)
            remaining.add_metric([model, balance.bucket.resource], balance.remaining)
    yield from (limit, remaining)


def blueprint(settings: Settings, store: Store, limiter: Limiter, sampler: Sampler) -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("metrics", __name__)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SharedFigures(store, limiter.shared))
    registry.register(CountedFigures(sampler))
    token = settings.metrics_token.get_secret_value().encode() if settings.metrics_token else b""

    @routes.get("/metrics")
    def metrics() -> Response:
        if token and not carries(token):
            raise InvalidMetricsToken
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return routes
