"""The examples run as they are, against the real service."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.examples.running import EXAMPLES, run

if TYPE_CHECKING:
    import subprocess

    from tests.conftest import NewKey, StartService
    from tests.support.service import Service
    from tests.support.simulator import Control


def chat(service: Service, key: str, *lines: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, str(EXAMPLES / "chat_with_gpt.py")]
    return run(program, service.url, key, "".join(line + "\n" for line in lines))


def test_the_chatbot_remembers_until_bye(
    service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    done = chat(service, new_key(), "My name is Ada.", "What is my name?", "bye", "Hello?")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        'you> gpt> You said: "My name is Ada."\nyou> gpt> Your name is Ada.\nyou> Goodbye.\n'
    )


def test_the_chatbot_shows_an_error_and_goes_on(
    service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    chatgpt.queue(status=400, error={"message": "No such thing.", "code": "odd"})
    done = chat(service, new_key(), "Hello", "Hello", "bye")
    assert "Error: No such thing." in done.stdout
    assert 'gpt> You said: "Hello"' in done.stdout


def test_the_chatbot_obeys_waits(service: Service, chatgpt: Control, new_key: NewKey) -> None:
    done = chat(service, new_key(rpm=120, burst=1), "One", "Two", "bye")
    assert "(The service asks for 1 s.)\ngpt> " in done.stdout
    assert 'gpt> You said: "Two"' in done.stdout


def test_curl_asks_goes_on_sets_a_parameter_sends_a_file_and_fails(
    service: Service, chatgpt: Control, new_key: NewKey
) -> None:
    done = run(["sh", str(EXAMPLES / "curl.sh")], service.url, new_key())
    assert done.returncode == 0
    assert 'You said: "How long is it?"\n' in done.stdout
    assert "Notwithstanding the aforesaid, it rained." in done.stdout
    assert done.stdout.endswith("curl ended with status 22\n")
    question, by_header, by_query, parameter, file = (sent.body for sent in chatgpt.requests())
    assert [len(body["messages"]) for body in (question, by_header, by_query)] == [1, 3, 5]
    assert (parameter["model"], parameter["temperature"]) == ("gpt-5.4-mini", 0.2)
    assert file["messages"][0]["content"].startswith("Make this plain:\n\n")


def test_curl_needs_no_key_where_none_is_asked(
    chatgpt: Control, start_service: StartService
) -> None:
    open_to_all = start_service(PROXY_AUTH="open")
    done = run(["sh", str(EXAMPLES / "curl.sh")], open_to_all.url, "")
    assert done.returncode == 0
    assert done.stdout.count("You said:") == 5
