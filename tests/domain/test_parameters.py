"""Sampling parameters as a model and an upstream take them."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.domain.catalog import Model
from proxy.domain.parameters import FORWARDED, Adapted, adapt
from proxy.errors import InvalidRequest
from proxy.web.parameters import Parameters

PLAIN = Model(name="plain", known=True)
REASONING = Model(name="thinker", known=True, reasoning=True)
CALM = Model(name="calm", known=True, reasoning=True, default_effort="none")
ALWAYS = Model(name="always", known=True, reasoning=True, efforts_refused=("none",))
NO_TOOLS = Model(name="alone", known=True, reasoning=True, tools_with_reasoning=False)
UNKNOWN = Model(name="new")
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def adapted(model: Model, drop: bool = False, **parameters: Any) -> Adapted:
    return adapt(parameters, model, "openai", drop=drop)


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (PLAIN, {"temperature": 0.2, "top_p": 0.5, "stop": "x", "presence_penalty": 1}),
        (PLAIN, {"tools": TOOLS, "seed": 5, "metadata": {"a": "b"}}),
        (REASONING, {"temperature": 1, "reasoning_effort": "high", "tools": TOOLS}),
        (REASONING, {"temperature": 0.2, "top_p": 0.5, "reasoning_effort": "none"}),
        (CALM, {"temperature": 0.2, "top_p": 0.5}),
        (ALWAYS, {"reasoning_effort": "low"}),
        (NO_TOOLS, {"tools": TOOLS, "reasoning_effort": "none"}),
        (UNKNOWN, {"temperature": 0.2, "reasoning_effort": "high", "stop": "x"}),
    ],
)
def test_what_a_model_takes_goes_as_it_came(model: Model, parameters: dict[str, Any]) -> None:
    assert adapted(model, **parameters) == Adapted(parameters, ())


@pytest.mark.parametrize(
    ("model", "parameters", "field"),
    [
        (PLAIN, {"top_k": 5}, "top_k"),
        (UNKNOWN, {"top_k": 5}, "top_k"),
        (PLAIN, {"reasoning_effort": "low"}, "reasoning_effort"),
        (REASONING, {"temperature": 0.2}, "temperature"),
        (REASONING, {"top_p": 1}, "top_p"),
        (REASONING, {"stop": "x"}, "stop"),
        (REASONING, {"stop": "x", "reasoning_effort": "none"}, "stop"),
        (REASONING, {"presence_penalty": 0}, "presence_penalty"),
        (REASONING, {"frequency_penalty": 1}, "frequency_penalty"),
        (CALM, {"temperature": 0.2, "reasoning_effort": "low"}, "temperature"),
        (ALWAYS, {"reasoning_effort": "none"}, "reasoning_effort"),
        (NO_TOOLS, {"tools": TOOLS}, "tools"),
    ],
)
def test_what_a_model_refuses_is_named_or_left_out(
    model: Model, parameters: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"'{field}'") as refusal:
        adapted(model, **parameters)
    assert refusal.value.param == field
    assert adapted(model, drop=True, **parameters).dropped == (field,)


def test_only_what_is_refused_is_left_out() -> None:
    kept = adapted(REASONING, drop=True, temperature=0.2, top_k=5, seed=7)
    assert kept == Adapted({"seed": 7}, ("top_k", "temperature"))


def test_without_an_effort_it_refuses_a_model_reasons_as_by_default() -> None:
    left = adapted(ALWAYS, drop=True, reasoning_effort="none", temperature=0.2, seed=7)
    assert left == Adapted({"seed": 7}, ("reasoning_effort", "temperature"))


def test_the_length_of_an_answer_has_openai_s_new_name() -> None:
    assert adapted(REASONING, max_tokens=5).payload == {"max_completion_tokens": 5}


def test_a_compatible_upstream_gets_every_parameter_by_its_own_name() -> None:
    everything = {"top_k": 5, "max_tokens": 7, "temperature": 0.2, "stop": "x"}
    assert adapt(everything, REASONING, "compatible", drop=True) == Adapted(everything, ())


def test_a_model_that_always_reasons_is_not_told_to_stop_reasoning() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        adapted(ALWAYS, temperature=0.2)
    assert "'none'" not in refusal.value.message


def test_every_parameter_of_a_request_is_forwarded() -> None:
    assert set(FORWARDED) == set(Parameters.model_fields)
