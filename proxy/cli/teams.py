"""`python -m proxy teams`: teams are made, listed, shown, changed and deleted, in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from proxy.cli.answers import as_json, moment
from proxy.cli.operating import (
    LIMIT_COLUMNS,
    json_option,
    limit_cells,
    limit_options,
    operating,
    tell,
    wanted,
)
from proxy.operators.records import team_shown
from proxy.operators.teams import Teams

if TYPE_CHECKING:
    from proxy.store.teams import Team

_COLUMNS = ["TEAM", "WEIGHT", *LIMIT_COLUMNS, "CREATED"]
_weight = click.option(
    "--weight",
    type=click.IntRange(1, 1000),
    help="Its due when all wait, compared to other teams [1].",
)


@click.group()
def teams() -> None:
    """Make, list, show, change and delete teams; needs REDIS_URL."""


@teams.command()
@click.argument("name")
@limit_options
@_weight
@json_option
def create(name: str, *, json_wanted: bool, **options: Any) -> None:
    """Make a team; a limit that is left out is none."""
    with operating() as store:
        team = Teams(store, "cli").create(name, wanted(options))
    _tell(team, json_wanted=json_wanted)


@teams.command("list")
@json_option
def list_(*, json_wanted: bool) -> None:
    """List all teams, oldest first; without a terminal their cells are separated by tabs."""
    with operating() as store:
        found = Teams(store, "cli").all()
    if json_wanted:
        click.echo(as_json([_shown(team) for team in found]))
        return
    from proxy.cli.screen import open_screen  # noqa: PLC0415 - rich is slow to import

    open_screen().table(_COLUMNS, [_cells(team) for team in found])


@teams.command()
@click.argument("name")
@json_option
def show(name: str, *, json_wanted: bool) -> None:
    """Show a team."""
    with operating() as store:
        team = Teams(store, "cli").find(name)
    _tell(team, json_wanted=json_wanted)


@teams.command("set")
@click.argument("name")
@limit_options
@_weight
@json_option
def set_(name: str, *, json_wanted: bool, **options: Any) -> None:
    """Change what is given, and leave the rest; 0 is no limit."""
    fields = wanted(options)
    if not fields:
        raise click.UsageError("Nothing to change: name what to set.")
    with operating() as store:
        team = Teams(store, "cli").change(name, fields)
    _tell(team, json_wanted=json_wanted)


@teams.command()
@click.argument("name")
def delete(name: str) -> None:
    """Delete a team that has no keys any more."""
    with operating() as store:
        Teams(store, "cli").delete(name)
    click.echo(f"The team {name} is deleted.", err=True)


def _tell(team: Team, *, json_wanted: bool) -> None:
    shown = _shown(team)
    click.echo(as_json(shown)) if json_wanted else tell(shown)


def _shown(team: Team) -> dict[str, Any]:
    return {"id": team.id} | team_shown(team)


def _cells(team: Team) -> tuple[str, ...]:
    limits = limit_cells(team_shown(team), unset="none")
    return (team.id, str(team.weight), *limits, moment(team.created_at))
