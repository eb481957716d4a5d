"""The models: windows, prices and what each refuses, from config/models.toml."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proxy.errors import SettingsError

if TYPE_CHECKING:
    from proxy.domain.conversation import Usage

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_LONG_CONTEXT = 272_000
"""Prompt tokens above which a request of a surcharged model costs 2x input and 1.5x output."""
_MILLION = 1_000_000


class Price(BaseModel):
    """USD per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0)
    cached: float = Field(ge=0)
    output: float = Field(ge=0)


class Model(BaseModel):
    """What is known of one model; a model that nothing is known of has the defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    context: int = Field(128_000, ge=1_000)
    max_output: int = Field(16_384, ge=1)
    price: Price | None = None
    reasoning: bool = False
    known: bool = False
    default_effort: Effort = "medium"
    efforts_refused: tuple[Effort, ...] = ()
    tools_with_reasoning: bool = True
    long_context_surcharge: bool = False

    def room(self, max_tokens: int | None) -> int:
        """Tokens held for the answer: as many as asked for, else a sixteenth of a big window."""
        if max_tokens is not None:
            return min(max_tokens, self.max_output)
        return min(self.max_output, 16_384, self.context // 8)

    def cost(self, usage: Usage) -> float | None:
        """What a request costs in USD; None when the model's price is not known.

        Cached prompt tokens have their own price. Source: OpenAI's price tables of 2026-11-12.
        """
        if self.price is None:
            return None
        surcharged = self.long_context_surcharge and usage.prompt_tokens > _LONG_CONTEXT
        fresh = usage.prompt_tokens - usage.cached_tokens
        prompt = fresh * self.price.input + usage.cached_tokens * self.price.cached
        answer = usage.completion_tokens * self.price.output
        if surcharged:
            prompt, answer = prompt * 2, answer * 1.5
        return round((prompt + answer) / _MILLION, 10)


class Catalog:
    """Looks a model up by its name."""

    def __init__(self, table: dict[str, Any]) -> None:
        """Build it from the content of models.toml.

        Raises:
            SettingsError: an entry is wrong; the message names it.
        """
        self._families = _families(table.get("families", []))
        self._models = {
            name: _model(name, self._family(name) | entry)
            for name, entry in table.get("models", {}).items()
        }
        self.find = lru_cache(maxsize=1024)(self._find)

    @property
    def names(self) -> list[str]:
        """The models of the catalog, in its order."""
        return list(self._models)

    def _find(self, name: str) -> Model:
        exact = self._models.get(name) or self._models.get(_DATED.sub("", name))
        return exact or _model(name, self._family(name))

    def _family(self, name: str) -> dict[str, Any]:
        for pattern, traits in self._families:
            if fnmatchcase(name, pattern):
                return traits | {"known": True}
        return {}


def _families(entries: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    families = []
    for entry in entries:
        traits = dict(entry)
        pattern = traits.pop("match", None)
        if not isinstance(pattern, str):
            raise SettingsError("models.toml: a family lacks its match, such as match = 'gpt-6*'.")
        _model(pattern, traits)
        families.append((pattern, traits))
    return families


def _model(name: str, entry: dict[str, Any]) -> Model:
    traits = dict(entry)
    price = {part: traits.pop(part) for part in ("input", "cached", "output") if part in traits}
    try:
        return Model(name=name, price=Price(**price) if price else None, **traits)
    except (ValidationError, TypeError) as error:
        said = error.errors()[0] if isinstance(error, ValidationError) else None
        where = f".{said['loc'][0]}: {said['msg']}" if said else f": {error}"
        raise SettingsError(f"models.toml: {name!r}{where}.") from None
