"""The commands inside a chat: a line that begins with a slash."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.cli.answers import counted, figures, question_text, remarks, reply_text
from proxy.cli.listing import COLUMNS, cells, summary
from proxy.cli.parameters import PARAMETERS, known_parameter, parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proxy.cli.client import Json
    from proxy.cli.conversation import Conversation
    from proxy.cli.screen import Screen

LISTED = 20
"""How many sessions /sessions shows."""

SUFFIXES = {"json": ".json", "markdown": ".md"}


@dataclass(frozen=True, slots=True)
class Command:
    """A command's arguments and a sentence, for /help, and what it does with its arguments."""

    usage: str
    help: str
    run: Callable[[SlashCommands, str], None]


class SlashCommands:
    """Runs the commands on one conversation."""

    def __init__(self, conversation: Conversation, screen: Screen) -> None:
        self._talk = conversation
        self._screen = screen
        self._listed: list[str] = []

    def run(self, line: str) -> None:
        """Run a line such as `/set temperature 0.2`.

        Raises:
            click.ClickException: no such command, wrong arguments, or the service refused.
        """
        name, _, argument = line[1:].partition(" ")
        command = COMMANDS.get(name.strip().lower())
        if command is None:
            raise click.UsageError(
                f"No command /{name}: /help lists them; a space before it makes it a message."
            )
        command.run(self, argument.strip())

    def remark(self, reply: Json) -> None:
        """Say below an answer what is to be said of it."""
        for remark in remarks(reply):
            self._screen.note(remark)
        self._screen.aside(figures(reply))

    def new(self, _argument: str) -> None:
        """Leave the session and begin another with the next message."""
        self._talk.begin_anew()
        self._screen.say("The next message begins a new session.")

    def sessions(self, query: str) -> None:
        """List the newest sessions, numbered for /switch."""
        found = self._talk.client.sessions(LISTED, query or None)["data"]
        self._listed = [session["id"] for session in found]
        if not found:
            self._screen.say("No sessions.")
            return
        rows = [(str(number), *cells(session)) for number, session in enumerate(found, 1)]
        self._screen.table(["#", *COLUMNS], rows)

    def switch(self, target: str) -> None:
        """Go on with another session, by its id or its number in the last list."""
        if not target:
            raise click.UsageError("/switch needs a session's id, or its number in /sessions.")
        session = self._talk.switch(self._listed_id(target) if target.isdecimal() else target)
        self._screen.say(summary(session))
        for turn in session["turns"][-1:]:
            self._screen.aside(question_text(turn))
            self._screen.markdown(reply_text(turn))

    def system(self, text: str) -> None:
        """Show the session's instructions, set them, or clear them with a dash."""
        if text:
            self._talk.instruct(None if text == "-" else text)
            self._screen.say(
                "Instructions cleared." if text == "-" else "These instructions hold now."
            )
        else:
            self._screen.say("\n".join(self._instructions()) or "No instructions.")

    def model(self, name: str) -> None:
        """Show the model of the next turns, choose it, or leave it to the session with a dash."""
        if name:
            self._talk.model = None if name == "-" else name
        chosen = self._talk.model or self._open_session().get("model")
        self._screen.say(f"Model: {chosen or 'the default of the service'}.")

    def set(self, argument: str) -> None:
        """Show the parameters, set one, or leave one to the service again."""
        name, *value = re.split(r"[\s=]+", argument, maxsplit=1)
        settings = self._talk.parameters
        if name and any(value):
            known, settled = parameter(name, *value)
            settings[known] = settled
        elif name:
            settings.pop(known_parameter(name), None)
        shown = [f"{known} = {json.dumps(settled)}" for known, settled in settings.items()]
        self._screen.say("\n".join(shown) or f"None set; there are {', '.join(PARAMETERS)}.")

    def regen(self, _argument: str) -> None:
        """Have the last message answered anew."""
        self.remark(self._talk.regenerate())

    def undo(self, _argument: str) -> None:
        """Take the last turn back."""
        left = self._talk.client.undo(self._talk.begun())["turn_count"]
        self._screen.say(f"The last turn is taken back; {counted(left, 'turn')} left.")

    def export(self, argument: str) -> None:
        """Write the session to a file; a file that exists is kept, but for the default one."""
        session_id = self._talk.begun()
        form, file = _export_target(argument)
        text = self._talk.client.export(session_id, form)
        target = file or Path(session_id + SUFFIXES[form])
        try:
            with target.expanduser().open("x" if file else "w", encoding="utf-8") as output:
                output.write(text)
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise click.ClickException(f"{target} is not written: {reason}") from error
        self._screen.say(f"Written to {target}.")

    def help(self, _argument: str) -> None:
        """List the commands."""
        for name, command in COMMANDS.items():
            self._screen.say(f"{f'/{name} {command.usage}':34}{command.help}")
        self._screen.say(f"{'bye, exit, quit':34}end; Ctrl-D does too")
        self._screen.aside(
            "Alt-Enter begins a new line; Ctrl-C drops what you typed, or stops an answer."
        )

    def _open_session(self) -> Json:
        """The session as the service has it; empty when nothing was said yet."""
        session_id = self._talk.session_id
        return self._talk.client.session(session_id) if session_id is not None else {}

    def _instructions(self) -> Iterator[str]:
        held = self._open_session() or {"persona": self._talk.persona, "system": self._talk.system}
        if held["persona"]:
            yield f"Persona: {held['persona']}"
        if held["system"]:
            yield held["system"]

    def _listed_id(self, number: str) -> str:
        if not 1 <= int(number) <= len(self._listed):
            raise click.UsageError(f"No session {number} in the list: /sessions shows it.")
        return self._listed[int(number) - 1]


def _export_target(argument: str) -> tuple[str, Path | None]:
    """The format and the file, if one is named; a file's suffix tells the format too."""
    try:
        words = shlex.split(argument)
    except ValueError as error:
        raise click.UsageError(f"/export: {error}") from error
    form = words.pop(0).lower() if words and words[0].lower() in SUFFIXES else None
    if len(words) > 1:
        raise click.UsageError("/export takes [json|markdown] [FILE]; quote a name with spaces.")
    file = Path(words[0]) if words else None
    return form or ("json" if file and file.suffix == ".json" else "markdown"), file


COMMANDS = {
    "new": Command("", "begin a new session", SlashCommands.new),
    "sessions": Command("[WORDS]", "list the newest sessions", SlashCommands.sessions),
    "switch": Command("ID-or-number", "go on with another session", SlashCommands.switch),
    "system": Command("[TEXT]", "show or set the instructions; - clears", SlashCommands.system),
    "model": Command("[NAME]", "show or choose the model; - resets", SlashCommands.model),
    "set": Command("[PARAMETER [VALUE]]", "show, set or unset parameters", SlashCommands.set),
    "regen": Command("", "have the last message answered anew", SlashCommands.regen),
    "undo": Command("", "take the last turn back", SlashCommands.undo),
    "export": Command(
        "[json|markdown] [FILE]", "write the session to a file", SlashCommands.export
    ),
    "help": Command("", "list the commands", SlashCommands.help),
}

COMPLETIONS = [
    *(f"/{name} " if command.usage else f"/{name}" for name, command in COMMANDS.items()),
    *(f"/set {name} " for name in PARAMETERS),
    *(f"/export {form} " for form in SUFFIXES),
]
"""What the prompt completes with Tab."""
