"""`chat` in pipes: each line a message or a command, until `bye`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import person

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Person
    from tests.conftest import NewKey, StartService
    from tests.support.service import Service
    from tests.support.simulator import Control


def session_in(shown: str) -> str:
    found = re.search(r"chat --session (s_\S{22})\n", shown)
    assert found
    return found[1]


def test_it_answers_and_remembers_until_the_end(ada: Person) -> None:
    done = ada.chat("My name is Ada.", "", "What is my name?")
    assert (done.returncode, done.stderr) == (0, "")
    answers = 'You said: "My name is Ada."\nYour name is Ada.\nGoodbye.\n'
    assert done.stdout.startswith(answers)
    assert session_in(done.stdout)


@pytest.mark.parametrize("farewell", ["bye", "EXIT", " Quit ", "/bye"])
def test_a_farewell_ends_it(ada: Person, farewell: str) -> None:
    done = ada.chat(farewell, "Hello")
    assert (done.returncode, done.stdout) == (0, "Goodbye.\n")


def test_a_session_is_resumed(ada: Person) -> None:
    session = session_in(ada.chat("My name is Ada.").stdout)
    again = ada.chat("What is my name?", options=("--session", session))
    assert again.stdout.startswith("Your name is Ada.\n")
    assert session_in(again.stdout) == session


def test_an_unknown_session_ends_it_at_once(ada: Person) -> None:
    done = ada.chat("Hello", options=("--session", "s_nobody"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "session_not_found" in done.stderr


def test_a_wrong_key_ends_it_at_once(ada: Person) -> None:
    done = ada.chat("Hello", options=("--key", "sk-proxy-no-such"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "invalid_api_key" in done.stderr


def test_input_that_is_not_utf_8_is_refused(ada: Person) -> None:
    done = ada.run("chat", typed=b"\xff\n")
    assert (done.returncode, done.stderr) == (1, "Error: standard input is not UTF-8 text\n")


def test_after_an_error_it_goes_on_and_tells_at_the_end(ada: Person, chatgpt: Control) -> None:
    chatgpt.queue(status=400, error={"message": "No such thing.", "code": "odd"})
    done = ada.chat("Hello", "Hello again")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: No such thing. [odd, request ")
    assert done.stdout.startswith('You said: "Hello again"\n')


def test_a_short_wait_is_waited(
    tmp_path: Path, service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    hurried = person(tmp_path, service, new_key(rpm=120, burst=1))
    done = hurried.chat("One", "Two")
    assert done.returncode == 0
    assert re.search(r"Trying again in 0\.\d s\.\n", done.stderr)
    assert 'You said: "One"\nYou said: "Two"\n' in done.stdout


def test_a_long_wait_is_told_and_not_waited(
    tmp_path: Path, service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    chatgpt.queue(usage={"prompt_tokens": 8, "completion_tokens": 400, "total_tokens": 408})
    done = person(tmp_path, service, new_key(tpm=100)).chat("One", "/new", "Two")
    assert done.returncode == 1
    assert re.search(
        r"\[rate_limit_exceeded, retry after [12]\d\d(\.\d)? s, request \S+]\n", done.stderr
    )


def test_what_no_longer_fits_is_told(
    tmp_path: Path, chatgpt: Control, new_key: NewKey, start_service: StartService
) -> None:
    forgetful = person(tmp_path, start_service(PROXY_CONTEXT_MAX_TOKENS="100"), new_key())
    done = forgetful.chat("One " * 30, "Two " * 30)
    assert done.stderr == "The model's context is full: 1 earlier turn left out.\n"


def test_options_hold_for_the_session_and_each_turn(ada: Person, chatgpt: Control) -> None:
    options = ("--model", "gpt-4o-mini", "--system", "Be kind.", "--persona", "editor")
    ada.chat("/set temperature 0.2", "One", "/set stop END", "Two", "/set stop", options=options)
    first, second = (request.body for request in chatgpt.requests())
    assert first["messages"][0]["content"].endswith("Be kind.")
    assert second["messages"][0] == first["messages"][0]
    assert (second["model"], second["temperature"], second["stop"]) == ("gpt-4o-mini", 0.2, "END")
    assert "stop" not in first


def test_parameters_are_shown_set_and_unset(ada: Person) -> None:
    done = ada.chat(
        "/set", "/set top-p=0.5", "/set seed 7", "/set top_p", "/set stop a=b", "/set x 1"
    )
    lines = done.stdout.splitlines()
    assert lines[0].startswith("None set; there are temperature, ")
    assert lines[1:5] == ["top_p = 0.5", "top_p = 0.5", "seed = 7", "seed = 7"]
    assert lines[6] == 'stop = "a=b"'
    assert done.stderr.startswith("Error: No parameter 'x'")


def test_the_model_is_shown_chosen_and_left_to_the_session(ada: Person, chatgpt: Control) -> None:
    done = ada.chat("/model", "/model gpt-4o-mini", "One", "/model -", "Two")
    assert done.stdout.startswith("Model: the default of the service.\nModel: gpt-4o-mini.\n")
    assert 'Model: gpt-4o-mini.\nYou said: "Two"\n' in done.stdout
    assert [request.body["model"] for request in chatgpt.requests()] == ["gpt-4o-mini"] * 2


def test_instructions_are_shown_set_and_cleared(ada: Person) -> None:
    ask = "What are your instructions?"
    done = ada.chat("/system", "/system Be kind.", ask, "/system Be brief.", ask, "/system -", ask)
    assert done.stdout.splitlines()[:7] == [
        "No instructions.",
        "These instructions hold now.",
        "My instructions were: Be kind.",
        "These instructions hold now.",
        "My instructions were: Be brief.",
        "Instructions cleared.",
        "I was given no instructions.",
    ]


def test_a_persona_is_shown_with_the_instructions(ada: Person) -> None:
    options = ("--persona", "editor", "--system", "Be kind.")
    done = ada.chat("/system", "Hello", "/system", options=options)
    assert done.stdout.count("Persona: editor\nBe kind.\n") == 2


def test_a_new_session_has_the_same_instructions_and_no_memory(ada: Person) -> None:
    done = ada.chat(
        "/system Be kind.",
        "My name is Ada.",
        "/new",
        "What is my name?",
        "What are your instructions?",
    )
    assert "You have not told me your name.\nMy instructions were: Be kind.\n" in done.stdout


def test_sessions_are_listed_and_switched_by_number_and_id(ada: Person) -> None:
    session = session_in(ada.chat("My name is Ada.").stdout)
    ask = "What is my name?"
    done = ada.chat("/sessions", "/switch 1", ask, "/new", ask, f"/switch {session}", ask)
    assert f"1\t{session}\t" in done.stdout
    assert f"My name is Ada. · {session} · 1 turn" in done.stdout
    assert f"My name is Ada. · {session} · 2 turns" in done.stdout
    assert [line for line in done.stdout.splitlines() if "name is Ada." in line][-1] == (
        "Your name is Ada."
    )


def test_sessions_are_searched(ada: Person) -> None:
    ada.chat("About rivers", "/new", "About hills")
    done = ada.chat("/sessions river", "/sessions lake")
    assert "About rivers\nNo sessions.\n" in done.stdout


def test_a_turn_is_regenerated_and_undone(ada: Person, chatgpt: Control) -> None:
    chatgpt.queue(text="First.")
    chatgpt.queue(text="Second.")
    done = ada.chat("Hello", "/regen", "/undo", "How many messages?")
    assert done.stdout.splitlines()[:4] == [
        "First.",
        "Second.",
        "The last turn is taken back; 0 turns left.",
        "I was sent 1 message: 1 user.",
    ]


def test_an_export_goes_to_a_file(ada: Person) -> None:
    done = ada.chat("Hello", "/export", "/export 'my chat.json'", "/export markdown out.txt")
    session = session_in(done.stdout)
    assert f"Written to {session}.md.\nWritten to my chat.json.\n" in done.stdout
    assert (ada.home / f"{session}.md").read_text().startswith("# Hello\n")
    assert json.loads((ada.home / "my chat.json").read_text())["id"] == session
    assert (ada.home / "out.txt").read_text().startswith("# Hello\n")


def test_an_export_keeps_the_file_that_is_there(ada: Person) -> None:
    (ada.home / "kept.md").write_text("mine")
    done = ada.chat("Hello", "/export kept.md")
    assert "Error: kept.md is not written: File exists\n" in done.stderr
    assert (ada.home / "kept.md").read_text() == "mine"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/nothing", "No command /nothing: /help lists them"),
        ("/regen", "This conversation has not begun: say something first."),
        ("/undo", "This conversation has not begun"),
        ("/export", "This conversation has not begun"),
        ("/switch", "/switch needs a session's id"),
        ("/switch 7", "No session 7 in the list: /sessions shows it."),
        ("/switch s_nobody", "No session 's_nobody' here"),
    ],
)
def test_a_command_that_cannot_be_run_says_why(ada: Person, line: str, message: str) -> None:
    done = ada.chat(line)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {message}")


@pytest.mark.parametrize("argument", ["json one two", "'open"])
def test_an_export_s_arguments_are_checked(ada: Person, argument: str) -> None:
    assert "Error: /export" in ada.chat("Hello", f"/export {argument}").stderr


def test_a_space_makes_a_command_a_message(ada: Person) -> None:
    assert ada.chat(" /etc is what?").stdout.startswith('You said: " /etc is what?"\n')


def test_help_lists_the_commands(ada: Person) -> None:
    shown = ada.chat("/help").stdout
    names = "new sessions switch system model set regen undo export help"
    assert [line.split()[0] for line in shown.splitlines()[:10]] == [f"/{n}" for n in names.split()]
