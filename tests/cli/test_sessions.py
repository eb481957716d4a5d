"""`sessions`: list, show, export and delete, for people and for scripts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Person


def begin(person: Person, message: str) -> str:
    reply = json.loads(person.run("ask", message, "--json").stdout)
    return str(reply["session_id"])


def test_a_script_reads_cells_between_tabs_the_newest_first(ada: Person) -> None:
    older, newer = begin(ada, "About rivers"), begin(ada, "About hills")
    rows = [line.split("\t") for line in ada.run("sessions", "list").stdout.splitlines()]
    assert [(row[0], *row[2:]) for row in rows] == [
        (newer, "1", "About hills"),
        (older, "1", "About rivers"),
    ]


def test_a_list_can_be_searched_and_bounded(ada: Person) -> None:
    river, _, hill = (begin(ada, f"About {what}") for what in ("a river", "a river too", "hills"))
    assert ada.run("sessions", "list", "--limit", "1").stdout.startswith(hill)
    found = ada.run("sessions", "list", "--query", "river", "--json")
    assert [session["title"] for session in json.loads(found.stdout)["data"]] == [
        "About a river too",
        "About a river",
    ]
    assert river in found.stdout


def test_no_sessions_are_no_lines(ada: Person) -> None:
    done = ada.run("sessions", "list")
    assert (done.returncode, done.stdout) == (0, "")


def test_a_terminal_shows_a_table(ada: Person) -> None:
    session = begin(ada, "About rivers")
    with ada.sit_down("sessions", "list") as terminal:
        terminal.expect("ID")
        terminal.expect("TITLE")
        terminal.expect(session)
        terminal.expect("About rivers")


def test_a_session_is_shown_with_its_turns(ada: Person) -> None:
    session = begin(ada, "About rivers")
    shown = ada.run("sessions", "show", session).stdout
    assert f"About rivers · {session} · 1 turn" in shown
    assert 'you> About rivers\nYou said: "About rivers"\n' in shown


def test_a_session_is_shown_as_json(ada: Person) -> None:
    session = begin(ada, "About rivers")
    shown = json.loads(ada.run("sessions", "show", session, "--json").stdout)
    assert (shown["id"], shown["turns"][0]["message"]) == (session, "About rivers")


def test_a_session_is_exported_as_markdown(ada: Person) -> None:
    done = ada.run("sessions", "export", begin(ada, "About rivers"))
    assert done.stdout.startswith("# About rivers\n")


def test_a_session_is_exported_to_a_file(ada: Person) -> None:
    session = begin(ada, "Über Flüsse")
    done = ada.run("sessions", "export", session, "--format", "json", "--output", "out.json")
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads((ada.home / "out.json").read_text("utf-8"))["title"] == "Über Flüsse"


def test_a_file_that_cannot_be_written_is_told(ada: Person) -> None:
    done = ada.run("sessions", "export", begin(ada, "Hello"), "--output", "no/such/file")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "'no/such/file': No such file or directory" in done.stderr


def test_a_deleted_session_is_gone(ada: Person) -> None:
    session = begin(ada, "About rivers")
    assert ada.run("sessions", "delete", session).returncode == 0
    done = ada.run("sessions", "show", session)
    assert done.returncode == 1
    assert "session_not_found" in done.stderr
