"""The limits that all requests share."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from proxy.degradation import Degradation
from proxy.domain.limits import Limits
from proxy.domain.upstream_limits import learnable
from proxy.store import keyspace
from proxy.store import learned as store_learned
from proxy.store import usage as store_usage
from proxy.store.uncounted import Uncounted
from proxy.waiting import WaitingRoom

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.domain.catalog import Model
    from proxy.domain.limits import Bucket
    from proxy.domain.request import Caller
    from proxy.domain.usage_report import Kind
    from proxy.learning import Learning
    from proxy.settings import Settings
    from proxy.store.connection import Store
    from proxy.store.usage import Count

RESERVATION_LEASES = 3
"""A reservation is forgotten so many leases after its worker died; what it took refills."""


OTHER_MODELS = "other"
"""What is counted together: models that nothing is known of and that have not answered. Their names
are the callers' inventions, and each would take its place in Redis for as long as usage is kept."""


class Limiter:
    """The limits that all requests share, and what an allowance works with."""

    def __init__(self, store: Store, settings: Settings, learning: Learning) -> None:
        self.store = store
        self.learning = learning
        self.room = WaitingRoom(settings)
        self.degradation = Degradation(settings, store.outage)
        self.lease_ms = int(settings.turn_lease * 1000)
        self.keep_ms = self.lease_ms * RESERVATION_LEASES
        self._counts_keys = settings.metrics_keys
        self._retention_s = settings.usage_retention
        self.uncounted = Uncounted(settings.usage_retention)
        shared = Limits(rpm=settings.upstream_rpm, tpm=settings.upstream_tpm)
        self.shared = shared.buckets("upstream", keyspace.UPSTREAM)

    def learned(self, model: str) -> tuple[Bucket, ...]:
        """ChatGPT's own limits of a model, as far as it told them."""
        return store_learned.buckets(model) if learnable(model) else ()

    def count(self, caller: Caller, model: Model | None, counted: Mapping[str, int]) -> Count:
        """What counts a request for its key, team, user and model."""
        things = self._things(caller, model, counted)
        return store_usage.count(things, counted, time.time(), self._retention_s)

    def count_later(self, caller: Caller, model: Model | None, counted: Mapping[str, int]) -> None:
        """Count a request in the same way when Redis is back."""
        self.uncounted.add(self._things(caller, model, counted), counted, time.time())

    def _things(
        self, caller: Caller, model: Model | None, counted: Mapping[str, int]
    ) -> list[tuple[Kind, str]]:
        things: tuple[tuple[Kind, str], ...] = (
            ("key", caller.key_id),
            ("team", caller.team),
            ("user", caller.user),
            ("model", _counted_model(model, counted)),
        )
        return [(kind, name) for kind, name in things if name]

    def labels(
        self, caller: Caller, model: Model | None, counted: Mapping[str, int]
    ) -> tuple[str, str | None]:
        """The model's name and the key's id in the metrics; None where keys are not told apart."""
        key_id = caller.key_id if self._counts_keys else None
        return _counted_model(model, counted), key_id


def _counted_model(model: Model | None, counted: Mapping[str, int]) -> str:
    """The name that a request's model is counted under."""
    real = model and (model.known or model.price or "prompt_tokens" in counted)
    return model.name if model and real else OTHER_MODELS


def key_limits(own: Limits, settings: Settings) -> Limits:
    """A key's limits, with the service's defaults for those it leaves open."""
    return replace(
        own,
        rpm=settings.key_rpm if own.rpm is None else own.rpm,
        tpm=settings.key_tpm if own.tpm is None else own.tpm,
        burst=settings.key_burst if own.burst is None and own.rpm is None else own.burst,
    )
