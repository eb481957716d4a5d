"""`python -m proxy keys`: client keys are made, listed, shown, changed, rotated and revoked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from proxy.cli.answers import as_json, moment
from proxy.cli.operating import (
    DEFAULT,
    LIMIT_COLUMNS,
    Duration,
    OrDefault,
    json_option,
    limit_cells,
    limit_options,
    operating,
    tell,
    wanted,
)
from proxy.operators.keys import Keys
from proxy.operators.records import key_shown

if TYPE_CHECKING:
    from proxy.store.client_keys import ClientKey

_COLUMNS = ["ID", "NAME", "STATE", *LIMIT_COLUMNS, "TEAM", "CREATED"]

_expires = click.option(
    "--expires",
    type=OrDefault(Duration(), "never"),
    help="How long it is good for from now, such as 30d [never].",
)
_models = click.option("--models", help="The models it may use, with commas between [all].")


@click.group()
def keys() -> None:
    """Make, list, show, change, rotate and revoke client keys; needs REDIS_URL."""


@keys.command()
@click.argument("name")
@limit_options
@_models
@_expires
@click.option("--team", help="Whose limits hold for it too.")
@click.option("--json", "json_wanted", is_flag=True, help="Print an object with id and key.")
def create(*, json_wanted: bool, **options: Any) -> None:
    """Make a key. Its secret is printed once, on standard output, and is nowhere kept."""
    with operating() as store:
        key, token = Keys(store, "cli").create(_fields(options))
    _tell_secret(key, token, json_wanted=json_wanted)


@keys.command("list")
@json_option
def list_(*, json_wanted: bool) -> None:
    """List all keys, oldest first; without a terminal their cells are separated by tabs."""
    with operating() as store:
        found = Keys(store, "cli").all()
    if json_wanted:
        click.echo(as_json([_shown(key) for key in found]))
        return
    from proxy.cli.screen import open_screen  # noqa: PLC0415 - rich is slow to import

    open_screen().table(_COLUMNS, [_cells(key) for key in found])


@keys.command()
@click.argument("key_id", metavar="ID")
@json_option
def show(key_id: str, *, json_wanted: bool) -> None:
    """Show a key; its secret is not known here."""
    with operating() as store:
        shown = _shown(Keys(store, "cli").find(key_id))
    click.echo(as_json(shown)) if json_wanted else tell(shown)


@keys.command("set")
@click.argument("key_id", metavar="ID")
@click.option("--name", help="What it is called.")
@limit_options
@_models
@_expires
@click.option("--team", help="Whose limits hold for it too.")
@click.option("--no-team", is_flag=True, help="It belongs to no team.")
@json_option
def set_(key_id: str, *, no_team: bool, json_wanted: bool, **options: Any) -> None:
    """Change what is given, and leave the rest; 'default' brings a limit back to the service's."""
    if no_team and options["team"]:
        raise click.UsageError("--team and --no-team do not go together.")
    fields = _fields(options) | ({"team": None} if no_team else {})
    if not fields:
        raise click.UsageError("Nothing to change: name what to set.")
    with operating() as store:
        shown = _shown(Keys(store, "cli").change(key_id, fields))
    click.echo(as_json(shown)) if json_wanted else tell(shown)


@keys.command()
@click.argument("key_id", metavar="ID")
@click.option(
    "--overlap", type=Duration(), default="0s", help="How long the former secret stays good [0s]."
)
@click.option("--json", "json_wanted", is_flag=True, help="Print an object with id and key.")
def rotate(key_id: str, overlap: int, *, json_wanted: bool) -> None:
    """Give a key a new secret; its id, sessions and limits stay."""
    with operating() as store:
        key, token = Keys(store, "cli").rotate(key_id, overlap)
    _tell_secret(key, token, json_wanted=json_wanted)


@keys.command()
@click.argument("key_id", metavar="ID")
def revoke(key_id: str) -> None:
    """End a key: within five seconds every worker refuses it."""
    with operating() as store:
        key = Keys(store, "cli").revoke(key_id)
    told = f"({key.name}) is revoked" if key else "was damaged: its record is removed"
    click.echo(f"The key {key_id} {told}.", err=True)


def _fields(options: dict[str, Any]) -> dict[str, Any]:
    """The fields of a key that the options ask for."""
    fields = wanted(options)
    if "models" in fields:
        named = (model.strip() for model in fields["models"].split(","))
        fields["models"] = tuple(filter(None, named))
    if fields.get("expires") is not None:
        fields["expires"] += int(time.time())
    if "expires" in fields:
        fields["expires_at"] = fields.pop("expires")
    return fields


def _tell_secret(key: ClientKey, token: str, *, json_wanted: bool) -> None:
    if json_wanted:
        click.echo(as_json({"id": key.id, "name": key.name, "key": token}))
        return
    click.echo(f"The key of {key.name}, id {key.id}; it is shown this once:", err=True)
    click.echo(token)


def _shown(key: ClientKey) -> dict[str, Any]:
    return {"id": key.id, "state": key.state(time.time())} | key_shown(key)


def _cells(key: ClientKey) -> tuple[str, ...]:
    limits = limit_cells(key_shown(key), unset=DEFAULT)
    state, created = key.state(time.time()), moment(key.created_at)
    return (key.id, key.name, state, *limits, key.team or "-", created)
