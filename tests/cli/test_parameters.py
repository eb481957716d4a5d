"""Text from a person becomes a parameter's value, or a sentence that says what is wrong."""

from __future__ import annotations

from typing import Any, get_args

import click
import pytest

from proxy.cli.parameters import EFFORTS, PARAMETERS, parameter
from proxy.domain.catalog import Effort
from proxy.domain.parameters import SAMPLING


def test_the_terminal_offers_the_parameters_that_the_service_takes() -> None:
    assert set(PARAMETERS) == set(SAMPLING)
    assert get_args(Effort) == EFFORTS


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("temperature", "0.2", ("temperature", 0.2)),
        ("TOP-P", "1", ("top_p", 1.0)),
        ("max_tokens", "50", ("max_tokens", 50)),
        ("seed", "-3", ("seed", -3)),
        ("stop", "END", ("stop", "END")),
        ("stop", '["\\n", "END"]', ("stop", ["\n", "END"])),
        ("reasoning_effort", "low", ("reasoning_effort", "low")),
    ],
)
def test_text_becomes_a_value(name: str, text: str, expected: tuple[str, Any]) -> None:
    assert parameter(name, text) == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("warmth", "1", "No parameter 'warmth': there are temperature"),
        ("temperature", "hot", "temperature: 'hot' is not a valid float"),
        ("temperature", "2.1", "temperature: 2.1 is not in the range"),
        ("temperature", "nan", "temperature: 'nan' is not a number"),
        ("top_p", "inf", "top_p: inf is not in the range"),
        ("max_tokens", "0", "max_tokens: 0 is not in the range"),
        ("stop", "[1", "stop: '[1' is not a JSON list"),
        ("stop", "[1]", "stop: '[1]' is not a list of strings"),
        ("reasoning_effort", "much", "reasoning_effort: 'much' is not one of"),
    ],
)
def test_what_is_no_value_is_refused_by_name(name: str, text: str, message: str) -> None:
    with pytest.raises(click.UsageError) as refusal:
        parameter(name, text)
    assert refusal.value.message.startswith(message)
