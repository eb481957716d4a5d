"""Learning from ChatGPT: what its answers tell of its own limits, on the way to Redis.

News cost no round trip where one goes to Redis anyway: they are handed out behind a request's
settlement (limiter.py) and to the keeper. A refusal is told to all workers at once.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from proxy.domain import upstream_limits
from proxy.domain.upstream_limits import UpstreamLimits
from proxy.errors import StoreUnavailable
from proxy.store import learned
from proxy.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.domain.catalog import Catalog
    from proxy.settings import Settings
    from proxy.store.connection import Command, Store

LONGEST_PAUSE_S = 3600.0
"""Whatever ChatGPT asks for, after an hour somebody looks again."""


class Learning:
    """What this worker heard of ChatGPT's limits and Redis does not know yet."""

    def __init__(self, store: Store, settings: Settings, catalog: Catalog) -> None:
        self._store = store
        self._share = 1 - settings.upstream_cushion
        self._catalog = catalog
        self._news: dict[str, tuple[float, UpstreamLimits]] = {}

    def told(self, model: str, headers: Mapping[str, str]) -> None:
        """Note an answer's headers; of each model the newest ones."""
        told, name = upstream_limits.parse(headers), self._name(model)
        if told and name:
            since, _ = self._news.get(name, (time.monotonic(), None))
            self._news[name] = since, told

    def refused(self, model: str, wait_s: float) -> None:
        """Let nobody ask for a model for a while, and up to a tenth more: ChatGPT refused it.

        If Redis cannot be told, the next refusal will be.
        """
        name = self._name(model)
        if not name:
            return
        _, told = self._news.pop(name, (0.0, UpstreamLimits()))
        jitter = 1 + random.random() / 10  # noqa: S311 - spreads retries, guards nothing
        pause_s = min(wait_s, LONGEST_PAUSE_S) * jitter
        try:
            self._store.run(learned.learn(name, told, self._share, pause_s))
        except StoreUnavailable as error:
            logs.problem("learning", error, model=name)

    def news(self, older_s: float = 0.0) -> list[Command[None]]:
        """The commands that tell Redis what is new; each is handed out once.

        Args:
            older_s: only what has waited so long.
        """
        heard_by = time.monotonic() - older_s
        due = [name for name, (since, _) in self._news.items() if since <= heard_by]
        return [learned.learn(name, self._news.pop(name)[1], self._share) for name in due]

    def _name(self, model: str) -> str:
        """The model as its limits are known; empty for what is not learned."""
        name = self._catalog.find(model).name if model else ""
        return name if upstream_limits.learnable(name) else ""
