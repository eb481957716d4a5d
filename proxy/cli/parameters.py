"""The sampling parameters that a turn may carry, as text from a person becomes them."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


class _Number(click.FloatRange):
    """A number within its range; nan is in none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


class _Stops(click.ParamType[str | list[str]]):
    """One stop sequence as it stands, or several as a JSON list."""

    name = "text or JSON list"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | list[str]:
        if isinstance(value, list) or not value.startswith("["):
            return value  # type: ignore[no-any-return]
        try:
            stops = json.loads(value)
        except ValueError:
            self.fail(f"{value!r} is not a JSON list.", param, ctx)
        if not all(isinstance(stop, str) for stop in stops):
            self.fail(f"{value!r} is not a list of strings.", param, ctx)
        return stops  # type: ignore[no-any-return]


EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

PARAMETERS: dict[str, tuple[click.ParamType[Any], str]] = {
    "temperature": (_Number(0, 2), "How freely words are chosen, 0 to 2."),
    "top_p": (_Number(0, 1), "Choose among the likeliest words that share this much, 0 to 1."),
    "top_k": (click.IntRange(1), "Choose among the K likeliest words; not every service takes it."),
    "max_tokens": (click.IntRange(1), "The longest answer, in tokens."),
    "stop": (_Stops(), "End the answer before this text."),
    "presence_penalty": (_Number(-2, 2), "Above 0: prefer new subjects."),
    "frequency_penalty": (_Number(-2, 2), "Above 0: repeat fewer words."),
    "seed": (click.INT, "The same seed tends to give the same answer."),
    "reasoning_effort": (click.Choice(EFFORTS), "How long a reasoning model thinks."),
}
"""A parameter's name, what turns text into its value, and a sentence for help."""


def parameter(name: str, text: str) -> tuple[str, Any]:
    """A parameter's name as the service has it, and its value.

    Raises:
        click.UsageError: there is no such parameter, or the text is no value for it.
    """
    known = known_parameter(name)
    try:
        return known, PARAMETERS[known][0].convert(text, None, None)
    except click.BadParameter as error:
        raise click.UsageError(f"{known}: {error.message}") from error


def known_parameter(name: str) -> str:
    """The name as the service has it; dashes do for underscores.

    Raises:
        click.UsageError: there is no such parameter; the message lists those there are.
    """
    known = name.lower().replace("-", "_")
    if known not in PARAMETERS:
        raise click.UsageError(f"No parameter {name!r}: there are {', '.join(PARAMETERS)}.")
    return known


def parameter_options(command: Callable[P, R]) -> Callable[P, R]:
    """Give a command an option for each parameter, such as --top-p."""
    for name, (kind, help_text) in reversed(PARAMETERS.items()):
        flag = "--" + name.replace("_", "-")
        command = click.option(flag, name, type=kind, help=help_text)(command)
    return command
