"""Idempotency-Key: whoever repeats a request gets its answer, and nothing happens twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import requests

from proxy.store import idempotency, keyspace
from proxy.store.connection import Command
from tests.support.fault_proxy import FaultProxy
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.web.refusals import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from proxy.store.connection import Store
    from tests.conftest import NewKey
    from tests.support.service import Client
    from tests.support.simulator import Control

CHAT, COMPLETIONS = "/chat", "/v1/chat/completions"
KEY = "3f1c-key/1"
SAID = 'You said: "Hello"'
LEASE_S = 2


@dataclass(frozen=True, slots=True)
class Way:
    """One of the ways to ask."""

    path: str
    stream: bool

    def __str__(self) -> str:
        return f"{self.path} {'stream' if self.stream else 'json'}"

    def ask(self, client: Client, text: str = "Hello", **more: Any) -> requests.Response:
        """Ask with the key; `headers` and `timeout` go beside it, the rest into the body."""
        headers = {"Idempotency-Key": KEY, **more.pop("headers", {})}
        timeout = more.pop("timeout", 60)
        said: dict[str, Any] = {"message": text}
        if self.path == COMPLETIONS:
            said = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": text}]}
        body = said | {"stream": self.stream} | more
        post = {"json": body, "headers": headers, "stream": self.stream, "timeout": timeout}
        return client.post(self.path, **post)

    def words(self, answer: requests.Response) -> str:
        """The text of an answer."""
        if not self.stream:
            body = answer.json()
            return str(
                body["reply"] if "reply" in body else body["choices"][0]["message"]["content"]
            )
        lines = answer.content.decode().splitlines()
        told = [orjson.loads(line[6:]) for line in lines if line[:7] == "data: {"]
        if self.path == CHAT:
            return "".join(data.get("text", "") for data in told)
        choices = [choice for data in told for choice in data.get("choices", ())]
        return "".join(choice["delta"].get("content") or "" for choice in choices)


WAYS = [Way(path, stream) for path in (CHAT, COMPLETIONS) for stream in (False, True)]
each = pytest.mark.parametrize("way", WAYS, ids=str)
each_json = pytest.mark.parametrize("way", WAYS[::2], ids=str)
each_stream = pytest.mark.parametrize("way", WAYS[1::2], ids=str)


@pytest.fixture(scope="module")
def neighbour(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """A service beside the first: whoever asks there is on another worker, surely."""
    with Service(redis_server.url, simulator.url) as running:
        yield running


@pytest.fixture(scope="module")
def short_lease(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """A service whose one worker may be killed."""
    settings = {"PROXY_TURN_LEASE": str(LEASE_S), "PROXY_UPSTREAM_TOTAL_TIMEOUT": "20"}
    with Service(redis_server.url, simulator.url, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def forgetful(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """A service that hardly keeps a turn's log."""
    with Service(redis_server.url, simulator.url, PROXY_TURN_LOG_TTL="0.2") as running:
        yield running


@pytest.fixture(scope="module")
def far_service(
    redis_server: EmbeddedRedis, simulator: SimulatedChatGPT
) -> Iterator[tuple[Service, FaultProxy]]:
    patient = {"PROXY_TURN_LEASE": "3600", "PROXY_REDIS_TIMEOUT": "5"}
    with (
        FaultProxy(redis_server.url) as redis,
        Service(redis.url, simulator.url, **patient) as running,
    ):
        yield running, redis


@pytest.fixture
def far(far_service: tuple[Service, FaultProxy]) -> Iterator[tuple[Service, FaultProxy]]:
    """A service whose Redis may be made slow, and is counted on."""
    yield far_service
    far_service[1].latency_s = 0


@pytest.fixture
def elsewhere(api: Client, neighbour: Service) -> Client:
    """The same caller as `api`, on another worker."""
    return as_caller(neighbour, api)


def as_caller(service: Service, other: Client) -> Client:
    client = service.client()
    client.headers = other.headers
    return client


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as executor:
        yield executor


def keys(redis_admin: Store, pattern: str) -> set[bytes]:
    return redis_admin.run(Command(("KEYS", pattern), set))


def claims(redis_admin: Store, client: Client) -> set[bytes]:
    """The claims of a caller."""
    key_id = client.headers["Authorization"].split("-")[2]
    return keys(redis_admin, f"cp:*{key_id}*:claim:*")


def turn_counts(client: Client) -> list[int]:
    """How many turns each of the caller's sessions holds."""
    return [session["turn_count"] for session in client.get("/sessions").json()["data"]]


# After the end


@each
def test_a_repeat_is_the_first_answer_byte_for_byte(api: Client, way: Way) -> None:
    first, again = way.ask(api), way.ask(api)
    assert way.words(first) == SAID
    assert again.content == first.content
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


@each
def test_a_repeat_is_answered_by_any_worker(api: Client, elsewhere: Client, way: Way) -> None:
    assert way.ask(elsewhere).content == way.ask(api).content


@each
def test_a_repeat_asks_charges_and_stores_nothing(
    service: Service, chatgpt: Control, new_key: NewKey, way: Way
) -> None:
    api = service.client(new_key(rpm=1, burst=100, tpm=1_200))
    chatgpt.queue(usage={"prompt_tokens": 100, "completion_tokens": 700, "total_tokens": 800})
    for _ in range(3):
        assert way.ask(api).content
    assert chatgpt.stats()["requests"] == 1
    told = api.post(way.path, json={}).headers
    assert int(told["x-ratelimit-remaining-requests"]) == 99
    assert 400 <= int(told["x-ratelimit-remaining-tokens"]) < 700
    assert turn_counts(api) == ([1] if way.path == CHAT else [])


@each
def test_a_repeat_passes_when_the_limit_is_reached(
    service: Service, chatgpt: Control, new_key: NewKey, way: Way
) -> None:
    api = service.client(new_key(rpm=1))
    assert way.ask(api).content == way.ask(api).content


@each
def test_a_repeat_in_a_session_finds_its_turn_there_once(api: Client, way: Way) -> None:
    session = {"X-Session-ID": api.chat("My name is Ada.").json()["session_id"]}
    first = way.ask(api, "What is my name?", headers=session)
    assert way.words(first) == "Your name is Ada."
    assert way.ask(api, "What is my name?", headers=session).content == first.content
    assert turn_counts(api) == [2]


def test_a_repeat_in_text_is_answered_in_text(api: Client, chatgpt: Control) -> None:
    headers = {"Accept": "text/plain", "Content-Type": "text/plain", "Idempotency-Key": KEY}
    answers = [api.post(CHAT, data=b"Hello", headers=headers).text for _ in range(2)]
    assert answers == ['You said: "Hello"\n'] * 2
    assert chatgpt.stats()["requests"] == 1


def test_a_regeneration_is_not_repeated(api: Client, chatgpt: Control) -> None:
    path = f"/sessions/{api.chat().json()['session_id']}/regenerate"
    headers = {"Idempotency-Key": KEY}
    first, again = (api.post(path, json={}, headers=headers) for _ in range(2))
    assert first.json()["turn_id"] == again.json()["turn_id"]
    assert chatgpt.stats()["requests"] == 2


@each
def test_an_answer_is_kept_for_24_hours(
    api: Client, store: Store, redis_admin: Store, way: Way
) -> None:
    assert way.ask(api).content
    (claim,) = claims(redis_admin, api)
    left = store.run(Command(("PTTL", claim), int))
    assert 86_300_000 < left <= idempotency.KEPT_MS == 86_400_000


@each_stream
def test_a_stream_whose_log_is_gone_is_made_from_its_answer(
    forgetful: Service, chatgpt: Control, new_key: NewKey, redis_admin: Store, way: Way
) -> None:
    api = forgetful.client(new_key())
    chatgpt.queue(text="Grüße,\n\n世界")
    first = way.ask(api)
    whole = first.content
    log = f"cp:*{first.headers['X-Turn-ID']}*"
    wait_until(lambda: not keys(redis_admin, log), "the log to be gone")
    again = way.ask(api)
    assert again.headers["X-Turn-ID"] == first.headers["X-Turn-ID"]
    if way.path == COMPLETIONS:
        assert again.content == whole
    else:
        start, delta, done = events(again.content)
        assert start[1].keys() == events(whole)[0][1].keys()
        assert delta == ("delta", {"text": "Grüße,\n\n世界"})
        assert done == events(whole)[-1]
    assert chatgpt.stats()["requests"] == 1


def events(raw: bytes) -> list[tuple[str, Any]]:
    """The kinds and the data of a turn's events, whatever their numbers."""
    frames = [frame.decode().split("\n") for frame in raw.split(b"\n\n")[:-1]]
    return [(kind[7:], orjson.loads(data[6:])) for _, kind, data in frames]


# While it runs


@each_json
def test_a_repeat_waits_for_the_answer_of_the_first(
    api: Client,
    elsewhere: Client,
    chatgpt: Control,
    threads: ThreadPoolExecutor,
    way: Way,
) -> None:
    chatgpt.queue(delay_s=0.7)
    first = threads.submit(way.ask, api)
    wait_until(lambda: chatgpt.stats()["open_requests"] == 1, "ChatGPT to be asked")
    again = way.ask(elsewhere)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.result().content
    assert chatgpt.stats()["requests"] == 1


@each_stream
def test_a_repeat_joins_the_stream_and_gets_every_event_once(
    api: Client, elsewhere: Client, chatgpt: Control, way: Way
) -> None:
    chatgpt.queue(text="Once upon a time there was a tap.", chunks_per_s=15)
    with way.ask(api) as first, way.ask(elsewhere) as again:
        assert again.headers["Idempotent-Replayed"] == "true"
        assert chatgpt.stats()["open_streams"] == 1
        assert again.content == first.content
    assert way.words(again) == "Once upon a time there was a tap."
    assert chatgpt.stats()["requests"] == 1


@each_stream
def test_a_repeat_gets_the_stream_that_its_first_caller_left(
    api: Client, elsewhere: Client, chatgpt: Control, way: Way
) -> None:
    chatgpt.queue(text="Once upon a time", chunk_size=16, first_token_delay_s=0.5)
    way.ask(api).close()
    assert way.words(way.ask(elsewhere)) == "Once upon a time"
    assert chatgpt.stats()["requests"] == 1


@each
def test_of_many_at_once_one_is_asked(
    api: Client, elsewhere: Client, chatgpt: Control, threads: ThreadPoolExecutor, way: Way
) -> None:
    answers = threads.map(lambda client: way.ask(client).content, [api, elsewhere] * 4)
    assert len(set(answers)) == 1
    assert chatgpt.stats()["requests"] == 1


@each
def test_a_repeat_joins_a_request_that_waits_longer_than_a_lease(
    short_lease: Service,
    elsewhere: Client,
    chatgpt: Control,
    threads: ThreadPoolExecutor,
    way: Way,
) -> None:
    api = as_caller(short_lease, elsewhere)
    chatgpt.queue(delay_s=LEASE_S + 1)
    first = threads.submit(lambda: way.ask(api).content)
    wait_until(lambda: chatgpt.stats()["open_requests"] == 1, "ChatGPT to be asked")
    assert way.ask(elsewhere).content == first.result()
    assert chatgpt.stats()["requests"] == 1


@each
def test_a_repeat_waits_for_a_turn_that_has_hardly_begun(
    far: tuple[Service, FaultProxy],
    api: Client,
    redis_admin: Store,
    threads: ThreadPoolExecutor,
    way: Way,
) -> None:
    service, redis = far
    slow = as_caller(service, api)
    assert slow.get("/sessions").ok
    redis.latency_s = 0.3
    first = threads.submit(lambda: way.ask(slow).content)
    wait_until(lambda: claims(redis_admin, api), "the key to be claimed")
    assert way.ask(api).content == first.result()


# Other requests, other callers


@each
def test_another_request_with_the_key_is_a_conflict_that_no_retry_mends(
    api: Client, chatgpt: Control, way: Way
) -> None:
    first = way.ask(api).content
    session = {"X-Session-ID": api.chat().json()["session_id"]}
    for answer in (way.ask(api, "Goodbye"), way.ask(api, headers=session)):
        refused(answer, 409, "idempotency_conflict", "Idempotency-Key")
        assert answer.headers["x-should-retry"] == "false"
    assert way.ask(api).content == first
    assert chatgpt.stats()["requests"] == 2


def test_another_route_with_the_key_is_a_conflict(api: Client) -> None:
    assert WAYS[0].ask(api).ok
    refused(WAYS[2].ask(api), 409, "idempotency_conflict", "Idempotency-Key")
    refused(WAYS[1].ask(api), 409, "idempotency_conflict", "Idempotency-Key")


@each
def test_another_request_is_a_conflict_also_while_the_first_runs(
    api: Client, chatgpt: Control, threads: ThreadPoolExecutor, way: Way
) -> None:
    chatgpt.queue(delay_s=0.7)
    first = threads.submit(way.ask, api)
    wait_until(lambda: chatgpt.stats()["open_requests"] == 1, "ChatGPT to be asked")
    refused(way.ask(api, "Goodbye"), 409, "idempotency_conflict", "Idempotency-Key")
    assert way.words(first.result()) == SAID
    assert chatgpt.stats()["requests"] == 1


@each
def test_callers_may_use_the_same_key(
    api: Client, service: Service, chatgpt: Control, new_key: NewKey, way: Way
) -> None:
    other = service.client(new_key())
    for client, name in ((api, "Ada"), (other, "Grace"), (api, "Ada")):
        assert way.words(way.ask(client, name)) == f'You said: "{name}"'
    assert chatgpt.stats()["requests"] == 2


# Requests that fail


@each
def test_a_request_that_fails_frees_its_key(
    api: Client, chatgpt: Control, redis_admin: Store, way: Way
) -> None:
    chatgpt.queue(status=400)
    assert b"invalid_value" in way.ask(api).content
    assert claims(redis_admin, api) == set()
    answer = way.ask(api)
    assert way.words(answer) == SAID
    assert "Idempotent-Replayed" not in answer.headers


@each_stream
def test_a_stream_that_breaks_off_frees_its_key(
    api: Client, chatgpt: Control, redis_admin: Store, way: Way
) -> None:
    chatgpt.queue(text="Once upon a time", fault="cut_stream", after=3)
    assert b"upstream_error" in way.ask(api).content
    assert claims(redis_admin, api) == set()
    assert way.words(way.ask(api)) == SAID


@each
def test_a_request_over_the_limit_frees_its_key(
    service: Service, chatgpt: Control, new_key: NewKey, redis_admin: Store, way: Way
) -> None:
    api = service.client(new_key(rpm=1))
    assert api.chat().ok
    assert refused(way.ask(api), 429, "rate_limit_exceeded")
    assert claims(redis_admin, api) == set()


@each
def test_a_request_that_is_refused_here_claims_no_key(
    service: Service, chatgpt: Control, new_key: NewKey, redis_admin: Store, way: Way
) -> None:
    api = service.client(new_key(models=("gpt-5.4-mini",)))
    assert refused(way.ask(api, model="gpt-6-luna"), 403, "model_not_allowed", "model")
    assert claims(redis_admin, api) == set()


@each
def test_the_key_of_a_killed_worker_s_request_is_free_after_its_lease(
    short_lease: Service, chatgpt: Control, new_key: NewKey, way: Way
) -> None:
    api = short_lease.client(new_key())
    chatgpt.queue(fault="silence")
    with pytest.raises(requests.RequestException):
        assert way.ask(api, timeout=0.3).content
    wait_until(lambda: chatgpt.stats()["requests"] == 1, "ChatGPT to be asked")
    (worker,) = short_lease.workers
    short_lease.kill_worker(worker)
    wait_until(lambda: way.words(way.ask(api)) == SAID, "the key to be free", LEASE_S + 4)
    assert chatgpt.stats()["requests"] == 2
    assert turn_counts(api) == ([1] if way.path == CHAT else [])


def lose_end(redis_admin: Store, turn_id: str) -> None:
    """Leave the turn as one whose worker was killed between storing it and telling its end."""
    meta, log = keyspace.turn(turn_id)
    ended = Command(("HGET", meta, "status"), lambda status: status == b"ended")
    wait_until(lambda: redis_admin.run(ended), "the end to be in the log")
    last = redis_admin.run(
        Command(("XREVRANGE", log, "+", "-", "COUNT", 1), lambda found: found[0][0])
    )
    redis_admin.run(Command(("XDEL", log, last), lambda _: None))
    redis_admin.run(Command(("HSET", meta, "status", "running", "alive", 0), lambda _: None))


@each_stream
def test_a_stored_turn_is_given_though_its_worker_died_before_it_told_its_end(
    api: Client, chatgpt: Control, redis_admin: Store, way: Way
) -> None:
    lose_end(redis_admin, way.ask(api).headers["X-Turn-ID"])
    again = way.ask(api)
    assert way.words(again) == SAID
    assert again.headers["Idempotent-Replayed"] == "true"
    assert chatgpt.stats()["requests"] == 1


# The key itself, and what it costs


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, "/sessions/s_0/regenerate"])
@pytest.mark.parametrize("key", ["", "k" * 256, "two words", "a\tb", "ä"])
def test_an_odd_key_is_refused(api: Client, chatgpt: Control, path: str, key: str) -> None:
    body = {"message": "Hello"} if path == CHAT else {"model": "m", "messages": []}
    body = {} if path.startswith("/sessions") else body
    answer = api.post(path, json=body, headers={"Idempotency-Key": key.encode("latin-1")})
    refused(answer, 400, "invalid_request", "Idempotency-Key")
    assert chatgpt.stats()["requests"] == 0


@pytest.mark.parametrize("key", ["a\x00b", "a\x01b", "a\x1bb", "a\x7fb"])
def test_a_key_with_control_characters_is_refused(api: Client, chatgpt: Control, key: str) -> None:
    answer = api.post(CHAT, json={"message": "Hello"}, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert chatgpt.stats()["requests"] == 0


@each
def test_a_key_of_255_characters_is_taken(api: Client, chatgpt: Control, way: Way) -> None:
    longest = {"Idempotency-Key": "~" * 255}
    assert way.ask(api, headers=longest).content == way.ask(api, headers=longest).content
    assert chatgpt.stats()["requests"] == 1


@each_json
def test_with_a_key_a_turn_takes_three_round_trips_at_most(
    far: tuple[Service, FaultProxy], chatgpt: Control, new_key: NewKey, way: Way
) -> None:
    service, redis = far
    api = service.client(new_key())
    chatgpt.queue(delay_s=0.5)  # long enough for the first renewal, the next is due in 20 minutes
    session = {"X-Session-ID": api.chat().json()["session_id"]}
    for number, headers in enumerate(({}, session, {}, session)):
        before = redis.round_trips
        assert way.ask(api, headers=headers | {"Idempotency-Key": f"k{number}"}).ok
        assert redis.round_trips - before <= 3
