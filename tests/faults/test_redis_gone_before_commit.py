"""Redis goes between admission and commit: no answer is given that is not stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from proxy.store.connection import Command
from tests.faults.fragile import begun, refused
from tests.streaming.listening import cancel, code, listen_again, resume, stream
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from tests.conftest import StartService
    from tests.faults.fragile import Fragile
    from tests.support.service import Client
    from tests.support.simulator import Control

FAULTS = pytest.mark.parametrize("fault", ["killed", "hung"])
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
Fault = Literal["killed", "hung"]
LEASES_END = """
for _, key in ipairs(redis.call('KEYS', '*:lock')) do redis.call('DEL', key) end
for _, key in ipairs(redis.call('KEYS', '*:claim:*')) do redis.call('HSET', key, 'alive', 0) end
"""
KEY = {"Idempotency-Key": "once"}


def post(session_id: str, stream: bool, message: str = "second") -> dict[str, Any]:
    body = {"message": message, "session_id": session_id, "stream": stream}
    return {"path": "/chat", "json": body}


def messages(caller: Client, session_id: str) -> list[str]:
    turns = caller.get(f"/sessions/{session_id}").json()["turns"]
    return [turn["message"] for turn in turns]


@STREAM
@FAULTS
def test_a_repeat_with_its_idempotency_key_gets_the_answer_and_chatgpt_is_asked_once(
    fragile: Fragile, chatgpt: Control, threads: ThreadPoolExecutor, fault: Fault, stream: bool
) -> None:
    caller = fragile.caller()
    session_id = caller.chat("first").json()["session_id"]
    chatgpt.queue(delay_s=0.5, text="An answer.")
    asked = begun(threads, chatgpt, caller, headers=KEY, **post(session_id, stream))
    with getattr(fragile, fault)():
        answer = asked.result()
        if stream:
            assert "event: done" not in answer.text
            assert '"code":"store_unavailable"' in answer.text
        else:
            assert refused(answer)
            assert "An answer." not in answer.text
    repeat = caller.post(headers=KEY, **post(session_id, stream))
    assert repeat.ok, repeat.text
    assert "An answer." in repeat.text
    assert ("event: done" in repeat.text) is stream
    assert messages(caller, session_id) == ["first", "second"]
    assert chatgpt.stats()["requests"] == 2


@STREAM
@FAULTS
def test_without_one_the_turn_is_absent_or_there_once_and_the_session_is_free(
    fragile: Fragile, chatgpt: Control, threads: ThreadPoolExecutor, fault: Fault, stream: bool
) -> None:
    caller = fragile.caller(rpm=1, burst=10, tpm=0)
    session_id = caller.chat("first").json()["session_id"]
    chatgpt.queue(delay_s=0.5)
    asked = begun(threads, chatgpt, caller, **post(session_id, stream))
    with getattr(fragile, fault)():
        answer = asked.result()
        assert "event: done" not in answer.text
        assert "store_unavailable" in answer.text
    wait_until(lambda: caller.chat("third", session_id=session_id).ok, "the session to be free")
    assert messages(caller, session_id) in (
        ["first", "third"],
        ["first", "second", "third"],
    )
    left = int(caller.post("/chat", json={}).headers["x-ratelimit-remaining-requests"])
    assert left == 10 - 3  # ChatGPT worked on all three


@FAULTS
def test_a_stateless_request_is_answered_all_the_same_and_charged_later(
    fragile: Fragile, chatgpt: Control, threads: ThreadPoolExecutor, fault: Fault
) -> None:
    caller = fragile.caller(rpm=1, burst=10, tpm=10_000)
    chatgpt.queue(delay_s=0.5)
    body = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hello"}]}
    asked = begun(threads, chatgpt, caller, path="/v1/chat/completions", json=body)
    with getattr(fragile, fault)():
        answer = asked.result()
        assert answer.ok
    used = answer.json()["usage"]["total_tokens"]

    def charged() -> bool:
        headers = caller.post("/v1/chat/completions", json={}).headers
        return bool(10_000 - int(headers["x-ratelimit-remaining-tokens"]) <= used)

    wait_until(charged, "what it used to be charged in place of what it reserved")


def test_an_answer_is_stored_also_after_an_outage_longer_than_its_lease(
    fragile: Fragile, chatgpt: Control, threads: ThreadPoolExecutor
) -> None:
    caller = fragile.caller()
    session_id = caller.chat("first").json()["session_id"]
    chatgpt.queue(delay_s=0.5)
    asked = begun(threads, chatgpt, caller, headers=KEY, **post(session_id, stream=False))
    with fragile.killed():
        assert refused(asked.result())
        fragile.redis.start()
        fragile.tell("EVAL", LEASES_END, "0")
        fragile.redis.kill()
    wait_until(lambda: messages(caller, session_id) == ["first", "second"], "the late turn")
    assert caller.post(headers=KEY, **post(session_id, stream=False)).ok
    assert chatgpt.stats()["requests"] == 2


LOGS_THAT_RUN = """
local running = 0
for _, key in ipairs(redis.call('KEYS', 'cp:{t:*}:meta')) do
  if redis.call('HGET', key, 'status') == 'running' then running = running + 1 end
end
return running
"""


def test_a_stream_that_may_have_begun_does_not_keep_who_joins_it_for_a_lease(
    fragile: Fragile, chatgpt: Control
) -> None:
    caller = fragile.caller()
    assert caller.chat().ok
    fragile.way.swallow(2)
    assert refused(caller.chat(stream=True))
    running: Command[int] = Command(("EVAL", LOGS_THAT_RUN, 0), int)
    wait_until(lambda: fragile.admin.run(running) == 0, "the turn's log to end", seconds=15)
    assert chatgpt.stats()["requests"] == 1


SLOWLY = {"text": "Once upon a time there was a proxy", "fault": "silence", "after": 3}
"""Some words, and then nothing more."""


def test_a_reader_on_another_worker_waits_until_redis_is_back(
    fragile: Fragile, chatgpt: Control, start_service: StartService
) -> None:
    elsewhere = start_service(REDIS_URL=fragile.way.url, PROXY_AUTH="open").client()
    caller = fragile.service.client()
    chatgpt.queue(**SLOWLY)
    with stream(caller) as events, resume(elsewhere, events.turn_id) as again:
        heard = [again.until("start"), again.until("delta")]
        with fragile.killed():
            wait_until(lambda: refused(elsewhere.chat()), "the outage to be noticed")
        cancel(caller, events.turn_id)
        heard += again
    assert code(heard[-1]) == "turn_cancelled"
    assert [event.id for event in heard] == sorted({event.id for event in heard})


def test_a_reader_is_told_when_it_takes_too_long_and_can_go_on_from_there(
    fragile: Fragile, chatgpt: Control, start_service: StartService
) -> None:
    service = start_service(REDIS_URL=fragile.way.url, PROXY_AUTH="open", PROXY_HEARTBEAT="0.5")
    caller = fragile.service.client()
    chatgpt.queue(**SLOWLY)
    with stream(caller) as events:
        with resume(service.client(), events.turn_id) as again:
            heard = [again.until("start")]
            with fragile.killed():
                heard += again
        last = heard[-1]
        assert (last.id, code(last)) == (heard[-2].id, "store_unavailable")
        cancel(caller, events.turn_id)
        wait_until(lambda: service.client().get("/readyz").ok, "the other to be ready", seconds=15)
        rest = listen_again(service.client(), events.turn_id, after=last.id)
    assert rest[0].id == last.id + 1
    assert "Traceback" not in service.log
