"""The models: what they cost, hold and refuse."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.catalog import Catalog, Model, Price
from proxy.domain.conversation import Usage
from proxy.errors import SettingsError
from proxy.settings import load

MILLION = 1_000_000
PRICED = Model(name="m", price=Price(input=2, cached=0.5, output=10), long_context_surcharge=True)
TABLE = {
    "models": {"gpt-9-sol": {"context": 500_000, "input": 2, "cached": 1, "output": 10}},
    "families": [
        {"match": "gpt-9-mini*", "reasoning": True, "default_effort": "none"},
        {"match": "gpt-9*", "reasoning": True},
    ],
}


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(1_000, 100), 0.003),
        (Usage(1_000, 100, cached_tokens=400), 0.0024),
        (Usage(1_000, 100, cached_tokens=1_000), 0.0015),
        (Usage(0, 0), 0),
        (Usage(272_000, 1_000), 0.554),
        (Usage(272_001, 1_000), 1.103004),
        (Usage(300_000, 1_000, cached_tokens=300_000), 0.315),
    ],
)
def test_a_request_costs_its_fresh_cached_and_answered_tokens(usage: Usage, cost: float) -> None:
    assert PRICED.cost(usage) == cost


def test_a_long_prompt_costs_no_more_where_no_surcharge_is_known() -> None:
    plain = PRICED.model_copy(update={"long_context_surcharge": False})
    assert plain.cost(Usage(MILLION, 0)) == 2


def test_an_unknown_price_is_not_zero() -> None:
    assert Model(name="m").cost(Usage(1_000, 100)) is None


@given(st.integers(0, MILLION), st.integers(0, MILLION), st.integers(0, MILLION))
def test_cached_tokens_never_cost_more_than_fresh_ones(
    prompt: int, completion: int, cached: int
) -> None:
    fresh = PRICED.cost(Usage(prompt, completion))
    some = PRICED.cost(Usage(prompt, completion, cached_tokens=min(cached, prompt)))
    assert fresh is not None
    assert some is not None
    assert 0 <= some <= fresh


@pytest.mark.parametrize(
    ("context", "max_output", "asked", "room"),
    [
        (128_000, 16_384, None, 16_000),
        (1_050_000, 128_000, None, 16_384),
        (8_000, 4_000, None, 1_000),
        (128_000, 16_384, 500, 500),
        (128_000, 16_384, 50_000, 16_384),
    ],
)
def test_room_is_held_for_the_answer(
    context: int, max_output: int, asked: int | None, room: int
) -> None:
    assert Model(name="m", context=context, max_output=max_output).room(asked) == room


def test_a_dated_name_is_the_model_without_its_date() -> None:
    assert Catalog(TABLE).find("gpt-9-sol-2027-01-31").context == 500_000


def test_a_new_model_has_the_traits_of_its_family_and_no_price() -> None:
    found = Catalog(TABLE).find("gpt-9-mini-turbo")
    assert (found.known, found.reasoning, found.default_effort) == (True, True, "none")
    assert found.price is None


def test_the_first_pattern_that_fits_counts() -> None:
    assert Catalog(TABLE).find("gpt-9-nano").default_effort == "medium"


def test_nothing_is_known_of_a_stranger() -> None:
    stranger = Catalog(TABLE).find("llama-4")
    assert (stranger.known, stranger.reasoning, stranger.price) == (False, False, None)
    assert stranger.context == 128_000


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"models": {"m": {"context": 5}}}, "'m'.context"),
        ({"models": {"m": {"colour": "red"}}}, "'m'.colour"),
        ({"models": {"m": {"input": 1}}}, "'m'.cached"),
        ({"models": {"m": {"input": -1, "cached": 0, "output": 0}}}, "'m'.input"),
        ({"families": [{"reasoning": True}]}, "a family lacks its match"),
        ({"families": [{"match": "x*", "default_effort": "huge"}]}, "'x*'.default_effort"),
    ],
)
def test_a_wrong_entry_is_told_by_its_name(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        Catalog(table)


def test_the_shipped_catalog_knows_the_default_model_s_price() -> None:
    settings = load({"REDIS_URL": "redis://localhost", "OPENAI_API_KEY": "sk-x"})
    catalog = Catalog(settings.models)
    assert settings.default_model in catalog.names
    assert catalog.find(settings.default_model).price == Price(input=0.1, cached=0.01, output=0.5)


@pytest.mark.parametrize(
    ("name", "reasoning", "effort", "surcharge"),
    [
        ("gpt-4o-mini", False, "medium", False),
        ("gpt-5", True, "medium", False),
        ("gpt-5.1", True, "none", False),
        ("gpt-5.4-mini", True, "none", True),
        ("gpt-5.6-luna", True, "medium", True),
        ("gpt-6-sol", True, "medium", True),
        ("o4-mini", True, "medium", False),
    ],
)
def test_the_shipped_families_reason_as_openai_says(
    name: str, reasoning: bool, effort: str, surcharge: bool
) -> None:
    settings = load({"REDIS_URL": "redis://localhost", "OPENAI_API_KEY": "sk-x"})
    found = Catalog(settings.models).find(name)
    assert (found.reasoning, found.default_effort) == (reasoning, effort)
    assert found.long_context_surcharge == surcharge
