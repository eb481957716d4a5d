"""The terminal: `python -m proxy COMMAND`."""

from __future__ import annotations

import importlib
import io
import sys
from typing import Any

import click

from proxy import __version__
from proxy.errors import ProxyError

COMMANDS = {
    "serve": "proxy.cli.serve",
    "chat": "proxy.cli.chat",
    "ask": "proxy.cli.ask",
    "sessions": "proxy.cli.sessions",
    "keys": "proxy.cli.keys",
    "teams": "proxy.cli.teams",
    "limits": "proxy.cli.limits",
    "usage": "proxy.cli.usage",
    "doctor": "proxy.cli.doctor",
}
"""A command's name and the module that has it under that name; help lists them in this order."""


class CommandModules(click.Group):
    """A group which imports a command's module when that command is run, and no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what the project raises on purpose becomes one line and status 1."""
        try:
            return super().invoke(ctx)
        except ProxyError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=CommandModules, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="chat-proxy")
def main() -> None:
    """A REST proxy between people and ChatGPT: its server and its terminal."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
