"""The models that the simulated ChatGPT has, and those it had."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from proxy.simulator.refusals import Refusal, model_not_found

_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_SHUT_DOWN = re.compile(r"(gpt-3\.5-turbo|gpt-4-turbo|gpt-4)(-\d{2,4}.*|-preview|-\d+k.*)?")
_CREATED = 1_767_225_600
"""2026-01-01T00:00:00Z; when a model was made matters to nobody here."""


@dataclass(frozen=True, slots=True)
class Model:
    """What a model takes and refuses.

    Attributes:
        name: as in a request.
        context: its window, in tokens.
        max_output: its longest answer, in tokens.
        dimensions: the length of its vectors when it is an embedding model, else 0.
        default_effort: its reasoning effort when a request names none; None for a model that does
            not reason.
        efforts_refused: efforts that it does not support.
        tools_with_reasoning: whether it takes function tools while it reasons.
    """

    name: str
    context: int
    max_output: int
    dimensions: int = 0
    default_effort: str | None = None
    efforts_refused: tuple[str, ...] = ()
    tools_with_reasoning: bool = True

    @property
    def described(self) -> dict[str, Any]:
        """The model as `GET /v1/models` lists it."""
        return {"id": self.name, "object": "model", "created": _CREATED, "owned_by": "openai"}


def _reasoning(name: str, context: int, default_effort: str = "medium", **traits: Any) -> Model:
    max_output = 100_000 if context == 200_000 else 128_000
    return Model(name, context, max_output, default_effort=default_effort, **traits)


_MODELS = {
    model.name: model
    for model in (
        _reasoning("gpt-6-astra", 1_050_000, efforts_refused=("none",)),
        _reasoning("gpt-6.1-sol", 1_050_000, efforts_refused=("none",)),
        _reasoning("gpt-6-sol", 1_050_000, tools_with_reasoning=False),
        _reasoning("gpt-6.1-terra", 1_050_000),
        _reasoning("gpt-6-luna", 1_050_000),
        _reasoning("gpt-5.6-sol", 1_050_000),
        _reasoning("gpt-5.6-luna", 1_050_000),
        _reasoning("gpt-5.5", 1_050_000),
        _reasoning("gpt-5.4", 1_050_000, "none"),
        _reasoning("gpt-5.4-mini", 400_000, "none"),
        _reasoning("gpt-5.2", 400_000, "none"),
        _reasoning("gpt-5.1", 400_000, "none"),
        _reasoning("o4-mini", 200_000),
        Model("gpt-4o-mini", 128_000, 16_384),
        Model("text-embedding-3-small", 8_192, 0, dimensions=1_536),
        Model("text-embedding-3-large", 8_192, 0, dimensions=3_072),
    )
}


def all_models() -> list[Model]:
    """Every model that can be asked."""
    return list(_MODELS.values())


def find_model(name: str) -> Model:
    """The model of that name; a dated name such as gpt-5.5-2026-04-23 is the model without it.

    Raises:
        Refusal: 404 `model_not_found`, for one that was shut down in the words for that.
    """
    model = _MODELS.get(name) or _MODELS.get(_DATED.sub("", name))
    if model is not None:
        return model
    if _SHUT_DOWN.fullmatch(name):
        raise Refusal(
            f"The model `{name}` has been deprecated, learn more here: "
            "https://platform.openai.com/docs/deprecations",
            status=404,
            code="model_not_found",
        )
    raise model_not_found(name)
