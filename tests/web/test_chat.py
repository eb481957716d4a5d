"""POST /chat: what goes in, what ChatGPT is sent, what comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxy.simulator.process import SimulatedChatGPT
from tests.support.service import CANARY, Client, Service
from tests.support.simulator import Control
from tests.web.refusals import refused
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from proxy.embedded import EmbeddedRedis
    from tests.conftest import NewKey

TEXT = {"Content-Type": "text/plain"}
WANT_TEXT = {"Accept": "text/plain"}
CURL = {"Content-Type": "application/x-www-form-urlencoded"}
"""What curl says of any body."""
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"properties": {"town": {"type": "string"}}}},
}
EVERYTHING = {
    "temperature": 0.2,
    "top_p": 0.5,
    "top_k": 5,
    "max_tokens": 50,
    "stop": "END",
    "presence_penalty": 1,
    "frequency_penalty": 1,
    "seed": 7,
    "reasoning_effort": "none",
    "tools": [WEATHER],
    "metadata": {"a": "b"},
}


def messages(chatgpt: Control) -> list[dict[str, Any]]:
    """The messages that ChatGPT was sent last."""
    sent: list[dict[str, Any]] = chatgpt.requests()[-1].body["messages"]
    return sent


# In and out


def test_a_reply_tells_all_that_is_known_of_its_turn(api: Client) -> None:
    reply = api.chat("Hello").json()
    assert reply == {
        "session_id": reply["session_id"],
        "turn_id": reply["turn_id"],
        "reply": 'You said: "Hello"',
        "model": "simulated-gpt-6-luna",
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 8, "completion_tokens": 5, "total_tokens": 13},
        "cost_usd": 3.3e-06,
        "context": {"turns_sent": 0, "turns_left_out": 0},
    }


def test_headers_name_the_session_and_the_turn(api: Client) -> None:
    answer = api.chat()
    named = answer.headers["X-Session-ID"], answer.headers["X-Turn-ID"]
    assert named == (answer.json()["session_id"], answer.json()["turn_id"])
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("fields", [{}, {"temperature": 9}])
def test_headers_tell_the_limits_on_every_answer(api: Client, fields: dict[str, Any]) -> None:
    headers = api.chat(**fields).headers
    names = [f"x-ratelimit-{what}" for what in ("limit", "remaining", "reset")]
    expected = {f"{name}-{of}" for name in names for of in ("requests", "tokens")}
    assert expected | {"ratelimit", "ratelimit-policy", "x-request-id"} <= {
        name.lower() for name in headers
    }


def test_a_request_keeps_the_id_that_its_caller_gave_it(api: Client) -> None:
    answer = api.request("GET", "/livez", headers={"X-Request-ID": "trace/1.2:3"})
    assert answer.headers["X-Request-ID"] == "trace/1.2:3"


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "ä", "<b>"])
def test_an_odd_request_id_is_replaced(api: Client, given: str) -> None:
    headers = {"X-Request-ID": given.encode("latin-1").decode("latin-1")}
    answer = api.request("GET", "/livez", headers=headers)
    assert answer.headers["X-Request-ID"].startswith("req_")


@pytest.mark.parametrize("headers", [TEXT, CURL, {}])
def test_a_text_in_and_a_text_out_is_a_whole_program(api: Client, headers: dict[str, str]) -> None:
    answer = api.post("/chat", data=b"What is love?\n", headers=headers | WANT_TEXT)
    assert answer.text == 'You said: "What is love?"\n'
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_text_s_own_lines_are_kept(api: Client, chatgpt: Control) -> None:
    api.post("/chat", data=b"\n one\r\n\r\n two \n\n", headers=TEXT)
    assert messages(chatgpt) == [{"role": "user", "content": "\n one\r\n\r\n two "}]


def test_a_text_is_answered_with_json_unless_text_is_asked_for(api: Client) -> None:
    answer = api.post("/chat", data=b"Hello", headers=TEXT)
    assert answer.json()["reply"] == 'You said: "Hello"'


def test_a_text_s_options_are_in_the_query(api: Client, chatgpt: Control) -> None:
    query = "?model=gpt-4o-mini&temperature=0.2&max_tokens=50&stop=END&seed=7&persona=brief"
    assert api.post("/chat" + query, data=b"Hello", headers=TEXT).ok
    body = chatgpt.requests()[0].body
    options = body["temperature"], body["max_completion_tokens"], body["stop"], body["seed"]
    assert options == (0.2, 50, "END", 7)
    assert body["messages"][0]["role"] == "system"


def test_a_text_s_session_is_in_the_query(api: Client) -> None:
    session = api.chat("My name is Ada.").json()["session_id"]
    ask = b"What is my name?"
    answer = api.post(f"/chat?session={session}", data=ask, headers=TEXT | WANT_TEXT)
    assert answer.text == "Your name is Ada.\n"


def test_a_text_can_leave_out_what_the_model_refuses(api: Client) -> None:
    answer = api.post("/chat?top_k=5&drop_params=true", data=b"Hello", headers=TEXT)
    assert answer.headers["X-Dropped-Params"] == "top_k"


@pytest.mark.parametrize("headers", [{"Content-Type": "application/json"}, CURL, {}])
def test_json_is_understood_whatever_curl_calls_it(api: Client, headers: dict[str, str]) -> None:
    answer = api.post("/chat", data=b'{"message": "Hello"}', headers=headers)
    assert answer.json()["reply"] == 'You said: "Hello"'


def test_json_can_be_answered_with_text(api: Client) -> None:
    answer = api.request("POST", "/chat", headers=WANT_TEXT, json={"message": "Hello"})
    assert answer.text == 'You said: "Hello"\n'


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json, text/plain, */*", "text/plain;q=0.5, */*", "text/html"]
)
def test_whoever_takes_json_as_gladly_gets_json(api: Client, accept: str) -> None:
    answer = api.request("POST", "/chat", headers={"Accept": accept}, json={"message": "Hello"})
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("text", ["Grüße, 日本 🎉", "\x00\x01\x7f", "\ufeff", '"\\u0041"', "  a "])
def test_every_text_arrives_and_returns_as_it_was(api: Client, text: str) -> None:
    answer = api.chat(text)
    assert answer.json()["reply"] == f'You said: "{text}"'
    read = api.get(f"/sessions/{answer.json()['session_id']}").json()
    assert read["turns"][0]["message"] == text


def test_the_longest_message_that_is_taken_arrives_whole(api: Client, chatgpt: Control) -> None:
    assert api.chat("x" * 200_000).ok
    assert messages(chatgpt)[0]["content"] == "x" * 200_000


# Sessions


def named(api: Client, how: str, session: str) -> requests.Response:
    ask = {"message": "How many messages were you sent?"}
    if how == "body":
        return api.post("/chat", json=ask | {"session_id": session})
    if how == "header":
        return api.post("/chat", json=ask, headers={"X-Session-ID": session})
    return api.post(f"/chat?session={session}", json=ask)


@pytest.mark.parametrize("how", ["body", "header", "query"])
def test_a_session_is_continued_however_it_is_named(api: Client, how: str) -> None:
    session = api.chat("Hello").json()["session_id"]
    reply = named(api, how, session).json()
    assert reply["session_id"] == session
    assert reply["reply"] == "I was sent 3 messages: 2 user, 1 assistant."


def test_a_session_may_be_named_three_times_alike(api: Client) -> None:
    session = api.chat().json()["session_id"]
    body = {"message": "Again", "session_id": session}
    assert api.post(f"/chat?session={session}", json=body, headers={"X-Session-ID": session}).ok


@pytest.mark.parametrize("how", ["header", "query"])
def test_two_different_sessions_are_refused(api: Client, how: str) -> None:
    mine, other = (api.chat().json()["session_id"] for _ in range(2))
    body = {"message": "Which?", "session_id": mine}
    query = f"?session={other}" if how == "query" else ""
    headers = {"X-Session-ID": other} if how == "header" else {}
    answer = api.post("/chat" + query, json=body, headers=headers)
    refused(answer, 400, "invalid_request", "session_id")


def test_without_a_session_each_message_begins_a_new_one(api: Client) -> None:
    assert api.chat().json()["session_id"] != api.chat().json()["session_id"]


def test_a_session_of_another_key_is_not_continued(
    api: Client, service: Service, new_key: NewKey, chatgpt: Control
) -> None:
    session = api.chat().json()["session_id"]
    stranger = service.client(new_key())
    refused(stranger.chat("Hi", session_id=session), 404, "session_not_found", "session_id")
    assert chatgpt.stats()["requests"] == 1


# What ChatGPT is sent


def test_chatgpt_is_sent_instructions_history_and_message(api: Client, chatgpt: Control) -> None:
    session = api.chat("One", system="Be kind.").json()["session_id"]
    api.chat("Two", session_id=session)
    assert messages(chatgpt) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": 'You said: "One"'},
        {"role": "user", "content": "Two"},
    ]


def test_a_persona_speaks_before_the_caller_s_instructions(api: Client, chatgpt: Control) -> None:
    session = api.chat("One", persona="brief", system="Rhyme.").json()["session_id"]
    api.chat("Two", session_id=session)
    instructions = messages(chatgpt)[0]["content"]
    assert instructions.startswith("You answer like a colleague with little time.")
    assert instructions.endswith("\n\nRhyme.")


def test_new_instructions_hold_from_their_turn_on(api: Client, chatgpt: Control) -> None:
    session = api.chat("One", system="Be kind.").json()["session_id"]
    api.chat("Two", session_id=session, system="Be rude.")
    api.chat("Three", session_id=session)
    sent = [request.body["messages"][0]["content"] for request in chatgpt.requests()]
    assert sent == ["Be kind.", "Be rude.", "Be rude."]


def test_empty_instructions_take_the_old_ones_back(api: Client, chatgpt: Control) -> None:
    session = api.chat("One", system="Be kind.").json()["session_id"]
    api.chat("Two", session_id=session, system="")
    assert [message["role"] for message in messages(chatgpt)] == ["user", "assistant", "user"]


def test_parameters_are_forwarded_and_renamed(api: Client, chatgpt: Control) -> None:
    same = {
        "temperature": 0.2,
        "top_p": 0.5,
        "stop": ["END"],
        "seed": 7,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "metadata": {"a": "b"},
    }
    assert api.chat("Hello", model="gpt-4o-mini", max_tokens=50, **same).ok
    body = chatgpt.requests()[0].body
    ours = {name: body.pop(name) for name in ("safety_identifier", "prompt_cache_key", "messages")}
    assert body == {"model": "gpt-4o-mini", "max_completion_tokens": 50} | same
    assert all(ours.values())


def test_openai_knows_callers_apart_without_knowing_them(
    api: Client, service: Service, new_key: NewKey, chatgpt: Control
) -> None:
    for client in (api, api, service.client(new_key())):
        client.chat()
    first, again, other = (sent.body for sent in chatgpt.requests())
    assert first["safety_identifier"] == again["safety_identifier"] != other["safety_identifier"]
    assert first["prompt_cache_key"] != again["prompt_cache_key"]


def test_nothing_of_a_caller_s_own_headers_reaches_chatgpt(api: Client, chatgpt: Control) -> None:
    own = {"Cookie": "a=b", "X-Api-Key": "mine", "OpenAI-Organization": "mine", "Forwarded": "x"}
    assert api.request("POST", "/chat", headers=own, json={"message": "Hello"}).ok
    sent = chatgpt.requests()[0].headers
    assert sent["authorization"] == f"Bearer {CANARY}"
    assert not sent.keys() & {name.lower() for name in own}


def test_a_parameter_that_openai_lacks_is_refused_before_it_is_asked(
    api: Client, chatgpt: Control
) -> None:
    error = refused(api.chat("Hello", top_k=5), 400, "invalid_request", "top_k")
    assert "drop_params" in error["message"]
    assert chatgpt.requests() == []


def test_what_the_model_would_refuse_can_be_left_out(api: Client, chatgpt: Control) -> None:
    answer = api.chat("Hello", top_k=5, temperature=0.2, seed=7, drop_params=True)
    assert answer.headers["X-Dropped-Params"] == "top_k, temperature"
    assert chatgpt.requests()[0].body.keys() & {"top_k", "temperature", "seed"} == {"seed"}


@pytest.mark.parametrize(
    "model",
    ["gpt-6-astra", "gpt-6.1-sol", "gpt-6-sol", "gpt-6-luna", "gpt-5.4-mini", "gpt-4o-mini"],
)
def test_what_is_left_after_dropping_is_taken_by_every_model(api: Client, model: str) -> None:
    answer = api.chat("Hello", model=model, drop_params=True, **EVERYTHING)
    assert answer.ok, answer.text


@pytest.mark.parametrize(
    ("model", "fields", "param"),
    [
        ("gpt-6-luna", {"temperature": 0.2}, "temperature"),
        ("gpt-6-luna", {"stop": "x"}, "stop"),
        ("gpt-6-luna", {"presence_penalty": 1}, "presence_penalty"),
        ("gpt-6-sol", {"tools": [WEATHER]}, "tools"),
        ("gpt-6-astra", {"reasoning_effort": "none"}, "reasoning_effort"),
        ("gpt-4o-mini", {"reasoning_effort": "low"}, "reasoning_effort"),
    ],
)
def test_what_the_model_would_refuse_is_refused_with_its_name(
    api: Client, model: str, fields: dict[str, Any], param: str
) -> None:
    refused(api.chat("Hello", model=model, **fields), 400, "invalid_request", param)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("gpt-6-luna", {"temperature": 0.2, "reasoning_effort": "none"}),
        ("gpt-6-luna", {"temperature": 1, "reasoning_effort": "high"}),
        ("gpt-6-sol", {"tools": [WEATHER], "reasoning_effort": "none"}),
        ("gpt-5.4-mini", {"temperature": 0.2, "top_p": 0.9}),
    ],
)
def test_a_model_that_does_not_reason_now_takes_what_it_else_refuses(
    api: Client, model: str, fields: dict[str, Any]
) -> None:
    assert api.chat("Hello", model=model, **fields).ok


@pytest.fixture(scope="module")
def compatible(redis_server: EmbeddedRedis) -> Iterator[tuple[Service, Control]]:
    """The service in front of a server that is like ChatGPT but takes more."""
    with (
        SimulatedChatGPT(api_key=CANARY, profile="compatible") as llama,
        Service(
            redis_server.url, llama.url, PROXY_UPSTREAM_PROFILE="compatible", **QUICK_STOP
        ) as running,
    ):
        yield running, Control(llama.url)


def test_a_compatible_server_gets_every_parameter_as_it_came(
    compatible: tuple[Service, Control], new_key: NewKey
) -> None:
    service, llama = compatible
    given = {"top_k": 5, "max_tokens": 50, "temperature": 0.2, "stop": "END"}
    assert service.client(new_key()).chat("Hello", **given).ok
    body = llama.requests()[-1].body
    assert body.keys() == {"model", "messages", *given}
    assert {name: body[name] for name in given} == given


# Tools and formats


def asked_for_tools(api: Client) -> dict[str, Any]:
    reply: dict[str, Any] = api.chat("What is the weather?", tools=[WEATHER]).json()
    return reply


def test_a_tool_call_comes_beside_the_reply(api: Client) -> None:
    reply = asked_for_tools(api)
    assert (reply["reply"], reply["finish_reason"]) == ("", "tool_calls")
    assert reply["tool_calls"][0]["function"]["name"] == "weather"


def test_the_next_turn_carries_the_results(api: Client, chatgpt: Control) -> None:
    asked = asked_for_tools(api)
    call = asked["tool_calls"][0]
    results = [{"tool_call_id": call["id"], "content": "Rain"}]
    reply = api.post(
        "/chat", json={"session_id": asked["session_id"], "tool_results": results}
    ).json()
    assert reply["reply"] == "weather answered: Rain"
    assert messages(chatgpt)[1:] == [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "Rain"},
    ]


def test_a_message_may_follow_the_results(api: Client, chatgpt: Control) -> None:
    asked = asked_for_tools(api)
    results = [{"tool_call_id": asked["tool_calls"][0]["id"], "content": "Rain"}]
    assert api.chat("And now?", session_id=asked["session_id"], tool_results=results).ok
    assert [message["role"] for message in messages(chatgpt)[2:]] == ["tool", "user"]


@pytest.mark.parametrize("ids", [[], ["call_of_another"], ["", ""]])
def test_a_tool_call_must_be_answered_by_its_own_results(api: Client, ids: list[str]) -> None:
    asked = asked_for_tools(api)
    mine = asked["tool_calls"][0]["id"]
    results = [{"tool_call_id": given or mine, "content": "Rain"} for given in ids]
    answer = api.chat("And?", session_id=asked["session_id"], tool_results=results)
    error = refused(answer, 400, "invalid_request", "tool_results")
    assert mine in error["message"]


def test_results_that_nobody_asked_for_are_refused(api: Client) -> None:
    results = [{"tool_call_id": "call_1", "content": "Rain"}]
    refused(api.chat("Hi", tool_results=results), 400, "invalid_request", "tool_results")


def test_an_answer_can_be_asked_for_as_json_of_a_schema(api: Client, chatgpt: Control) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "number", "schema": schema}}
    assert '"n":' in api.chat("A number", response_format=wanted).json()["reply"]
    assert chatgpt.requests()[0].body["response_format"] == wanted


def test_the_choice_of_tools_is_forwarded(api: Client, chatgpt: Control) -> None:
    reply = api.chat("Hello", tools=[WEATHER], tool_choice="required").json()
    assert reply["tool_calls"]
    assert chatgpt.requests()[0].body["tool_choice"] == "required"


# Models, usage and context


def test_the_model_of_the_first_message_is_the_session_s(api: Client, chatgpt: Control) -> None:
    session = api.chat("One", model="gpt-5.5").json()["session_id"]
    api.chat("Two", session_id=session, model="gpt-4o-mini")
    api.chat("Three", session_id=session)
    models = [sent.body["model"] for sent in chatgpt.requests()]
    assert models == ["gpt-5.5", "gpt-4o-mini", "gpt-5.5"]


def test_a_model_without_a_known_price_costs_null_not_zero(api: Client) -> None:
    assert api.chat("Hello", model="o4-mini").json()["cost_usd"] is None


def test_cached_and_reasoning_tokens_are_told_and_priced(api: Client, chatgpt: Control) -> None:
    details = {
        "prompt_tokens_details": {"cached_tokens": 600},
        "completion_tokens_details": {"reasoning_tokens": 150},
    }
    reported = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
    chatgpt.queue(usage=reported | details)
    reply = api.chat("Hello").json()
    assert reply["usage"] == reported | details
    assert reply["cost_usd"] == pytest.approx((400 * 0.1 + 600 * 0.01 + 200 * 0.5) / 1e6)


def test_a_usage_that_is_not_reported_is_estimated_and_said_to_be(
    api: Client, chatgpt: Control
) -> None:
    chatgpt.queue(usage=None)
    usage = api.chat("Hello").json()["usage"]
    assert usage["estimated"] is True
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


def test_an_answer_that_was_cut_says_so(api: Client) -> None:
    reply = api.chat("word " * 20, max_tokens=3).json()
    assert (reply["finish_reason"], len(reply["reply"])) == ("length", 12)


def test_a_refusal_is_the_reply(api: Client, chatgpt: Control) -> None:
    message = '{"role": "assistant", "content": null, "refusal": "I will not."}'
    choice = f'{{"index": 0, "finish_reason": "stop", "message": {message}}}'
    chatgpt.queue(body=f'{{"model": "m", "choices": [{choice}]}}')
    reply = api.chat("Hello").json()
    assert reply["reply"] == "I will not."
    assert api.chat("Please", session_id=reply["session_id"]).ok


def test_a_session_goes_on_after_an_empty_answer(api: Client, chatgpt: Control) -> None:
    chatgpt.queue(text="", finish_reason="length")
    reply = api.chat("Hello").json()
    assert reply["reply"] == ""
    assert api.chat("Go on", session_id=reply["session_id"]).json()["context"]["turns_sent"] == 1


def test_the_context_counts_the_turns_that_were_sent(api: Client) -> None:
    session = api.chat("One").json()["session_id"]
    contexts = [api.chat("More", session_id=session).json()["context"] for _ in range(3)]
    assert [context["turns_sent"] for context in contexts] == [1, 2, 3]
    assert {context["turns_left_out"] for context in contexts} == {0}


@pytest.fixture(scope="module")
def short_memory(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """The service with room for few words."""
    with Service(
        redis_server.url, simulator.url, PROXY_CONTEXT_MAX_TOKENS="60", **QUICK_STOP
    ) as running:
        yield running


def test_the_oldest_turns_are_left_out_and_the_instructions_never(
    short_memory: Service, new_key: NewKey, chatgpt: Control
) -> None:
    api = short_memory.client(new_key())
    session = api.chat("One", system="Be kind.").json()["session_id"]
    replies = [api.chat(f"More {n}", session_id=session).json() for n in range(5)]
    context = replies[-1]["context"]
    assert context["turns_sent"] + context["turns_left_out"] == 5
    assert context["turns_left_out"] > 0
    assert messages(chatgpt)[0] == {"role": "system", "content": "Be kind."}
    assert len(messages(chatgpt)) == 2 + 2 * context["turns_sent"]


def test_a_message_that_never_fits_is_refused_before_chatgpt_is_asked(
    short_memory: Service, new_key: NewKey, chatgpt: Control
) -> None:
    answer = short_memory.client(new_key()).chat("word " * 100)
    refused(answer, 400, "context_length_exceeded", "message")
    assert chatgpt.requests() == []


def test_a_tool_result_whose_call_does_not_fit_any_more_is_refused(
    short_memory: Service, new_key: NewKey, chatgpt: Control
) -> None:
    api = short_memory.client(new_key())
    asked = asked_for_tools(api)
    results = [{"tool_call_id": asked["tool_calls"][0]["id"], "content": "Rain " * 40}]
    body = {"session_id": asked["session_id"], "tool_results": results}
    refused(api.post("/chat", json=body), 400, "context_length_exceeded", "message")
    assert chatgpt.stats()["requests"] == 1
