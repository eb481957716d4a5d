"""`ask`: one question, and the reply alone on standard output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Person
    from tests.support.simulator import Control


def test_the_reply_and_nothing_else_is_printed(ada: Person) -> None:
    done = ada.run("ask", "Hello there")
    assert (done.returncode, done.stdout, done.stderr) == (0, 'You said: "Hello there"\n', "")


def test_words_need_no_quotes(ada: Person) -> None:
    assert ada.run("ask", "Hello", "there").stdout == 'You said: "Hello there"\n'


def test_the_question_comes_from_a_pipe(ada: Person, chatgpt: Control) -> None:
    done = ada.run("ask", typed="Zwölf\nBoxkämpfer\n")
    assert done.returncode == 0
    assert chatgpt.requests()[-1].body["messages"][-1]["content"] == "Zwölf\nBoxkämpfer"


def test_text_is_the_instruction_for_what_is_piped(ada: Person, chatgpt: Control) -> None:
    ada.run("ask", "Sum up:", typed="Long.\n")
    assert chatgpt.requests()[-1].body["messages"][-1]["content"] == "Sum up:\n\nLong."


def test_input_that_is_not_utf_8_is_refused(ada: Person) -> None:
    done = ada.run("ask", typed=b"\xff")
    assert (done.returncode, done.stderr) == (1, "Error: standard input is not UTF-8 text\n")


def test_a_session_is_gone_on_with(ada: Person) -> None:
    first = json.loads(ada.run("ask", "My name is Ada.", "--json").stdout)
    again = ada.run("ask", "What is my name?", "--session", first["session_id"])
    assert again.stdout == "Your name is Ada.\n"


def test_json_is_the_service_s_reply(ada: Person) -> None:
    reply = json.loads(ada.run("ask", "Hello", "--json").stdout)
    assert reply["reply"] == 'You said: "Hello"'
    assert {"session_id", "turn_id", "usage", "context"} <= reply.keys()


def test_options_reach_chatgpt(ada: Person, chatgpt: Control) -> None:
    given = ["--model", "gpt-4o-mini", "--temperature", "0.2", "--top-p", "0.5"]
    given += ["--max-tokens", "9", "--stop", '["END"]', "--system", "Be kind."]
    assert ada.run("ask", "Hello", *given).returncode == 0
    body = chatgpt.requests()[-1].body
    assert body["messages"][0]["content"] == "Be kind."
    assert (body["model"], body["temperature"], body["top_p"]) == ("gpt-4o-mini", 0.2, 0.5)
    assert (body["max_completion_tokens"], body["stop"]) == (9, ["END"])


def test_a_persona_is_the_session_s(ada: Person) -> None:
    done = ada.run("ask", "What are your instructions?", "--persona", "editor")
    assert "You are an editor" in done.stdout


def test_a_refusal_is_one_line_with_its_code_and_request(ada: Person) -> None:
    done = ada.run("ask", "Hello", "--top-k", "3")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: 'top_k'")
    assert "[invalid_request, request " in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_wrong_key_is_told(ada: Person) -> None:
    done = ada.run("ask", "Hello", "--key", "sk-proxy-no-such")
    assert done.returncode == 1
    assert "invalid_api_key" in done.stderr


def test_a_terminal_is_told_the_session_and_what_was_cut(ada: Person, chatgpt: Control) -> None:
    chatgpt.queue(text="One two", finish_reason="length")
    with ada.sit_down("ask", "Count.") as terminal:
        assert terminal.expect("The answer is cut").startswith("One two\r\n")
        terminal.expect("To go on: --session s_")
        assert terminal.status() == 0


def test_a_reply_cannot_steer_the_terminal(ada: Person, chatgpt: Control) -> None:
    chatgpt.queue(text="\x1b]0;owned\x07done")
    with ada.sit_down("ask", "Hello") as terminal:
        terminal.expect("]0;owneddone")
