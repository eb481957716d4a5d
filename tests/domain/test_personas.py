"""Personas: a name for instructions."""

from __future__ import annotations

import re
from typing import Any

import pytest

from proxy.domain.personas import Personas
from proxy.errors import InvalidRequest, SettingsError
from proxy.settings import load

TABLE = {
    "pirate": {"perspective": "You are a pirate.", "style": "Say arr."},
    "plain": {"perspective": "You are plain."},
}


def test_a_persona_is_its_perspective_and_style_before_the_caller_s_own_instructions() -> None:
    personas = Personas(TABLE)
    assert personas.system("pirate", "") == "You are a pirate.\nSay arr."
    assert personas.system("plain", "Be brief.") == "You are plain.\n\nBe brief."


def test_without_a_persona_the_caller_s_instructions_stand_alone() -> None:
    assert Personas(TABLE).system("", "Be brief.") == "Be brief."
    assert Personas(TABLE).system("gone", "") == ""


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    Personas(TABLE).check("pirate")
    with pytest.raises(InvalidRequest, match="one of pirate, plain") as refusal:
        Personas(TABLE).check("Pirate")
    assert refusal.value.param == "persona"


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("You are x.", "[x] needs perspective"),
        ({}, "[x] needs perspective"),
        ({"style": "short"}, "[x] needs perspective"),
        ({"perspective": 5}, "[x] needs perspective"),
        ({"perspective": "p", "mood": "m"}, "[x] takes perspective and style alone"),
    ],
)
def test_a_wrong_persona_is_told_before_anything_starts(entry: Any, sentence: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        Personas({"x": entry})


def test_the_personas_that_are_shipped_are_well_formed() -> None:
    settings = load({"REDIS_URL": "redis://localhost", "OPENAI_API_KEY": "sk-x"})
    assert "teacher" in Personas(settings.personas).names
