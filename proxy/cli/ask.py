"""`python -m proxy ask`: one question, one answer on standard output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from proxy.cli.answers import as_json, printable, remarks, reply_text
from proxy.cli.growing import PlainAnswer
from proxy.cli.options import conversation_options, with_client
from proxy.cli.parameters import parameter_options
from proxy.cli.streams import Stopped

if TYPE_CHECKING:
    from proxy.cli.client import Json, ProxyClient
    from proxy.cli.streams import TurnStream

INTERRUPTED = 130
"""The exit status of what Ctrl-C ended, as shells have it."""


@click.command()
@click.argument("words", metavar="[TEXT]", nargs=-1)
@conversation_options
@parameter_options
@click.option("--json", "json_wanted", is_flag=True, help="Print the service's JSON reply.")
@click.option("--no-stream", is_flag=True, help="Print the reply when it is whole.")
@with_client
def ask(
    client: ProxyClient,
    /,
    words: tuple[str, ...],
    *,
    json_wanted: bool,
    no_stream: bool,
    **options: Any,
) -> None:
    """Ask one question.

    The question is TEXT, or standard input, or TEXT about standard input. Prints the reply and
    nothing else on standard output, word for word as it is written; at a terminal the session's
    id is told on standard error. Ctrl-C stops the answer, and the exit status is 130.
    """
    given = {"message": _message(words), **options}
    payload = {name: value for name, value in given.items() if value is not None}
    try:
        if json_wanted:
            reply = client.chat(payload)
            click.echo(as_json(reply))
        elif no_stream:
            reply = client.chat(payload)
            _print_whole(reply)
        else:
            reply = _print_growing(client, client.stream_chat(payload))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    if sys.stderr.isatty():
        _tell(reply)


def _print_whole(reply: Json) -> None:
    with _open_answer() as answer:
        answer.add(reply_text(reply))


def _print_growing(client: ProxyClient, turn: TurnStream) -> Json:
    try:
        with _open_answer() as answer:
            return turn.write_to(answer)
    except Stopped:
        kept = client.holds(turn.session_id, turn.turn_id)
        told = f"to go on: --session {turn.session_id}" if kept else "nothing of it is kept."
        click.echo(f"Stopped; {told}", err=True)
        raise
    except BrokenPipeError:
        turn.cancel()
        raise


def _open_answer() -> PlainAnswer:
    return PlainAnswer(printable) if sys.stdout.isatty() else PlainAnswer()


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
