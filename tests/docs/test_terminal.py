"""docs/terminal.md against the commands and their options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from proxy.cli import slash
from proxy.cli.main import COMMANDS, main
from tests.docs import pages

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "docs/terminal.md"


def test_every_command_has_its_heading_and_its_row() -> None:
    assert [pages.code(row[0])[0] for row in pages.rows(PAGE, "Command")] == list(COMMANDS)
    assert set(COMMANDS) <= set(pages.headings(PAGE))


def test_every_subcommand_and_option_is_named() -> None:
    told = pages.text(PAGE)
    context = click.Context(main)
    names = {name for command in COMMANDS for name in _names(main.get_command(context, command))}
    assert [name for name in sorted(names) if name not in told] == []


def _names(command: click.Command | None) -> Iterator[str]:
    assert command is not None
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield max(parameter.opts, key=len)
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield f"{command.name} {name}"
            yield from _names(inner)


def test_every_line_of_a_chat_has_its_row() -> None:
    told = [pages.code(row[0])[0].split()[0] for row in pages.rows(PAGE, "Line")]
    assert told == [f"/{name}" for name in slash.COMMANDS]
