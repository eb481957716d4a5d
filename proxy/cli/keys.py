"""`python -m proxy keys`: client keys are made, listed, shown, rotated and revoked, in Redis."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from proxy.cli.answers import as_json, moment
from proxy.errors import StoreUnavailable
from proxy.settings import LARGEST_LIMIT, load_for_store
from proxy.store import client_keys
from proxy.store.client_keys import ClientKey
from proxy.store.connection import Store
from proxy.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_COLUMNS = ["ID", "NAME", "STATE", "RPM", "TPM", "CREATED"]


class Duration(click.ParamType[int]):
    """A time such as 90s, 30m, 1h or 30d, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The seconds of a duration."""
        match = re.fullmatch(r"(\d{1,9})([smhd])", str(value))
        if match is None:
            self.fail(f"{value!r} is no time such as 90s, 30m, 1h or 30d", param, ctx)
        return int(match[1]) * _UNITS[match[2]]


_LIMIT = click.IntRange(0, LARGEST_LIMIT)


@click.group()
def keys() -> None:
    """Make, list, show, rotate and revoke client keys; needs REDIS_URL."""


@keys.command()
@click.argument("name")
@click.option("--rpm", type=_LIMIT, help="Requests a minute; 0 for no limit.")
@click.option("--tpm", type=_LIMIT, help="Tokens a minute; 0 for no limit.")
@click.option("--burst", type=_LIMIT, help="Requests that may come at once [a minute's worth].")
@click.option("--models", default="", help="The models it may use, with commas between [all].")
@click.option("--expires", type=Duration(), help="How long it is good for, such as 30d [for ever].")
@click.option("--json", "json_wanted", is_flag=True, help="Print an object with id and key.")
def create(
    name: str,
    rpm: int | None,
    tpm: int | None,
    burst: int | None,
    models: str,
    expires: int | None,
    *,
    json_wanted: bool,
) -> None:
    """Make a key. Its secret is printed once, on standard output, and is nowhere kept."""
    now, secret = int(time.time()), client_keys.new_secret()
    key = ClientKey(
        id=client_keys.new_id(),
        name=_one_line(name),
        hash=client_keys.hashed(secret),
        created_at=now,
        rpm=rpm,
        tpm=tpm,
        burst=burst,
        models=tuple(filter(None, (model.strip() for model in models.split(",")))),
        expires_at=0 if expires is None else now + expires,
    )
    with _store() as store:
        store.run_all(*client_keys.create(key))
    _tell_secret(key, secret, json_wanted=json_wanted)


@keys.command("list")
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
def list_(*, json_wanted: bool) -> None:
    """List all keys, oldest first; without a terminal their cells are separated by tabs."""
    with _store() as store:
        ids = store.run(client_keys.ids())
        found = store.run_all(*map(client_keys.find, ids)) if ids else []
    records = [key for key in found if key is not None]
    if json_wanted:
        click.echo(as_json([_shown(key) for key in records]))
        return
    from proxy.cli.screen import open_screen  # noqa: PLC0415 - rich is slow to import

    open_screen().table(_COLUMNS, [_cells(key) for key in records])


@keys.command()
@click.argument("key_id", metavar="ID")
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
def show(key_id: str, *, json_wanted: bool) -> None:
    """Show a key; its secret is not known here."""
    with _store() as store:
        shown = _shown(_found(store, key_id))
    if json_wanted:
        click.echo(as_json(shown))
        return
    for name, value in shown.items():
        click.echo(f"{name:14}{'-' if value is None or value == [] else value}")


@keys.command()
@click.argument("key_id", metavar="ID")
@click.option(
    "--overlap", type=Duration(), default="0s", help="How long the former secret stays good [0s]."
)
@click.option("--json", "json_wanted", is_flag=True, help="Print an object with id and key.")
def rotate(key_id: str, overlap: int, *, json_wanted: bool) -> None:
    """Give a key a new secret; its id, sessions and limits stay."""
    secret = client_keys.new_secret()
    with _store() as store:
        key = _found(store, key_id)
        if key.state(time.time()) != "active":
            raise click.ClickException(f"the key {key_id} is {key.state(time.time())}.")
        store.run(client_keys.rotate(key, secret, int(time.time()) + overlap))
    _tell_secret(key, secret, json_wanted=json_wanted)


@keys.command()
@click.argument("key_id", metavar="ID")
def revoke(key_id: str) -> None:
    """End a key: within five seconds every worker refuses it."""
    with _store() as store:
        key = _found(store, key_id)
        if not key.revoked_at:
            store.run(client_keys.revoke(key_id, int(time.time())))
    click.echo(f"The key {key_id} ({key.name}) is revoked.", err=True)


@contextmanager
def _store() -> Iterator[Store]:
    logs.silence()
    store = Store(load_for_store())
    try:
        yield store
    except StoreUnavailable:
        raise click.ClickException(
            "Redis cannot be reached: is it up, and REDIS_URL right?"
        ) from None
    finally:
        store.close()


def _found(store: Store, key_id: str) -> ClientKey:
    key = store.run(client_keys.find(key_id)) if key_id.isalnum() else None
    if key is None:
        raise click.ClickException(f"there is no key {key_id!r}: 'keys list' has them all.")
    return key


def _one_line(name: str) -> str:
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise click.UsageError("NAME should be one line of at most 100 characters.")
    return name.strip()


def _tell_secret(key: ClientKey, secret: str, *, json_wanted: bool) -> None:
    token = client_keys.token(key.id, secret)
    if json_wanted:
        click.echo(as_json({"id": key.id, "name": key.name, "key": token}))
        return
    click.echo(f"The key of {key.name}, id {key.id}; it is shown this once:", err=True)
    click.echo(token)


def _shown(key: ClientKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "state": key.state(time.time()),
        "rpm": key.rpm,
        "tpm": key.tpm,
        "burst": key.burst,
        "models": list(key.models),
        "created_at": key.created_at,
        "expires_at": key.expires_at or None,
        "revoked_at": key.revoked_at or None,
    }


def _cells(key: ClientKey) -> tuple[str, ...]:
    limits = ["default" if limit is None else str(limit or "none") for limit in (key.rpm, key.tpm)]
    return (key.id, key.name, key.state(time.time()), *limits, moment(key.created_at))
