"""Sampling parameters as a model and an upstream profile take them: kept, renamed or refused.

Source: OpenAI's API reference and its guide to reasoning models, as of November 2026.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from proxy.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.domain.catalog import Model

Profile = Literal["openai", "compatible"]

SAMPLING = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "reasoning_effort",
)
"""The parameters that steer the answer, by their names in POST /chat."""

FORWARDED = (*SAMPLING, "response_format", "tools", "tool_choice", "metadata")
"""All fields of POST /chat that go to ChatGPT."""


@dataclass(frozen=True, slots=True)
class Adapted:
    """What is sent: the payload's fields, and the names of those that were left out."""

    payload: dict[str, Any]
    dropped: tuple[str, ...]


def adapt(parameters: dict[str, Any], model: Model, profile: Profile, *, drop: bool) -> Adapted:
    """Fit parameters to a model behind an upstream of this profile.

    Args:
        parameters: by their names in POST /chat.
        model: what the upstream will be asked for.
        profile: ``openai`` refuses unknown fields, ``compatible`` (vLLM, llama.cpp) takes more.
        drop: leave out what would be refused, rather than refuse.

    Raises:
        InvalidRequest: the upstream would refuse a field, which the message names.
    """
    if profile == "compatible":
        return Adapted(dict(parameters), ())
    refused = dict(_refusals(parameters, model))
    if refused and not drop:
        field, sentence = next(iter(refused.items()))
        raise InvalidRequest(
            f"'{field}': {sentence}, or send drop_params: true to leave it out.", param=field
        )
    payload = {name: value for name, value in parameters.items() if name not in refused}
    if "max_tokens" in payload:
        payload["max_completion_tokens"] = payload.pop("max_tokens")
    return Adapted(payload, tuple(refused))


def _refusals(parameters: dict[str, Any], model: Model) -> Iterator[tuple[str, str]]:
    """The fields that would be refused, each with the clause that mends it."""
    if "top_k" in parameters:
        yield "top_k", "OpenAI's API has no top_k: use top_p"
    if not model.known:
        return
    if not model.reasoning:
        if "reasoning_effort" in parameters:
            yield "reasoning_effort", f"{model.name} does not reason: leave it out"
        return
    effort = parameters.get("reasoning_effort", model.default_effort)
    if effort in model.efforts_refused:
        yield "reasoning_effort", f"{model.name} does not take {effort!r}: use 'low' or more"
        effort = model.default_effort  # which is what it then reasons with
    if effort != "none":
        yield from _refused_while_reasoning(parameters, model)
    for name in ("presence_penalty", "frequency_penalty", "stop"):
        if name in parameters:
            yield name, f"{model.name} is a reasoning model and does not take it: leave it out"


def _refused_while_reasoning(parameters: dict[str, Any], model: Model) -> Iterator[tuple[str, str]]:
    mend = "use a model such as gpt-5.4-mini"
    if "none" not in model.efforts_refused:
        mend = f"send reasoning_effort: 'none', {mend}"
    if parameters.get("temperature", 1) != 1:
        yield "temperature", f"{model.name} takes only 1 while it reasons: {mend}"
    if "top_p" in parameters:
        yield "top_p", f"{model.name} does not take it while it reasons: {mend}"
    if "tools" in parameters and not model.tools_with_reasoning:
        yield "tools", f"{model.name} does not take tools while it reasons: {mend}"
