"""Sessions: made, read, listed, changed, forked, taken back a turn, exported, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxy.store import keyspace
from proxy.store.connection import Command
from tests.support.keys import issue
from tests.web.refusals import refused

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

WEATHER = {"type": "function", "function": {"name": "weather"}}


def created(api: Client, **settings: Any) -> dict[str, Any]:
    session: dict[str, Any] = api.post("/sessions", json=settings).json()
    return session


def talked(api: Client, *messages: str, **fields: Any) -> str:
    """A session with these messages; its id."""
    session: str | None = None
    for message in messages:
        named = {"session_id": session} if session else {}
        session = api.chat(message, **named, **fields).json()["session_id"]
    assert session
    return session


def read(api: Client, session: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/sessions/{session}").json()
    return found


def said(api: Client, session: str) -> list[str]:
    """What the session's user said."""
    return [turn["message"] for turn in read(api, session)["turns"]]


def sent(chatgpt: Control) -> list[str]:
    """The texts that ChatGPT was sent last."""
    return [message["content"] for message in chatgpt.requests()[-1].body["messages"]]


# Made and read


def test_a_new_session_is_shown_as_it_is(api: Client) -> None:
    answer = api.post("/sessions")
    session = answer.json()
    assert answer.status_code == 201
    assert session == {
        "id": session["id"],
        "session_id": session["id"],
        "object": "session",
        "title": "",
        "ttl": 30 * 86_400,
        "created_at": session["created_at"],
        "updated_at": session["created_at"],
        "expires_at": session["created_at"] + 30 * 86_400,
        "turn_count": 0,
        "system": "",
        "persona": "",
        "model": None,
        "parameters": {},
    }


def test_headers_say_where_a_new_session_is(api: Client) -> None:
    answer = api.post("/sessions")
    assert answer.headers["X-Session-ID"] == answer.json()["id"]
    assert api.get(answer.headers["Location"]).json()["turns"] == []


def test_a_session_s_settings_hold_for_its_turns(api: Client, chatgpt: Control) -> None:
    parameters = {"temperature": 0.2, "max_tokens": 50}
    session = created(
        api, title="T", system="Rhyme.", persona="brief", model="gpt-4o-mini", parameters=parameters
    )
    assert api.chat("Hello", session_id=session["id"]).ok
    body = chatgpt.requests()[0].body
    assert body["messages"][0]["content"].endswith("\n\nRhyme.")
    assert (body["model"], body["temperature"]) == ("gpt-4o-mini", 0.2)
    assert body["max_completion_tokens"] == 50


def test_a_session_is_read_with_its_questions_and_answers(api: Client) -> None:
    reply = api.chat("Hello").json()
    session = read(api, reply.pop("session_id"))
    turn = session["turns"][0]
    assert turn == reply | {"message": "Hello", "created_at": turn["created_at"]}
    assert (session["title"], session["turn_count"]) == ("Hello", 1)


def test_the_newest_turns_are_read_in_their_order(api: Client) -> None:
    session = talked(api, "One", "Two", "Three")
    newest = api.get(f"/sessions/{session}?limit=2").json()
    assert [turn["message"] for turn in newest["turns"]] == ["Two", "Three"]
    assert newest["turn_count"] == 3


def test_a_session_lives_for_its_ttl_after_its_last_change(api: Client) -> None:
    session = created(api, ttl=600)
    assert (session["ttl"], session["expires_at"]) == (600, session["updated_at"] + 600)


# Listed


def listed(api: Client, query: str = "") -> list[str]:
    return [session["title"] for session in api.get(f"/sessions{query}").json()["data"]]


def test_the_last_changed_session_is_listed_first(api: Client) -> None:
    first = talked(api, "One")
    talked(api, "Two")
    api.chat("More", session_id=first)
    assert listed(api) == ["One", "Two"]


def test_pages_hold_every_session_once(api: Client) -> None:
    for number in range(7):
        created(api, title=f"T{number}")
    pages, cursor = [], ""
    while cursor is not None:
        page = api.get(f"/sessions?limit=3&cursor={cursor}").json()
        pages.append([session["title"] for session in page["data"]])
        cursor = page["next_cursor"]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert sorted(title for page in pages for title in page) == [f"T{n}" for n in range(7)]


def test_a_list_shows_what_is_known_without_reading_each_session(api: Client) -> None:
    session = read(api, talked(api, "Hello", "Again"))
    page = api.get("/sessions").json()
    names = ("id", "session_id", "object", "title", "ttl", "created_at", "updated_at", "turn_count")
    assert page["object"] == "list"
    assert page["data"][0] == {name: session[name] for name in (*names, "expires_at")}


def test_nobody_lists_another_s_sessions(api: Client, service: Service, store: Store) -> None:
    talked(api, "Mine")
    assert listed(service.client(issue(store)[1])) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("köln", ["Grüße aus KÖLN"]),
        ("GRÜ", ["Grüße aus KÖLN"]),
        ("strasse", ["Die Straße"]),
        ("STRAßE", ["Die Straße"]),
        ("e", ["Die Straße", "Grüße aus KÖLN"]),
        ("100% [S", ["100% [sic]?.*"]),
        (".*", ["100% [sic]?.*"]),
        ("日本", []),
        ("\0", []),
    ],
)
def test_titles_are_searched_as_people_read_them(api: Client, query: str, found: list[str]) -> None:
    for title in ("Grüße aus KÖLN", "Die Straße", "100% [sic]?.*"):
        created(api, title=title)
    answer = api.get("/sessions", params={"q": query}).json()
    assert sorted(session["title"] for session in answer["data"]) == found


def test_a_search_has_pages_too(api: Client) -> None:
    for number in range(5):
        created(api, title=f"cat {number}")
        created(api, title=f"dog {number}")
    first = api.get("/sessions?q=CAT&limit=3").json()
    rest = api.get(f"/sessions?q=CAT&limit=3&cursor={first['next_cursor']}").json()
    titles = sorted(session["title"] for session in first["data"] + rest["data"])
    assert titles == [f"cat {number}" for number in range(5)]


def test_an_expired_session_is_gone_from_everywhere(
    service: Service, store: Store, chatgpt: Control
) -> None:
    key, token = issue(store)
    api = service.client(token)
    old, kept = talked(api, "Old"), talked(api, "Kept")
    by_expiry = keyspace.session_list(f"key:{key.id}")[1]
    expiry = [Command(("PEXPIRE", name, 0), int) for name in keyspace.session(old)[:2]]
    store.run_all(*expiry, Command(("ZADD", by_expiry, 1, old), int))
    assert listed(api) == ["Kept"]
    refused(api.get(f"/sessions/{old}"), 404, "session_not_found", "session_id")
    refused(api.chat("More", session_id=old), 404, "session_not_found", "session_id")
    assert read(api, kept)["turn_count"] == 1


# Changed


def test_a_change_holds_from_the_next_turn_on(api: Client, chatgpt: Control) -> None:
    session = talked(api, "One", system="Be kind.")
    change = {"system": "Be rude.", "model": "gpt-4o-mini", "parameters": {"temperature": 0.3}}
    changed = api.request("PATCH", f"/sessions/{session}", json=change).json()
    assert {name: changed[name] for name in change} == change
    api.chat("Two", session_id=session)
    body = chatgpt.requests()[-1].body
    told = body["messages"][0]["content"], body["model"], body["temperature"]
    assert told == ("Be rude.", "gpt-4o-mini", 0.3)


def test_what_a_change_leaves_out_stays(api: Client) -> None:
    before = created(api, title="T", system="S", model="gpt-5.5", parameters={"seed": 5})
    after = api.request("PATCH", f"/sessions/{before['id']}", json={"title": "U"}).json()
    times = {name: after[name] for name in ("updated_at", "expires_at")}
    assert after == before | times | {"title": "U"}


def test_null_clears_a_setting(api: Client) -> None:
    settings = {"title": "T", "system": "S", "persona": "brief", "model": "gpt-5.5"}
    session = created(api, **settings, ttl=600, parameters={"seed": 5})
    nulls = dict.fromkeys([*settings, "ttl", "parameters"])
    cleared = api.request("PATCH", f"/sessions/{session['id']}", json=nulls).json()
    assert [cleared[name] for name in settings] == ["", "", "", None]
    assert (cleared["ttl"], cleared["parameters"]) == (30 * 86_400, {})


def test_a_new_title_is_listed_and_found(api: Client) -> None:
    session = talked(api, "Old title")
    api.request("PATCH", f"/sessions/{session}", json={"title": "New title"})
    api.chat("More", session_id=session)
    assert listed(api) == ["New title"]
    assert listed(api, "?q=old") == []


def test_a_title_is_taken_from_the_first_message_alone(api: Client) -> None:
    assert read(api, talked(api, "One\ntwo", "Three"))["title"] == "One two"
    titled = created(api, title="Mine")["id"]
    api.chat("Hello", session_id=titled)
    assert read(api, titled)["title"] == "Mine"


def test_a_turn_keeps_its_session_alive(api: Client) -> None:
    session = created(api, ttl=600)
    api.chat("Hello", session_id=session["id"])
    after = read(api, session["id"])
    assert after["expires_at"] == after["updated_at"] + 600


# Deleted


def test_a_deleted_session_is_gone_from_everywhere(api: Client) -> None:
    session = talked(api, "Hello")
    answer = api.request("DELETE", f"/sessions/{session}")
    assert (answer.status_code, answer.content) == (204, b"")
    again = api.request("DELETE", f"/sessions/{session}")
    for gone in (again, api.get(f"/sessions/{session}"), api.chat("Hi", session_id=session)):
        refused(gone, 404, "session_not_found", "session_id")
    assert listed(api) == []


# Forked


@pytest.mark.parametrize(("turn", "kept"), [(None, 3), (2, 2), (0, 0), ("second", 2)])
def test_a_fork_is_a_copy_up_to_a_turn(api: Client, turn: Any, kept: int) -> None:
    session = talked(api, "One", "Two", "Three")
    turns = read(api, session)["turns"]
    at = turns[1]["turn_id"] if turn == "second" else turn
    fork = api.post(f"/sessions/{session}/fork", json={"turn": at})
    assert fork.status_code == 201
    assert read(api, fork.json()["id"])["turns"] == turns[:kept]


def test_a_fork_has_the_settings_of_its_original(api: Client) -> None:
    settings = {"title": "T", "system": "S", "persona": "brief", "model": "gpt-5.5", "ttl": 600}
    session = created(api, **settings, parameters={"seed": 5})
    fork = api.post(f"/sessions/{session['id']}/fork").json()
    named = (*settings, "parameters")
    assert [fork[name] for name in named] == [session[name] for name in named]
    assert fork["id"] != session["id"]


def test_a_fork_goes_its_own_way(api: Client) -> None:
    session = talked(api, "One")
    fork = api.post(f"/sessions/{session}/fork").json()["id"]
    api.chat("Here", session_id=session)
    api.chat("There", session_id=fork)
    assert (said(api, session), said(api, fork)) == (["One", "Here"], ["One", "There"])


def test_a_fork_is_listed_and_remembers(api: Client, chatgpt: Control) -> None:
    fork = api.post(f"/sessions/{talked(api, 'One', 'Two')}/fork", json={"turn": 1}).json()["id"]
    api.chat("Three", session_id=fork)
    assert sent(chatgpt) == ["One", 'You said: "One"', "Three"]
    assert listed(api) == ["One", "One"]


# Taken back, answered anew


def test_the_newest_turn_is_taken_back(api: Client, chatgpt: Control) -> None:
    session = talked(api, "One", "Two")
    assert api.post(f"/sessions/{session}/undo").json()["turn_count"] == 1
    api.chat("Three", session_id=session)
    assert sent(chatgpt) == ["One", 'You said: "One"', "Three"]


def test_every_turn_can_be_taken_back_but_no_more(api: Client) -> None:
    session = talked(api, "One", "Two")
    undone = [api.post(f"/sessions/{session}/undo") for _ in range(3)]
    assert [answer.status_code for answer in undone] == [200, 200, 400]
    assert api.get("/sessions").json()["data"][0]["turn_count"] == 0


def test_a_turn_is_answered_anew_in_its_place(api: Client, chatgpt: Control) -> None:
    session = talked(api, "One", "Two")
    before = read(api, session)["turns"]
    chatgpt.queue(text="Better.")
    reply = api.post(f"/sessions/{session}/regenerate").json()
    assert (reply["session_id"], reply["reply"]) == (session, "Better.")
    after = read(api, session)["turns"]
    assert [turn["message"] for turn in after] == ["One", "Two"]
    assert (after[0], after[1]["reply"]) == (before[0], "Better.")
    assert reply["turn_id"] == after[1]["turn_id"] != before[1]["turn_id"]


def test_an_answer_that_is_replaced_is_not_sent(api: Client, chatgpt: Control) -> None:
    session = talked(api, "One", "Two")
    reply = api.post(f"/sessions/{session}/regenerate").json()
    assert sent(chatgpt) == ["One", 'You said: "One"', "Two"]
    assert reply["context"] == {"turns_sent": 1, "turns_left_out": 0}


def test_a_turn_is_answered_anew_with_other_options(api: Client, chatgpt: Control) -> None:
    session = talked(api, "One", system="Be kind.")
    options = {"model": "gpt-4o-mini", "temperature": 1.5, "system": "Be rude."}
    assert api.post(f"/sessions/{session}/regenerate", json=options).ok
    body = chatgpt.requests()[-1].body
    assert (body["model"], body["temperature"]) == ("gpt-4o-mini", 1.5)
    assert read(api, session)["system"] == "Be rude."


def test_an_answer_that_fails_replaces_none(api: Client, chatgpt: Control) -> None:
    session = talked(api, "One")
    before = read(api, session)
    chatgpt.queue(status=400)
    assert api.post(f"/sessions/{session}/regenerate").status_code == 400
    assert read(api, session) == before


def test_an_answer_to_tools_is_given_anew(api: Client, chatgpt: Control) -> None:
    asked = api.chat("The weather?", tools=[WEATHER]).json()
    results = [{"tool_call_id": asked["tool_calls"][0]["id"], "content": "Rain"}]
    body = {"session_id": asked["session_id"], "tool_results": results}
    assert api.post("/chat", json=body).ok
    assert api.post(f"/sessions/{asked['session_id']}/regenerate").ok
    roles = [message["role"] for message in chatgpt.requests()[-1].body["messages"]]
    assert roles == ["user", "assistant", "tool"]


def test_a_regeneration_is_text_where_text_is_asked_for(api: Client) -> None:
    path = f"/sessions/{talked(api, 'One')}/regenerate"
    answer = api.post(path, headers={"Accept": "text/plain"})
    assert answer.text == 'You said: "One"\n'
    assert answer.headers["X-Turn-ID"]


# Exported


def test_an_export_is_the_session_with_all_its_turns(api: Client) -> None:
    session = talked(api, "One", "Two")
    answer = api.get(f"/sessions/{session}/export")
    assert answer.json() == read(api, session)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{session}.json"'


def test_an_export_reads_well_as_markdown(api: Client) -> None:
    session = talked(api, "Grüße, *Ada*", "And?", persona="brief", system="Rhyme.\nAlways.")
    answer = api.get(f"/sessions/{session}/export?format=markdown")
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{session}.md"'
    assert answer.text == (
        "# Grüße, *Ada*\n\n"
        "> brief\n> \n> Rhyme.\n> Always.\n\n"
        "## You\n\nGrüße, *Ada*\n\n"
        '## simulated-gpt-6-luna\n\nYou said: "Grüße, *Ada*"\n\n'
        "## You\n\nAnd?\n\n"
        '## simulated-gpt-6-luna\n\nYou said: "And?"\n'
    )


def test_tools_are_exported_too(api: Client) -> None:
    asked = api.chat("The weather?", tools=[WEATHER]).json()
    call = asked["tool_calls"][0]["id"]
    results = [{"tool_call_id": call, "content": "Rain"}]
    api.post("/chat", json={"session_id": asked["session_id"], "tool_results": results})
    text = api.get(f"/sessions/{asked['session_id']}/export?format=markdown").text
    assert "```\nweather({})\n```" in text
    assert f"## Tool result {call}\n\nRain" in text


def test_a_custom_tool_s_call_is_exported_too(api: Client, chatgpt: Control) -> None:
    call = '{"id": "c", "type": "custom", "custom": {"name": "grep", "input": "x"}}'
    message = f'{{"role": "assistant", "content": null, "tool_calls": [{call}]}}'
    choice = f'{{"index": 0, "finish_reason": "tool_calls", "message": {message}}}'
    chatgpt.queue(body=f'{{"model": "m", "choices": [{choice}]}}')
    session = talked(api, "Search")
    assert "grep(x)" in api.get(f"/sessions/{session}/export?format=markdown").text


@pytest.mark.parametrize("verb", ["fork", "regenerate"])
def test_a_body_of_blanks_is_no_json_where_none_is_needed_either(api: Client, verb: str) -> None:
    path = f"/sessions/{api.chat().json()['session_id']}/{verb}"
    assert api.post(path).ok
    refused(api.post(path, data=b" \n"), 400, "invalid_request")
