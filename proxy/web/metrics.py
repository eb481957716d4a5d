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
from proxy.domain.limits import NANO
from proxy.errors import InvalidMetricsToken, StoreUnavailable
from proxy.store import buckets, learned, teams
from proxy.store.connection import time_us
from proxy.store.packed_limits import MICRO
from proxy.telemetry import figures, ledger
from proxy.telemetry.instruments import Gauge, Histogram
from proxy.web.admin.guard import carries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client.core import Metric

    from proxy.domain.limits import Bucket
    from proxy.limiter import Limiter
    from proxy.sampling import Sampler
    from proxy.settings import Settings
    from proxy.store.buckets import Reserved
    from proxy.store.connection import Store
    from proxy.telemetry.instruments import Instrument

MOST_TEAMS = 50
"""Teams whose limits are told, the oldest: each costs Redis a look at every scrape."""


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
        """The limits that several callers share: of all, of each team, ChatGPT's own."""
        models, names = self._store.run_all(learned.models(), teams.ids())
        found = [teams.find(name).in_list() for name in names[:MOST_TEAMS]]
        known = [team for team in self._store.run_all(*found) if team] if found else []
        limited: dict[str, tuple[Bucket, ...]] = {"": tuple(self._shared)}
        limited |= {team.id: team.limits.buckets("team", team.id) for team in known}
        limited = {name: wanted for name, wanted in limited.items() if wanted}
        now_us, *answers = self._store.run_all(
            time_us(),
            *(buckets.peek(wanted, {}) for wanted in limited.values()),
            *(buckets.peek(learned.buckets(model), {}) for model in models),
            *(learned.paused_until(model) for model in models),
        )
        told = dict(zip(limited, answers, strict=False))
        of_all = told.pop("", None)
        yield from _limits("shared", "of all callers together", "", {"": of_all} if of_all else {})
        yield from _limits("team", "of a team", "team", told)
        of_models = answers[len(limited) :]
        of_chatgpt = dict(zip(models, of_models, strict=False))
        yield from _limits("upstream", "of ChatGPT's, without the cushion", "model", of_chatgpt)
        paused = GaugeMetricFamily(
            "chat_proxy_upstream_paused_seconds",
            "For how long nobody may ask, since ChatGPT refused.",
            labels=["model"],
        )
        for model, until_us in zip(models, of_models[len(models) :], strict=True):
            paused.add_metric([model], max(0.0, (until_us - now_us) / MICRO))
        yield paused


def _limits(
    name: str, whose: str, label: str, told: Mapping[str, Reserved]
) -> Iterator[GaugeMetricFamily]:
    """What limits hold when full, and what is left of them; money in USD."""
    labels = [*([label] if label else []), "resource"]
    limit = GaugeMetricFamily(
        f"chat_proxy_{name}_limit", f"What a limit {whose} holds when full.", labels=labels
    )
    remaining = GaugeMetricFamily(
        f"chat_proxy_{name}_remaining", "What is left of it now.", labels=labels
    )
    for value, known in told.items():
        for balance in known.balances:
            bucket = balance.bucket
            unit = NANO if bucket.resource == "usd" else 1
            values = [*([value] if label else []), bucket.resource]
            limit.add_metric(values, bucket.burst / unit)
            remaining.add_metric(values, balance.remaining / unit)
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
