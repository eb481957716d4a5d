"""`python -m proxy chat`: a conversation, a line a message, until `bye`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.cli.conversation import Conversation
from proxy.cli.listing import summary
from proxy.cli.options import conversation_options, with_client
from proxy.cli.reading import Reader, open_reader
from proxy.cli.screen import Screen, open_screen
from proxy.cli.slash import COMPLETIONS, SlashCommands
from proxy.cli.streams import Stopped

if TYPE_CHECKING:
    from proxy.cli.client import ProxyClient

FAREWELLS = {"bye", "exit", "quit"}


@click.command()
@conversation_options
@click.option(
    "--state-home",
    envvar="XDG_STATE_HOME",
    default="~/.local/state",
    type=click.Path(path_type=Path),
    hidden=True,
)
@with_client
def chat(
    client: ProxyClient,
    session_id: str | None,
    model: str | None,
    system: str | None,
    persona: str | None,
    state_home: Path,
) -> None:
    """Talk with ChatGPT.

    Each line is a message, until bye, exit, quit or Ctrl-D; /help lists what else there is.
    With standard input from a file or a pipe the exit status is 1 when one of them failed.
    """
    screen = open_screen()
    reader = open_reader(COMPLETIONS, state_home)
    conversation = Conversation(client, screen, None, system, persona, model)
    _greet(conversation, session_id)
    loop = Loop(conversation, screen, reader)
    loop.run()
    _take_leave(conversation)
    if loop.failed and not reader.interactive:
        raise SystemExit(1)


@dataclass(slots=True)
class Loop:
    """Reads lines and has each answered; an error is shown and the next line read.

    Attributes:
        failed: whether a line could not be answered.
    """

    conversation: Conversation
    screen: Screen
    reader: Reader
    failed: bool = False

    def run(self) -> None:
        """Go on until a farewell or the end of the lines."""
        commands = SlashCommands(self.conversation, self.screen)
        while (line := self._read()) is not None and not _is_farewell(line):
            try:
                self._answer(line, commands)
            except click.ClickException as error:
                self.failed = True
                self.screen.error(error.format_message())
            except Stopped as stopped:
                self._interrupted(str(stopped))
            except KeyboardInterrupt:
                self._interrupted("Dropped; an answer already under way is kept in its session.")

    def _answer(self, line: str, commands: SlashCommands) -> None:
        if line.startswith("/"):
            commands.run(line)
        elif line.strip():
            commands.remark(self.conversation.send(line))

    def _read(self) -> str | None:
        while True:
            try:
                return self.reader.read()
            except KeyboardInterrupt:
                self._interrupted("bye or Ctrl-D ends the chat.")

    def _interrupted(self, text: str) -> None:
        """Ctrl-C drops what is under way; but a script's program ends with it."""
        if not self.reader.interactive:
            raise click.Abort
        self.screen.note(text)


def _is_farewell(line: str) -> bool:
    return line.strip().removeprefix("/").lower() in FAREWELLS


def _greet(conversation: Conversation, session_id: str | None) -> None:
    """Open the session, or see at least that the service is there and takes the key."""
    screen = conversation.screen
    if session_id is None:
        conversation.client.sessions(1)
    else:
        screen.aside(summary(conversation.resume(session_id)))
    screen.aside(f"chat-proxy at {conversation.client.url}; /help lists commands, bye ends it.")


def _take_leave(conversation: Conversation) -> None:
    conversation.screen.say("Goodbye.")
    if conversation.session_id is not None:
        conversation.screen.say(f"To go on later: chat --session {conversation.session_id}")
