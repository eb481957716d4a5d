"""`python -m proxy sessions`: list, show, export and delete conversations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.cli.answers import as_json, moment, question_text, reply_text
from proxy.cli.listing import COLUMNS, cells, summary
from proxy.cli.options import with_client
from proxy.cli.screen import Screen, open_screen

if TYPE_CHECKING:
    from proxy.cli.client import Json, ProxyClient


@click.group()
def sessions() -> None:
    """List, show, export and delete your conversations."""


@sessions.command("list")
@click.option("--query", metavar="TEXT", help="Those that hold this text.")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="The newest so many."
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
@with_client
def list_(client: ProxyClient, query: str | None, limit: int, *, json_wanted: bool) -> None:
    """List the newest sessions; without a terminal their cells are separated by tabs."""
    found = client.sessions(limit, query)
    if json_wanted:
        click.echo(as_json(found))
    else:
        open_screen().table(COLUMNS, [cells(session) for session in found["data"]])


@sessions.command()
@click.argument("session_id", metavar="ID")
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
@with_client
def show(client: ProxyClient, session_id: str, *, json_wanted: bool) -> None:
    """Show a session and its newest turns."""
    session = client.session(session_id)
    if json_wanted:
        click.echo(as_json(session))
    else:
        _show(session, open_screen())


@sessions.command()
@click.argument("session_id", metavar="ID")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "markdown"]),
    default="markdown",
    show_default=True,
    help="What to write.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file in place of standard output.",
)
@with_client
def export(client: ProxyClient, session_id: str, form: str, output: Path | None) -> None:
    """Write a whole session, all its turns."""
    text = client.export(session_id, form)
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(output), error.strerror) from error


@sessions.command()
@click.argument("session_ids", metavar="ID...", nargs=-1, required=True)
@with_client
def delete(client: ProxyClient, session_ids: tuple[str, ...]) -> None:
    """Delete sessions with all their turns."""
    for session_id in session_ids:
        client.delete_session(session_id)


def _show(session: Json, screen: Screen) -> None:
    screen.heading(summary(session))
    for name in ("model", "persona", "system"):
        if session[name]:
            screen.say(f"{name}: {session[name]}")
    screen.say(f"kept until: {moment(session['expires_at'])}")
    turns = session["turns"]
    if len(turns) < session["turn_count"]:
        screen.note(f"The newest {len(turns)} of {session['turn_count']} turns; export has all.")
    for turn in turns:
        screen.say("")
        screen.heading(question_text(turn))
        screen.markdown(reply_text(turn))
