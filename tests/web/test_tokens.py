"""Browser tokens: a client key vouches for a user, who is then alone with what is theirs."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from openai import OpenAI

from proxy.domain.browser_tokens import PREFIX
from proxy.settings import LARGEST_LIMIT, SIMULATED_KEY
from proxy.store import client_keys, keyspace
from proxy.store.connection import Command
from tests.streaming.listening import listen_again, stream
from tests.support.keys import form_team, issue
from tests.support.service import CANARY, Client, Service
from tests.support.waiting import wait_until
from tests.web.refusals import refused
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from proxy.store.connection import Store
    from tests.conftest import NewKey, StartService
    from tests.support.simulator import Control

ORIGIN = "https://app.example.com"
ADMIN_TOKEN = "an-admin-token-of-this-test-alone-0123"
LIMIT = "x-ratelimit-limit-requests"
LEFT = "x-ratelimit-remaining-requests"


def mint(holder: Client, user: str = "ada", **fields: Any) -> str:
    """A token that the holder of a key asks for."""
    answer = holder.post("/tokens", json={"user": user, **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def user_of(holder: Client, user: str = "ada", **fields: Any) -> Client:
    """A user that the holder of a key vouches for."""
    return Client(holder.url, mint(holder, user, **fields))


# Minting


def test_a_token_says_whose_it_is_and_when_it_ends(api: Client) -> None:
    before = int(time.time())
    answer = api.post("/tokens", json={"user": "ada", "ttl": 60, "origin": ORIGIN})
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.json()
    assert told.pop("token").startswith(PREFIX)
    assert before + 60 <= told.pop("expires_at") <= time.time() + 60
    assert told == {"object": "token", "user": "ada", "ttl": 60, "origin": ORIGIN}


def test_a_token_lives_an_hour_and_for_all_pages_unless_it_says_otherwise(api: Client) -> None:
    told = api.post("/tokens", json={"user": "ada"}).json()
    assert (told["ttl"], told["origin"]) == (3600, None)


BAD: list[tuple[str, dict[str, Any]]] = [
    ("user", {"user": None}),
    ("user", {"user": ""}),
    ("user", {"user": 7}),
    ("user", {"user": ["ada"]}),
    ("user", {"user": "a" * 129}),
    ("user", {"user": "a\nb"}),
    ("user", {"user": "a\x00"}),
    ("user", {"user": "a\u200b"}),
    ("ttl", {"ttl": 0}),
    ("ttl", {"ttl": -1}),
    ("ttl", {"ttl": 3601}),
    ("ttl", {"ttl": 1.5}),
    ("ttl", {"ttl": "60"}),
    ("ttl", {"ttl": True}),
    ("ttl", {"ttl": None}),
    ("origin", {"origin": ""}),
    ("origin", {"origin": "*"}),
    ("origin", {"origin": "null"}),
    ("origin", {"origin": "app.example.com"}),
    ("origin", {"origin": "https://"}),
    ("origin", {"origin": "https://app.example.com/"}),
    ("origin", {"origin": "https://app.example.com/page"}),
    ("origin", {"origin": "https://App.example.com"}),
    ("origin", {"origin": "https://app.example.com:443"}),
    ("origin", {"origin": "http://app.example.com:80"}),
    ("origin", {"origin": "https://app.example.com:99999"}),
    ("origin", {"origin": "https://ada@app.example.com"}),
    ("origin", {"origin": "https://*.example.com"}),
    ("origin", {"origin": "https://a.example.com, https://b.example.com"}),
    ("origin", {"origin": "ftp://app.example.com"}),
    ("origin", {"origin": "https://app.example.com\n"}),
    ("origin", {"origin": [ORIGIN]}),
    ("limits", {"limits": []}),
    ("limits", {"limits": 60}),
    ("limits.rpm", {"limits": {"rpm": -1}}),
    ("limits.rpm", {"limits": {"rpm": 1.5}}),
    ("limits.rpm", {"limits": {"rpm": None}}),
    ("limits.rpm", {"limits": {"rpm": LARGEST_LIMIT + 1}}),
    ("limits.tpm", {"limits": {"tpm": "100"}}),
    ("limits.burst", {"limits": {"rpm": 1, "burst": -1}}),
    ("limits.burst", {"limits": {"burst": 5}}),
    ("limits.burst", {"limits": {"rpm": 0, "burst": 5}}),
    ("limits.max_parallel", {"limits": {"max_parallel": True}}),
    ("limits.budget_usd", {"limits": {"budget_usd": 5}}),
    ("team", {"team": "blue"}),
]


@pytest.mark.parametrize(("param", "fields"), BAD, ids=[f"{n}-{p}" for n, (p, _) in enumerate(BAD)])
def test_a_wrong_field_is_named(api: Client, param: str, fields: dict[str, Any]) -> None:
    answer = api.post("/tokens", json={"user": "ada"} | fields)
    refused(answer, 400, "invalid_request", param)


def test_a_user_must_be_named(api: Client) -> None:
    refused(api.post("/tokens", json={}), 400, "invalid_request", "user")
    refused(api.post("/tokens", data=b""), 400, "invalid_request")


@pytest.mark.parametrize("origin", [ORIGIN, "http://localhost:5173", "http://[::1]:8090"])
def test_an_origin_is_taken_as_browsers_send_it(api: Client, origin: str) -> None:
    user = user_of(api, origin=origin)
    assert user.get("/sessions", headers={"Origin": origin}).ok


def test_without_a_key_none_is_minted(service: Service) -> None:
    refused(service.client().post("/tokens", json={"user": "ada"}), 401, "invalid_api_key")


def test_a_token_mints_none(api: Client) -> None:
    user = user_of(api)
    refused(user.post("/tokens", json={"user": "ada"}), 401, "invalid_api_key")
    refused(user.post("/tokens", json={"user": "bob", "ttl": 3600}), 401, "invalid_api_key")


# What is a token, and what is none


def test_a_token_that_was_tampered_with_or_cut_off_is_refused(api: Client) -> None:
    token = mint(api)
    middle = len(token) // 2
    for forged in (
        token[:-1],
        token[:middle],
        token + "A",
        token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :],
        token.rpartition(".")[0] + "." + "A" * 43,
        token.upper(),
        token.replace(PREFIX, PREFIX.upper()),
        PREFIX,
        PREFIX + "x" * 6_000,
        PREFIX + "ä",
    ):
        header = {"Authorization": f"Bearer {forged}".encode("latin-1")}
        answer = Client(api.url, None).get("/sessions", headers=header)
        refused(answer, 401, "invalid_api_key")


def test_a_token_ends_with_its_ttl_and_cannot_be_made_to_last(api: Client) -> None:
    minted = time.time()
    user = user_of(api, ttl=1)
    wait_until(lambda: user.get("/sessions").status_code == 401, "the token to end")
    assert time.time() - minted >= 1
    refused(user.get("/sessions"), 401, "invalid_api_key")
    refused(user.post("/tokens", json={"user": "ada"}), 401, "invalid_api_key")


@pytest.mark.parametrize(
    "origin",
    [None, "", "null", "https://evil.example.com", ORIGIN + "/", ORIGIN + ":443", ORIGIN.upper()],
    ids=repr,
)
def test_a_token_of_an_origin_is_of_no_use_elsewhere(api: Client, origin: str | None) -> None:
    user = user_of(api, origin=ORIGIN)
    assert user.get("/sessions", headers={"Origin": ORIGIN}).ok
    elsewhere = user.get("/sessions", headers={} if origin is None else {"Origin": origin})
    error = refused(elsewhere, 403, "origin_not_allowed", "Origin")
    assert ORIGIN in error["message"]
    assert user.get("/sessions", headers={"Origin": ORIGIN}).ok


def test_a_token_is_good_on_every_route_that_takes_a_key(api: Client) -> None:
    user = user_of(api)
    session = user.chat("My name is Ada.").json()["session_id"]
    assert user.chat("What is my name?", session_id=session).json()["reply"] == "Your name is Ada."
    for path in ("", "/export"):
        assert user.get(f"/sessions/{session}{path}").ok
    for path in ("fork", "regenerate", "undo"):
        assert user.post(f"/sessions/{session}/{path}").ok
    assert user.request("PATCH", f"/sessions/{session}", json={"title": "Names"}).ok
    assert user.request("DELETE", f"/sessions/{session}").ok
    assert user.get("/v1/models").ok
    embedding = {"model": "text-embedding-3-small", "input": "Hello!"}
    assert user.post("/v1/embeddings", json=embedding).ok


def test_openai_s_own_client_takes_a_token_for_a_key(api: Client) -> None:
    with OpenAI(base_url=f"{api.url}/v1", api_key=mint(api), max_retries=0) as client:
        asked: Any = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hello"}]}
        answer = client.chat.completions.create(**asked)
        assert answer.choices[0].message.content == 'You said: "Hello"'
        words = [
            chunk.choices[0].delta.content or ""
            for chunk in client.chat.completions.create(**asked, stream=True)
            if chunk.choices
        ]
        assert "".join(words) == 'You said: "Hello"'


def test_a_user_may_use_the_key_s_models_alone(
    service: Service, store: Store, chatgpt: Control
) -> None:
    user = user_of(service.client(issue(store, models=("o4-mini",))[1]))
    refused(user.chat(model="gpt-5.5"), 403, "model_not_allowed", "model")
    assert user.chat(model="o4-mini").ok


# The key behind it


def both(service: Service, store: Store, **fields: Any) -> tuple[client_keys.ClientKey, Client]:
    """A key, and a user that it vouches for."""
    key, secret = issue(store, **fields)
    return key, user_of(service.client(secret))


def test_a_revoked_key_ends_its_tokens_on_every_worker_within_five_seconds(
    service: Service, store: Store
) -> None:
    key, user = both(service, store)
    with ThreadPoolExecutor(8) as many:

        def answers() -> set[int]:
            return {a.status_code for a in many.map(lambda _: user.get("/sessions"), range(40))}

        assert answers() == {200}
        store.run(client_keys.revoke(key.id, int(time.time())))
        wait_until(lambda: answers() == {401}, "the tokens to be refused", seconds=5)


def test_a_key_that_expires_ends_its_tokens(service: Service, store: Store) -> None:
    _, user = both(service, store, expires_at=int(time.time()) + 2)
    wait_until(lambda: user.get("/sessions").status_code == 401, "the key to expire", seconds=15)


def test_a_rotated_key_s_tokens_end_with_the_secret_that_minted_them(
    service: Service, store: Store
) -> None:
    key, user = both(service, store)
    old = service.client(client_keys.token(key.id, "the old secret, good for now"))
    secret = client_keys.new_secret()
    store.run(client_keys.rotate(key, secret, int(time.time()) + 3600))
    renewed = user_of(service.client(client_keys.token(key.id, secret)))
    refused(old.get("/sessions"), 401, "invalid_api_key")
    assert user.get("/sessions").ok
    assert renewed.get("/sessions").ok
    rotated = store.run(client_keys.find(key.id))
    assert rotated
    newest = client_keys.new_secret()
    store.run(client_keys.rotate(rotated, newest, int(time.time()) + 3600))
    wait_until(lambda: user.get("/sessions").status_code == 401, "the first token to end")
    assert renewed.get("/sessions").ok


def test_in_the_overlap_a_token_of_the_old_secret_ends_with_the_overlap(
    service: Service, store: Store
) -> None:
    key, token = issue(store)
    store.run(client_keys.rotate(key, client_keys.new_secret(), int(time.time()) + 3))
    user = user_of(service.client(token))
    assert user.get("/sessions").ok
    wait_until(lambda: user.get("/sessions").status_code == 401, "the overlap to end")


# What is whose


def test_users_and_their_key_see_nothing_of_each_other(api: Client) -> None:
    callers = [user_of(api, "ada"), user_of(api, "bob"), user_of(api, "Ada"), api]
    sessions = [caller.chat("Mine").json()["session_id"] for caller in callers]
    for caller, mine in zip(callers, sessions, strict=True):
        listed = [session["id"] for session in caller.get("/sessions").json()["data"]]
        assert listed == [mine]
        for other in set(sessions) - {mine}:
            path = f"/sessions/{other}"
            answers = [
                caller.get(path),
                caller.get(f"{path}/export"),
                caller.request("PATCH", path, json={"title": "Mine now"}),
                caller.post(f"{path}/fork"),
                caller.post(f"{path}/undo"),
                caller.post(f"{path}/regenerate"),
                caller.request("DELETE", path),
                caller.chat(session_id=other),
            ]
            for answer in answers:
                refused(answer, 404, "session_not_found", "session_id")


def test_a_user_s_sessions_are_there_with_the_next_token_too(api: Client) -> None:
    session = user_of(api).chat().json()["session_id"]
    assert user_of(api, origin=ORIGIN).get(f"/sessions/{session}", headers={"Origin": ORIGIN}).ok


def test_users_of_the_same_name_of_two_keys_are_two(service: Service, new_key: NewKey) -> None:
    one, other = (user_of(service.client(new_key()), "ada") for _ in range(2))
    session = one.chat().json()["session_id"]
    refused(other.get(f"/sessions/{session}"), 404, "session_not_found", "session_id")


def test_a_stream_is_heard_and_stopped_by_its_user_alone(api: Client) -> None:
    ada, bob = user_of(api, "ada"), user_of(api, "bob")
    with stream(ada) as events:
        turn = events.turn_id
        list(events)
    assert listen_again(ada, turn)[-1].kind == "done"
    for stranger in (bob, api):
        path = f"/chat/turns/{turn}"
        assert stranger.get(f"{path}/events").status_code == 404
        assert stranger.post(f"{path}/cancel").status_code == 404


def test_idempotency_keys_are_each_user_s_own(api: Client) -> None:
    callers = [user_of(api, "ada"), user_of(api, "bob"), api]
    turns = [
        caller.post("/chat", json={"message": "Hello"}, headers={"Idempotency-Key": "the-same"})
        for caller in callers * 2
    ]
    assert [turn.headers.get("Idempotent-Replayed") for turn in turns] == [None] * 3 + ["true"] * 3
    assert len({turn.json()["turn_id"] for turn in turns}) == 3


@pytest.mark.parametrize(
    "user", ["{", "}", "{}", "a}b{c", "a:b", "a/b", "ä ö", "😀", "%7B", "a" * 128]
)
def test_any_printable_name_will_do(api: Client, user: str) -> None:
    caller = user_of(api, user, limits={"rpm": 5, "max_parallel": 2})
    answer = caller.post("/chat", json={"message": "Hello"}, headers={"Idempotency-Key": "x"})
    assert answer.ok
    assert answer.headers[LIMIT] == "5"
    assert len(caller.get("/sessions").json()["data"]) == 1
    assert api.get("/sessions").json()["data"] == []


# Limits


def test_a_user_s_own_limits_bind_and_are_told_truly(service: Service, new_key: NewKey) -> None:
    holder = service.client(new_key(rpm=600))
    ada = user_of(holder, "ada", limits={"rpm": 1, "burst": 2})
    first, second, third = (ada.chat() for _ in range(3))
    assert (first.headers[LIMIT], first.headers[LEFT]) == ("2", "1")
    assert '"user-requests";q=1;w=60' in first.headers["RateLimit-Policy"]
    assert second.ok
    error = refused(third, 429, "rate_limit_exceeded")
    assert "this user" in error["message"]
    assert 0 < int(third.headers["retry-after-ms"]) <= 60_000
    assert user_of(holder, "bob", limits={"rpm": 1, "burst": 2}).chat().ok
    assert user_of(holder, "ada").chat().headers[LIMIT] == "600"


def test_a_user_s_tokens_and_places_are_limited_too(api: Client, chatgpt: Control) -> None:
    thrifty = user_of(api, "ada", limits={"tpm": 1000})
    assert thrifty.chat().headers["x-ratelimit-limit-tokens"] == "1000"
    single = user_of(api, "bob", limits={"max_parallel": 1})
    chatgpt.queue(text="word " * 400, chunk_size=800, fault="silence", after=2)
    with stream(single) as events:
        events.until("delta")
        error = refused(single.chat(), 429, "rate_limit_exceeded")
        assert error["type"] == "concurrency"
        assert single.post(f"/chat/turns/{events.turn_id}/cancel").ok
        assert list(events)[-1].kind == "error"
    assert single.chat().ok


def test_what_a_user_asks_counts_against_the_key_and_the_team(
    service: Service, store: Store, chatgpt: Control
) -> None:
    team = form_team(store, rpm=1, burst=4)
    keys = [service.client(issue(store, rpm=1, burst=3, team=team)[1]) for _ in range(2)]
    left = [user_of(keys[0], name).chat().headers[LEFT] for name in ("ada", "bob")]
    assert left == ["2", "1"]
    assert keys[0].chat().headers[LEFT] == "0"
    refused(user_of(keys[0], "eve").chat(), 429, "rate_limit_exceeded")
    assert user_of(keys[1]).chat().headers[LEFT] == "0"
    refused(user_of(keys[1]).chat(), 429, "rate_limit_exceeded")


def test_users_of_a_key_who_wait_go_in_turns_and_not_as_they_came(
    service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    holder = service.client(new_key(rpm=120, burst=1))
    eager, calm = user_of(holder, "eager"), user_of(holder, "calm")
    served: list[str] = []

    def ask(user: Client, name: str) -> None:
        assert user.chat(wait=60).ok
        served.append(name)

    with ThreadPoolExecutor(11) as many:
        asked = [many.submit(ask, eager, "eager") for _ in range(10)]
        wait_until(lambda: served, "the first answer")
        asked.append(many.submit(ask, calm, "calm"))
        for one in asked:
            one.result()
    assert served[-3:] == ["eager"] * 3


def test_what_a_user_asks_is_counted_as_theirs(
    service: Service, store: Store, redis_admin: Store, chatgpt: Control
) -> None:
    key, user = both(service, store)
    days = {today()}
    assert user.chat().ok
    days.add(today())
    index = [keyspace.usage_index("user", day) for day in days]
    counted = redis_admin.run(Command(("SUNION", *index), set))
    assert f"{key.id}/ada".encode() in counted


# Services


@pytest.fixture(scope="module")
def open_service(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    settings = {"PROXY_AUTH": "open", "PROXY_ADMIN_TOKEN": ADMIN_TOKEN, **QUICK_STOP}
    with Service(redis_server.url, simulator.url, **settings) as running:
        yield running


def test_where_no_key_is_asked_for_anybody_vouches(open_service: Service, service: Service) -> None:
    anybody = open_service.client()
    ada = user_of(anybody, "ada")
    session = ada.chat().json()["session_id"]
    assert ada.get(f"/sessions/{session}").ok
    for other in (anybody, user_of(anybody, "bob")):
        refused(other.get(f"/sessions/{session}"), 404, "session_not_found", "session_id")
    refused(ada.post("/tokens", json={"user": "ada"}), 401, "invalid_api_key")
    elsewhere = service.client(mint(anybody, "ada"))
    refused(elsewhere.get("/sessions"), 401, "invalid_api_key")


def test_what_looks_like_a_token_must_be_one_also_where_no_key_is_asked_for(
    open_service: Service,
) -> None:
    refused(open_service.client(PREFIX + "x.y").chat(), 401, "invalid_api_key")


@pytest.mark.parametrize("path", ["/admin", "/admin/api/keys", "/admin/api/usage"])
def test_a_token_does_not_reach_the_operators_side(open_service: Service, path: str) -> None:
    def answer(client: Client) -> requests.Response:
        return client.get(path, allow_redirects=False)

    user = user_of(open_service.client())
    nobody = open_service.client()
    assert answer(user).status_code == answer(nobody).status_code
    assert not answer(user).ok or answer(user).text == answer(nobody).text


def test_the_admin_token_vouches_for_nobody(service: Service, start_service: StartService) -> None:
    guarded = start_service(PROXY_ADMIN_TOKEN=ADMIN_TOKEN, **QUICK_STOP)
    operator = guarded.client(ADMIN_TOKEN)
    refused(operator.post("/tokens", json={"user": "ada"}), 401, "invalid_api_key")


def test_services_with_the_same_secret_take_each_other_s_tokens(
    start_service: StartService, new_key: NewKey
) -> None:
    secret = "the-same-secret-for-all-of-these-services"
    key = new_key()
    one = start_service(PROXY_TOKEN_SECRET=secret, **QUICK_STOP)
    other = start_service(PROXY_TOKEN_SECRET=secret, WEB_CONCURRENCY="2", **QUICK_STOP)
    stranger = start_service(PROXY_TOKEN_SECRET=secret[::-1], **QUICK_STOP)
    token = mint(one.client(key))
    with ThreadPoolExecutor(4) as many:
        served = many.map(lambda _: other.client(token).get("/sessions").status_code, range(20))
        assert set(served) == {200}
    refused(stranger.client(token).get("/sessions"), 401, "invalid_api_key")


def test_with_a_key_that_everybody_knows_none_is_signed_unless_there_is_a_secret(
    start_service: StartService, new_key: NewKey
) -> None:
    holder = start_service(OPENAI_API_KEY=SIMULATED_KEY, **QUICK_STOP).client(new_key())
    error = refused(holder.post("/tokens", json={"user": "ada"}), 404, "not_found")
    assert "PROXY_TOKEN_SECRET" in error["message"]


def test_neither_tokens_nor_secrets_are_logged_or_kept(
    start_service: StartService, store: Store, new_key: NewKey, chatgpt: Control
) -> None:
    secret = "a-secret-that-is-told-nobody-at-all-0"
    service = start_service(PROXY_TOKEN_SECRET=secret, **QUICK_STOP)
    token = mint(service.client(new_key()))
    assert service.client(token).chat().ok
    assert service.client(token[:-2]).chat().status_code == 401
    for private in (secret, token, token.rpartition(".")[2], CANARY):
        assert private not in service.log
