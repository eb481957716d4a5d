"""`ask` and `chat` show words as they come, stop at Ctrl-C, and outlive a lost connection."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import person
from tests.cli.cut_link import CutLink
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Person
    from tests.conftest import NewKey
    from tests.support.service import Service
    from tests.support.simulator import Control

TALE = "Once upon a time there was a proxy"
THEN_SILENT: dict[str, Any] = {"text": TALE, "fault": "silence"}
"""With `after` 5 the words "Once upon a time" come and no more; with 1 none do."""


def stored_turns(person: Person, session_id: str) -> list[tuple[str, str]]:
    """The answers in a session, each with how it ended."""
    shown = json.loads(person.run("sessions", "show", session_id, "--json").stdout)
    return [(turn["reply"], turn["finish_reason"]) for turn in shown["turns"]]


def session_in(told: str) -> str:
    found = re.search(r"--session (s_\S{22})", told)
    assert found, told
    return found[1]


def newest_session(person: Person) -> str:
    return person.run("sessions", "list", "--limit", "1").stdout.split("\t")[0]


def test_words_come_before_the_end_and_ctrl_c_stops_the_answer(
    ada: Person, chatgpt: Control
) -> None:
    chatgpt.queue(**THEN_SILENT, after=5)
    with ada.start("ask", "Tell.") as asking:
        asking.close_input()
        asking.expect("Once upon a time")
        asking.interrupt()
        assert asking.status() == 130
        assert asking.written == b"Once upon a time\n"
        told = asking.errors()
    assert told.startswith("Stopped; to go on: --session s_")
    assert stored_turns(ada, session_in(told)) == [("Once upon a time", "cancelled")]


def test_what_is_stopped_before_its_first_word_leaves_nothing(
    ada: Person, chatgpt: Control
) -> None:
    chatgpt.queue(**THEN_SILENT, after=1)
    with ada.start("ask", "Tell.") as asking:
        asking.close_input()
        wait_until(chatgpt.requests, "ChatGPT to be asked")
        asking.interrupt()
        assert (asking.status(), asking.written) == (130, b"")
        assert asking.errors() == "Stopped; nothing of it is kept.\n"
    assert newest_session(ada) == ""


def test_a_reader_that_goes_away_stops_the_answer(ada: Person, chatgpt: Control) -> None:
    chatgpt.queue(text="More. ", fault="endless_stream", chunks_per_s=50)
    with ada.start("ask", "Tell.") as asking:
        asking.close_input()
        asking.expect("More")
        asking.go_away()
        assert asking.status() == 1
    wait_until(lambda: chatgpt.stats()["aborted_streams"], "ChatGPT to be left alone")


@pytest.mark.parametrize("options", [(), ("--no-stream",)])
def test_the_bytes_are_the_same_streamed_or_not(
    ada: Person, chatgpt: Control, options: tuple[str, ...]
) -> None:
    chatgpt.queue(text="Zwölf 🙂\n\n\tBoxkämpfer\n", chunk_size=1)
    done = ada.run("ask", "Tell.", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Zwölf 🙂\n\n\tBoxkämpfer\n\n"


def test_json_and_no_stream_do_not_stream(ada: Person, chatgpt: Control) -> None:
    for options in ((), ("--json",), ("--no-stream",)):
        ada.run("ask", "Hello", *options)
    assert [sent.streamed for sent in chatgpt.requests()] == [True, False, False]


def test_calls_of_tools_are_shown_when_they_are_whole(ada: Person, chatgpt: Control) -> None:
    chatgpt.queue(tool_calls=[{"name": "weather", "arguments": {"in": "Ulm"}}])
    assert ada.run("ask", "Weather?").stdout == 'weather({"in":"Ulm"})\n'


def test_an_answer_that_breaks_off_is_shown_with_its_error(ada: Person, chatgpt: Control) -> None:
    chatgpt.queue(text=TALE, fault="cut_stream", after=3)
    done = ada.run("ask", "Tell.")
    assert (done.returncode, done.stdout) == (1, "Once upo\n")
    assert re.fullmatch(r"Error: .+ \[upstream_error, request \S+\]\n", done.stderr)


def test_a_chat_goes_on_behind_an_answer_that_broke_off(ada: Person, chatgpt: Control) -> None:
    chatgpt.queue(text=TALE, fault="cut_stream", after=3)
    done = ada.chat("Tell.", "How many messages?")
    assert done.stdout.startswith("Once upo\nI was sent 3 messages: 2 user, 1 assistant.\n")
    assert done.stderr.startswith("Error: ")


def test_a_chat_in_pipes_writes_words_before_the_end(ada: Person, chatgpt: Control) -> None:
    chatgpt.queue(**THEN_SILENT, after=5)
    with ada.start("chat") as chatting:
        chatting.type("Tell.\n")
        chatting.expect("Once upon a time")
        chatting.interrupt()
        assert chatting.status() == 1
    assert stored_turns(ada, newest_session(ada)) == [("Once upon a time", "cancelled")]


def test_ctrl_c_in_a_chat_keeps_what_was_written_and_the_chat_goes_on(
    ada: Person, chatgpt: Control
) -> None:
    chatgpt.queue(**THEN_SILENT, after=5)
    with ada.sit_down("chat") as terminal:
        terminal.expect("you> ")
        terminal.type("Tell.\r")
        terminal.expect("Once upon a time")
        terminal.type("\x03")
        terminal.expect("Stopped; what was written is kept.")
        terminal.expect("you> ")
        terminal.type("How many messages?\r")
        terminal.expect("I was sent 3 messages: 2 user, 1 assistant.")
    assert stored_turns(ada, newest_session(ada))[0] == ("Once upon a time", "cancelled")


def test_ctrl_c_before_the_first_word_frees_the_session_at_once(
    ada: Person, chatgpt: Control
) -> None:
    chatgpt.queue(text="Hello.")
    chatgpt.queue(**THEN_SILENT, after=1)
    with ada.sit_down("chat") as terminal:
        terminal.expect("you> ")
        terminal.type("My name is Ada.\r")
        terminal.expect("tokens")
        terminal.expect("you> ")
        terminal.type("Tell.\r")
        wait_until(lambda: len(chatgpt.requests()) == 2, "ChatGPT to be asked")
        terminal.type("\x03")
        terminal.expect("Stopped; nothing of it is kept.")
        terminal.expect("you> ")
        terminal.type("What is my name?\r")
        assert "Trying again" not in terminal.expect("Your name is Ada.")


def test_ctrl_c_in_regen_keeps_the_earlier_answer(ada: Person, chatgpt: Control) -> None:
    chatgpt.queue(text="Hello.")
    chatgpt.queue(**THEN_SILENT, after=5)
    with ada.sit_down("chat") as terminal:
        terminal.expect("you> ")
        terminal.type("Tell.\r")
        terminal.expect("tokens")
        terminal.expect("you> ")
        terminal.type("/regen\r")
        terminal.expect("Once upon a time")
        terminal.type("\x03")
        terminal.expect("Stopped; nothing of it is kept.")
    assert stored_turns(ada, newest_session(ada)) == [("Hello.", "stop")]


@pytest.fixture
def link(request: pytest.FixtureRequest, service: Service) -> Iterator[CutLink]:
    """A link to the service that breaks before the parameter."""
    with CutLink(service, request.param) as cut_link:
        yield cut_link


@pytest.fixture
def ben(tmp_path: Path, link: CutLink, chatgpt: Control, new_key: NewKey) -> Person:
    """Somebody with a bad connection."""
    return person(tmp_path, link, new_key())


EVERYWHERE = [b"HTTP/1.1 200", b"id: 1\n", b'"session_id"', b"id: 2\n", b"time", b"event: done"]
"""Before anything comes, between events, and within one."""


@pytest.mark.parametrize("link", EVERYWHERE, indirect=True, ids=bytes.decode)
def test_a_lost_connection_costs_no_word_and_repeats_none(
    ben: Person, link: CutLink, chatgpt: Control
) -> None:
    chatgpt.queue(text=TALE)
    done = ben.run("ask", "Tell.")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{TALE}\n", "")
    assert link.cut
    assert len(chatgpt.requests()) == 1


@pytest.mark.parametrize("link", [b"time"], indirect=True)
def test_an_answer_goes_on_while_its_reader_is_cut_off(
    ben: Person, link: CutLink, chatgpt: Control
) -> None:
    chatgpt.queue(text=TALE, chunks_per_s=20)
    assert ben.run("ask", "Tell.").stdout == f"{TALE}\n"
    assert link.cut


@pytest.mark.parametrize("link", [b"time"], indirect=True)
def test_a_chat_takes_a_lost_connection_up_again(
    ben: Person, link: CutLink, chatgpt: Control
) -> None:
    chatgpt.queue(text="Hello.")
    chatgpt.queue(text=TALE)
    with ben.sit_down("chat") as terminal:
        terminal.expect("you> ")
        terminal.type("Hello\r")
        terminal.expect("tokens")
        terminal.expect("you> ")
        terminal.type("/regen\r")
        terminal.expect(TALE)
        terminal.expect("tokens")
        terminal.expect("you> ")
    assert link.cut
    assert stored_turns(ben, newest_session(ben)) == [(TALE, "stop")]
