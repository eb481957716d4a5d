"""A service that has done something of everything, so that each of its figures tells something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.figures import exposed
from tests.support.keys import form_team, issue
from tests.support.prometheus import OF_PROMETHEUS, named
from tests.support.service import Service
from tests.support.simulator import Control

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from proxy.store.connection import Store

_PARTS = ("_bucket", "_count", "_sum")


class Busy:
    """The service, with callers.

    Attributes:
        token: what opens its figures.
        exposed: the names of its figures, each with its labels.
    """

    token = "the-token-of-the-figures-in-words"

    def __init__(self, service: Service, chatgpt: Control, store: Store) -> None:
        self.service = service
        self._chatgpt = chatgpt
        self._ample = service.client(issue(store)[1])
        form_team(store, rpm=600)
        self._narrow = service.client(issue(store, rpm=60, burst=1)[1])
        self.work()
        self.exposed = exposed(service.client(self.token))

    def ask(self) -> None:
        """A little of the most."""
        assert self._ample.chat().ok
        assert self._ample.chat(stream=True).ok

    def work(self) -> None:
        """Answers, streams, a wait, a refusal, a failure."""
        self.ask()
        assert [self._narrow.chat(wait=30).ok for _ in range(2)] == [True, True]
        assert self._narrow.chat().status_code == 429
        self._chatgpt.queue(status=500)
        assert self._ample.chat().ok


@pytest.fixture(scope="module")
def busy(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT, store: Store) -> Iterator[Busy]:
    settings = {"PROXY_METRICS_TOKEN": Busy.token, "PROXY_UPSTREAM_RPM": "1000000"}
    control = Control(simulator.url)
    control.reset()
    with Service(redis_server.url, simulator.url, **settings) as running:
        yield Busy(running, control, store)
    control.reset()


@pytest.fixture
def strangers(busy: Busy) -> Callable[[str], list[str]]:
    """What a query names and the service does not tell: figures, and labels of them."""

    def found(query: str) -> list[str]:
        wrong = []
        for series, labels in named(query).items():
            if series == "up":
                continue
            whole = next((series.removesuffix(p) for p in _PARTS if series.endswith(p)), series)
            known = busy.exposed.get(series, busy.exposed.get(whole))
            if known is None:
                wrong.append(series)
            else:
                wrong += [f"{series}.{label}" for label in labels - known - OF_PROMETHEUS]
        return wrong

    return found
