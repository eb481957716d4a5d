"""A service whose Redis is several servers, some of which may die."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from proxy.domain.identifiers import new_turn_id
from proxy.errors import StoreUnavailable
from proxy.settings import load as load_settings
from proxy.store.connection import Store, ping
from tests.cli.operating import operator
from tests.streaming.listening import cancel, code, listen, listen_again, stream
from tests.support import tour
from tests.support.keys import form_team, issue
from tests.support.service import ADMIN_TOKEN, CANARY, Service
from tests.support.usage import spent
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from proxy.simulator.process import SimulatedChatGPT
    from tests.support.service import Client
    from tests.support.simulator import Control


class Group(Protocol):
    """Several servers, and what REDIS_URL is for them."""

    url: str


G = TypeVar("G", bound=Group)

PEOPLE = 8
LEASE_S = 30
"""What PROXY_TURN_LEASE is unless it is set."""
SETTINGS = {
    "WEB_CONCURRENCY": "2",
    "PROXY_ADMIN_TOKEN": ADMIN_TOKEN,
    "PROXY_REDIS_WAIT_REPLICAS": "1",
    # as long as a machine takes that has far too much to do
    "PROXY_REDIS_TIMEOUT": "2",
}


@dataclass(frozen=True, slots=True)
class Redundant(Generic[G]):
    """Some Redis servers and two workers before them.

    Attributes:
        group: the servers.
        store: for an operator.
        service: wants every turn on a replica.
    """

    group: G
    store: Store
    service: Service

    def caller(self, **key: Any) -> Client:
        """Somebody with a key of their own; unlimited unless it is said otherwise."""
        _, token = issue(self.store, **({"rpm": 0, "tpm": 0} | key))
        return self.service.client(token)

    def find(self) -> None:
        """Let the operator's store, which nobody used meanwhile, learn of what has changed."""
        wait_until(lambda: answers(self.store), "the operator's store to answer")

    @property
    def admin(self) -> Client:
        """An operator."""
        return self.service.client(ADMIN_TOKEN)


@contextmanager
def served(group: G, simulator: SimulatedChatGPT) -> Iterator[Redundant[G]]:
    """A service with two workers before these servers."""
    settings = load_settings({"REDIS_URL": group.url, "OPENAI_API_KEY": CANARY})
    with (
        closing(Store(settings)) as store,
        Service(group.url, simulator.url, **SETTINGS) as service,
    ):
        yield Redundant(group, store, service)


def answers(store: Store) -> bool:
    """Whether this store can be asked."""
    with suppress(StoreUnavailable):
        return store.run(ping())
    return False


@dataclass(slots=True)
class Conversation:
    """Somebody who asks one question after the other, each until it is answered.

    Attributes:
        streams: whether the answers do.
        said: what was answered, in order.
        attempts: when each request ended, and whether it was answered.
    """

    caller: Client
    name: str
    streams: bool
    said: list[str] = field(default_factory=list)
    attempts: list[tuple[float, bool]] = field(default_factory=list)
    session_id: str = ""

    def hold(self, over: threading.Event) -> None:
        """Talk until it is over; what was begun is brought to its end."""
        self.session_id = self.caller.post("/sessions", json={}).json()["session_id"]
        while not over.is_set():
            self._ask(f"{self.name}/{len(self.said)}")

    def _ask(self, message: str) -> None:
        key = {"Idempotency-Key": new_turn_id()}
        body = {"message": message, "session_id": self.session_id, "stream": self.streams}
        deadline = time.monotonic() + 2 * LEASE_S
        while True:
            answer = self.caller.post("/chat", json=body, headers=key)
            told = answer.text
            whole = answer.ok and ("event: done\n" in told or not self.streams)
            self.attempts.append((time.monotonic(), whole))
            if whole:
                assert message in told
                self.said.append(message)
                return
            assert '"store_unavailable"' in told or '"session_busy"' in told, told
            assert time.monotonic() < deadline, told
            time.sleep(0.05)


@contextmanager
def load(redundant: Redundant[G]) -> Iterator[list[Conversation]]:
    """People who talk at the same time; at the end each has been answered."""
    caller, over = redundant.caller(max_parallel=PEOPLE), threading.Event()
    people = [Conversation(caller, str(number), number % 2 == 1) for number in range(PEOPLE)]
    with ThreadPoolExecutor(PEOPLE) as threads:
        talks = [threads.submit(person.hold, over) for person in people]
        try:
            wait_for_more(people, talks)
            yield people
            wait_for_more(people, talks)
        finally:
            over.set()
        for talk in talks:
            talk.result()


def wait_for_more(people: list[Conversation], talks: list[Future[None]]) -> None:
    """Wait until everybody is answered again, or somebody has failed."""
    enough = [(person, len(person.said) + 2) for person in people]
    wait_until(
        lambda: (
            any(talk.done() for talk in talks)
            or all(len(person.said) >= number for person, number in enough)
        ),
        "everybody to be answered",
        seconds=2 * LEASE_S,
    )


def refused_s(people: list[Conversation]) -> float:
    """From the first refusal to the last."""
    refused = [at for person in people for at, whole in person.attempts if not whole]
    return max(refused) - min(refused) if refused else 0.0


def all_is_well_after(redundant: Redundant[G], people: list[Conversation]) -> None:
    """It took seconds, nothing is lost or done twice, and nothing is left behind."""
    redundant.find()
    caller = people[0].caller
    for person in people:
        turns = caller.get(f"/sessions/{person.session_id}").json()["turns"]
        kept = [turn["message"] for turn in turns]
        assert kept == person.said, f"kept {kept}, said {person.said}"
    assert refused_s(people) < LEASE_S
    answered = sum(len(person.said) for person in people)
    asked = sum(len(person.attempts) for person in people)
    assert answered <= spent(redundant.store, caller)[0] <= asked
    with ThreadPoolExecutor(PEOPLE) as threads:
        places = list(threads.map(lambda _: caller.chat().status_code, range(PEOPLE)))
    assert places == [200] * PEOPLE


def everything_works(redundant: Redundant[G]) -> None:
    """All that callers and operators do is answered."""
    caller = redundant.caller(team=form_team(redundant.store, rpm=1000))
    answers = [*tour.conversations(caller), *tour.administration(redundant.admin)]
    assert [(answer.url, answer.text) for answer in answers if not answer.ok] == []


def streams_are_heard_again_and_cancelled(redundant: Redundant[G], chatgpt: Control) -> None:
    """What was streamed can be read again, and a turn be stopped."""
    caller = redundant.caller()
    whole = listen(caller)
    again = listen_again(caller, whole[0].data["turn_id"], after=1)
    assert [heard.data for heard in again] == [heard.data for heard in whole[1:]]
    chatgpt.queue(text="Once upon a time", fault="silence", after=3)
    with stream(caller) as events:
        events.until("delta")
        cancel(caller, events.turn_id)
        assert code(events.until("error")) == "turn_cancelled"


def limits_are_exact(redundant: Redundant[G]) -> None:
    """Of more requests than a limit allows, through two workers, what it allows is let in."""
    caller = redundant.caller(rpm=1, burst=10, tpm=None)
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: caller.chat(), range(20)))
    assert Counter(answer.status_code for answer in answers) == {200: 10, 429: 10}
    assert spent(redundant.store, caller)[0] == 10


def repeats_get_the_same_answer(redundant: Redundant[G]) -> None:
    """A request is done once, whoever repeats it."""
    caller, key = redundant.caller(), {"Idempotency-Key": new_turn_id()}
    with ThreadPoolExecutor(5) as threads:
        ask = lambda _: caller.post("/chat", json={"message": "once"}, headers=key)  # noqa: E731
        replies = {answer.text for answer in threads.map(ask, range(5))}
    assert len(replies) == 1
    assert spent(redundant.store, caller)[0] == 1


def operators_see_it(redundant: Redundant[G], servers: int) -> None:
    """The terminal lists keys, and `doctor` looks at each server that keeps some."""
    run = operator(redundant.group.url)
    redundant.caller(name="of-the-terminal")
    assert "of-the-terminal" in run("keys", "list").stdout
    told = run("doctor", OPENAI_API_KEY=CANARY, PROXY_REDIS_WAIT_REPLICAS="9", status=1).stdout
    assert told.count("6.2 or later is needed") == servers
    assert told.count("that PROXY_REDIS_WAIT_REPLICAS asks for") == servers
