"""What the operator's commands share: their options, the Redis behind them, how cells are told."""

from __future__ import annotations

import math
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from proxy.cli.redis_store import redis_store
from proxy.errors import InvalidRequest
from proxy.settings import LARGEST_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from proxy.store.connection import Store

C = TypeVar("C", bound="Callable[..., Any]")

DEFAULT = "default"
_UNSET = object()
"""What an option gives that brings a field back to its default."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LARGEST_BUDGET_USD = 1_000_000


class Duration(click.ParamType[int]):
    """A time such as 90s, 30m, 1h or 30d, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The seconds of a duration."""
        match = re.fullmatch(r"(\d{1,9})([smhd])", str(value))
        if match is None:
            self.fail(f"{value!r} is no time such as 90s, 30m, 1h or 30d", param, ctx)
        return int(match[1]) * _UNITS[match[2]]


class Money(click.FloatRange):
    """An amount of USD; the range alone would let 'nan' pass."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The amount."""
        amount = super().convert(value, param, ctx)
        if math.isnan(amount):
            self.fail(f"{value!r} is no amount of money", param, ctx)
        return amount


class OrDefault(click.ParamType[Any]):
    """A value of another type, or the word that stands for the default."""

    def __init__(self, of: click.ParamType[Any], word: str = DEFAULT) -> None:
        self.name = of.name
        self._of = of
        self._word = word

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value, or _UNSET."""
        return _UNSET if value == self._word else self._of.convert(value, param, ctx)


_LIMIT = OrDefault(click.IntRange(0, LARGEST_LIMIT))
_LIMIT_OPTIONS = (
    click.option("--rpm", type=_LIMIT, help="Requests a minute; 0 for no limit."),
    click.option("--tpm", type=_LIMIT, help="Tokens a minute; 0 for no limit."),
    click.option("--burst", type=_LIMIT, help="Requests that may come at once [a minute's worth]."),
    click.option("--max-parallel", type=_LIMIT, help="Requests in flight; 0 for no limit."),
    click.option(
        "--budget-usd",
        type=Money(0, _LARGEST_BUDGET_USD),
        help="What may be spent in a period; 0 for no budget.",
    ),
    click.option(
        "--budget-period", type=click.Choice(["day", "month"]), help="UTC; a month by default."
    ),
    click.option("--shadow/--no-shadow", default=None, help="Count the limits, refuse nobody."),
)


def limit_options(command: C) -> C:
    """The options of limits, for keys and teams; `wanted` understands what they give."""
    for option in reversed(_LIMIT_OPTIONS):
        command = option(command)
    return command


LIMIT_COLUMNS = ["RPM", "TPM", "PARALLEL", "BUDGET"]
"""What `limit_cells` tells."""
json_option = click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
"""For scripts."""


def wanted(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that options ask for, without those that were not given; None for a default."""
    fields = {name: value for name, value in given.items() if value is not None}
    if fields.get("budget_usd") == 0:
        fields["budget_usd"] = None
    return {name: None if value is _UNSET else value for name, value in fields.items()}


@contextmanager
def operating() -> Iterator[Store]:
    """Redis for an operator's command; what is asked for wrongly is wrong usage."""
    with redis_store() as store:
        try:
            yield store
        except InvalidRequest as error:
            raise click.UsageError(error.message) from None


def tell(fields: Mapping[str, Any]) -> None:
    """Print fields, a line each."""
    width = max(map(len, fields)) + 2
    for name, value in fields.items():
        empty = value is None or value == []
        listed = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{name:{width}}{'-' if empty else listed}")


def limit_cells(shown: Mapping[str, Any], unset: str) -> tuple[str, ...]:
    """The cells RPM, TPM, PARALLEL and BUDGET of a key or a team as it is shown.

    Args:
        shown: its fields.
        unset: what a rate is that was not set.
    """
    rates = [
        unset if shown[name] is None else str(shown[name] or "none") for name in ("rpm", "tpm")
    ]
    budget = shown["budget_usd"]
    spent = f"${budget:g}/{shown['budget_period']}" if budget else "none"
    return (*rates, str(shown["max_parallel"] or "none"), spent)
