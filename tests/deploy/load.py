"""Load at a pace: questions that come so often a second, and streams that are always running."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import requests

from tests.streaming.listening import resume, stream, turns, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.streaming.listening import Heard
    from tests.support.service import Client

    Ask = Callable[[], str]

OK = "200"
ENDS = {"done", "error"}


@dataclass
class Told:
    """What came of the load.

    Attributes:
        answers: how many questions were answered, under OK, and how else they or streams ended.
        streams: the events of each stream, those included that were heard after taking it up again.
        resumed: how many streams were taken up again.
        seconds: for how long questions were asked; what ran then went on to its end.
    """

    answers: Counter[str] = field(default_factory=Counter)
    streams: list[list[Heard]] = field(default_factory=list)
    resumed: int = 0
    seconds: float = 0.0
    _asked: dict[int, float] = field(default_factory=dict)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Note that this thread has asked and is not answered yet."""
        self._asked[threading.get_ident()] = time.monotonic()
        try:
            yield
        finally:
            del self._asked[threading.get_ident()]

    def answered_since(self, moment: float) -> bool:
        """Whether nobody waits any more for the beginning of an answer since before this moment."""
        return all(at > moment for at in list(self._asked.values()))

    def __str__(self) -> str:
        rate = self.answers.total() / self.seconds
        done = sum(heard[-1].kind == "done" for heard in self.streams)
        return (
            f"{self.seconds:.0f} s: {dict(self.answers)} answers, {rate:.0f} a second; "
            f"{len(self.streams)} streams, {done} of them to their end, "
            f"taken up again {self.resumed} times"
        )


@contextmanager
def load(caller: Client, asks: list[Ask], rate: float, streams: int) -> Iterator[Told]:
    """Put load on a service as long as the block lasts; then all that runs may end.

    Args:
        caller: whose streams they are.
        asks: who asks, one question at a time; answers OK, or what the answer was.
        rate: questions a second, of all who ask together.
        streams: how many streams there are at any time.
    """
    told, enough, begun = Told(), threading.Event(), time.monotonic()
    with ThreadPoolExecutor(len(asks) + streams) as threads, ExitStack() as ended:
        ended.callback(enough.set)
        every = len(asks) / rate
        work = [
            threads.submit(_ask, ask, begun + every * i / len(asks), every, told, enough)
            for i, ask in enumerate(asks)
        ]
        work += [threads.submit(_listen, caller, told, enough) for _ in range(streams)]
        yield told
        told.seconds = time.monotonic() - begun
        enough.set()
        for one in work:
            one.result()


def outcome(status: int, body: str) -> str:
    """What an answer is counted under."""
    return OK if status == 200 else f"{status} {body}"


def _ask(ask: Ask, at: float, every: float, told: Told, enough: threading.Event) -> None:
    while not enough.wait(max(0.0, at - time.monotonic())):
        try:
            with told.asking():
                answer = ask()
            told.answers[answer] += 1
        except OSError as error:
            told.answers[repr(error)] += 1
        at += every


def _listen(caller: Client, told: Told, enough: threading.Event) -> None:
    """One stream after another, each left early once and taken up again."""
    while not enough.is_set():
        heard: list[Heard] = []
        with told.asking():
            events = stream(caller)
        if events.status != 200:
            told.answers[outcome(events.status, events.response.text)] += 1
            continue
        with events:
            _hear(islice(events, 1 + len(told.streams) % 30), heard)
        while heard[-1].kind not in ENDS:
            told.resumed += 1
            with resume(caller, events.turn_id, after=heard[-1].id) as rest:
                _hear(rest, heard)
        told.streams.append(heard)


def _hear(events: Iterable[Heard], heard: list[Heard]) -> None:
    with suppress(requests.RequestException):  # cut
        heard.extend(event for event in events if event.kind != "comment")


def lost(caller: Client, told: Told) -> list[list[Heard]]:
    """The streams that lost or repeated an event or a word, or that are stored otherwise."""
    return [heard for heard in told.streams if not _is_whole(caller, heard)]


def _is_whole(caller: Client, heard: list[Heard]) -> bool:
    numbered = [event.id for event in heard] == list(range(1, len(heard) + 1))
    (stored,) = turns(caller, heard[0].data["session_id"])
    ended = {"done": "stop", "error": "interrupted"}[heard[-1].kind]
    return numbered and (stored["reply"], stored["finish_reason"]) == (words(heard), ended)
