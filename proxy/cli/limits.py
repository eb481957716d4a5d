"""`python -m proxy limits`: what limits a key, and what its next request would meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from proxy.cli.answers import as_json
from proxy.cli.operating import json_option, operating
from proxy.cli.refusals import in_seconds
from proxy.domain.catalog import Catalog
from proxy.learning import Learning
from proxy.limiter import Limiter
from proxy.operators.keys import Keys
from proxy.operators.limits import TOKENS, Limits, explanation_shown
from proxy.operators.teams import Teams
from proxy.settings import LARGEST_LIMIT, load_for_store

if TYPE_CHECKING:
    from proxy.store.connection import Store

_COLUMNS = ["SCOPE", "WHOSE", "RESOURCE", "RATE", "AT ONCE", "MODE", "LEFT", "FULL IN"]


@click.group()
def limits() -> None:
    """Explain what limits a key; needs REDIS_URL and the service's settings."""


@limits.command()
@click.argument("key_id", metavar="KEY_ID")
@click.option("--model", help="Which model the next request asks [the service's default].")
@click.option(
    "--tokens",
    type=click.IntRange(1, LARGEST_LIMIT),
    default=TOKENS,
    show_default=True,
    help="How many tokens it needs; they are priced as a prompt's.",
)
@json_option
def explain(key_id: str, model: str | None, tokens: int, *, json_wanted: bool) -> None:
    """Every limit of a key with its balance, and whether the next request passes."""
    with operating() as store:
        explained = explanation_shown(_limits(store).explain(key_id, model, tokens))
    if json_wanted:
        click.echo(as_json(explained))
        return
    from proxy.cli.screen import open_screen  # noqa: PLC0415 - rich is slow to import

    screen, outlook = open_screen(), explained["next"]
    screen.aside(f"A request of {tokens} tokens to {explained['model']}:")
    screen.table(_COLUMNS, [_cells(limit) for limit in explained["limits"]])
    screen.note(outlook["message"])


def _limits(store: Store) -> Limits:
    settings = load_for_store()
    catalog = Catalog(settings.models)
    limiter = Limiter(store, settings, Learning(store, settings, catalog))
    return Limits(settings, limiter, catalog, Keys(store, "cli"), Teams(store, "cli"))


def _cells(limit: dict[str, Any]) -> tuple[str, ...]:
    money = "$" if limit["resource"] == "usd" else ""
    period = f"/{limit['period']}" if limit["period"] else ""
    numbers = [f"{money}{limit[name]:.12g}" for name in ("rate", "burst", "remaining")]
    return (
        limit["scope"],
        limit["id"],
        limit["resource"],
        numbers[0] + period,
        numbers[1],
        limit["mode"],
        numbers[2],
        in_seconds(limit["full_in_s"]),
    )
