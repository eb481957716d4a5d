"""`python -m proxy ask`: one question, one answer on standard output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from proxy.cli.answers import as_json, printable, remarks, reply_text
from proxy.cli.options import conversation_options, with_client
from proxy.cli.parameters import parameter_options

if TYPE_CHECKING:
    from proxy.cli.client import Json, ProxyClient


@click.command()
@click.argument("words", metavar="[TEXT]", nargs=-1)
@conversation_options
@parameter_options
@click.option("--json", "json_wanted", is_flag=True, help="Print the service's JSON reply.")
@with_client
def ask(
    client: ProxyClient,
    /,
    words: tuple[str, ...],
    *,
    json_wanted: bool,
    **options: Any,
) -> None:
    """Ask one question.

    The question is TEXT, or standard input, or TEXT about standard input. Prints the reply and
    nothing else on standard output; at a terminal the session's id is told on standard error.
    """
    payload = {"message": _message(words), **options}
    reply = client.chat({name: value for name, value in payload.items() if value is not None})
    if json_wanted:
        click.echo(as_json(reply))
    else:
        text = reply_text(reply)
        click.echo(printable(text) if sys.stdout.isatty() else text)
    if sys.stderr.isatty():
        _tell(reply)


def _message(words: tuple[str, ...]) -> str:
    """The instruction, a blank line and the input, as far as they are there."""
    message = "\n\n".join(part for part in (" ".join(words), _piped()) if part.strip())
    if not message:
        raise click.UsageError("Nothing to ask: give TEXT, or pipe it to standard input.")
    return message


def _piped() -> str:
    if not sys.stdin or sys.stdin.isatty():
        return ""
    try:
        return sys.stdin.buffer.read().decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise click.ClickException("standard input is not UTF-8 text") from error


def _tell(reply: Json) -> None:
    for remark in remarks(reply):
        click.secho(remark, err=True, fg="yellow")
    click.secho(f"To go on: --session {reply['session_id']}", err=True, dim=True)
