"""`chat` at a terminal: the prompt, what is shown around the answers, Ctrl-C and Ctrl-D."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from tests.cli.conftest import person

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Person
    from tests.conftest import NewKey
    from tests.support.service import Service
    from tests.support.simulator import Control


def test_an_answer_is_rendered_with_its_figures(ada: Person, chatgpt: Control) -> None:
    chatgpt.queue(text="**bold** and\n\n* item")
    with ada.sit_down("chat") as terminal:
        terminal.expect("/help lists commands, bye ends it.")
        terminal.expect("you> ")
        terminal.type("Hello\r")
        terminal.expect("bold and")
        terminal.expect(" • item")
        terminal.expect(" tokens · ")
        assert "\x1b[1mbold" in terminal.shown


def test_no_color_is_obeyed(ada: Person, chatgpt: Control) -> None:
    ada.environment["NO_COLOR"] = "1"
    with ada.sit_down("chat", "--session", "s_nobody") as terminal:
        terminal.expect("session_not_found")
        assert "\x1b[31m" not in terminal.shown


def test_ctrl_d_ends_it_with_the_session_to_resume(ada: Person) -> None:
    with ada.sit_down("chat") as terminal:
        terminal.expect("you> ")
        terminal.type("Hello\r")
        terminal.expect("tokens")
        terminal.expect("you> ")
        terminal.type("\x04")
        terminal.expect("Goodbye.")
        terminal.expect("To go on later: chat --session s_")
        assert terminal.status() == 0


def test_ctrl_c_drops_what_was_typed(ada: Person, chatgpt: Control) -> None:
    with ada.sit_down("chat") as terminal:
        terminal.expect("you> ")
        terminal.type("Never sent")
        terminal.expect("Never sent")
        terminal.type("\x03")
        terminal.expect("bye or Ctrl-D ends the chat.")
        terminal.expect("you> ")
        terminal.type("bye\r")
        assert terminal.status() == 0
    assert chatgpt.requests() == []


def test_a_wait_is_counted_down_and_ctrl_c_drops_it(
    tmp_path: Path, service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    with person(tmp_path, service, new_key(rpm=2, burst=1)).sit_down("chat") as terminal:
        terminal.expect("you> ")
        terminal.type("One\r")
        terminal.expect("tokens")
        terminal.expect("you> ")
        terminal.type("Two\r")
        terminal.expect("Trying again in 30 s; Ctrl-C drops it.")
        terminal.expect("Trying again in 29 s")
        terminal.type("\x03")
        terminal.expect("Dropped;")


def test_an_error_is_shown_and_the_prompt_comes_back(ada: Person) -> None:
    with ada.sit_down("chat") as terminal:
        terminal.expect("you> ")
        terminal.type("/nothing\r")
        terminal.expect("Error: No command /nothing")
        terminal.expect("you> ")
        terminal.type("quit\r")
        assert terminal.status() == 0


def test_tab_completes_commands_and_parameters(ada: Person) -> None:
    with ada.sit_down("chat") as terminal:
        terminal.expect("you> ")
        terminal.type("/s\t")
        for command in ("/sessions", "/switch", "/system", "/set"):
            terminal.expect(command)
        terminal.type("et\tpres\t1\r")
        terminal.expect("presence_penalty = 1.0")


def test_what_was_typed_is_kept_for_its_owner_alone(ada: Person) -> None:
    for typed in ("/help\r", "\x1b[A\r"):
        with ada.sit_down("chat") as terminal:
            terminal.expect("you> ")
            terminal.type(typed)
            terminal.expect("/export [json|markdown] [FILE]")
            terminal.expect("you> ")
    history = ada.home / "state" / "chat-proxy" / "history"
    assert "+/help\n" in history.read_text()
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_where_no_history_can_be_kept_it_works_all_the_same(ada: Person) -> None:
    (ada.home / "state").write_text("a file")
    with ada.sit_down("chat") as terminal:
        terminal.expect("you> ")
        terminal.type("Hello\r")
        terminal.expect('You said: "Hello"')


def test_alt_enter_begins_a_new_line(ada: Person, chatgpt: Control) -> None:
    with ada.sit_down("chat") as terminal:
        terminal.expect("you> ")
        terminal.type("One\x1b\rtwo\r")
        terminal.expect("tokens")
    assert chatgpt.requests()[-1].body["messages"][-1]["content"] == "One\ntwo"


def test_a_resumed_session_is_named(ada: Person) -> None:
    ada.chat("About rivers")
    with ada.sit_down("chat") as terminal:
        terminal.expect("you> ")
        terminal.type("/sessions\r")
        terminal.expect("#  ID")
        terminal.expect("About rivers")
        terminal.expect("you> ")
        terminal.type("/switch 1\r")
        terminal.expect("About rivers · s_")
        terminal.expect("you> About rivers")
        terminal.expect('You said: "About rivers"')
