"""What steers an answer, as callers may send it: each parameter, its range, and how it is told."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from proxy.domain.catalog import Effort
from proxy.domain.parameters import FORWARDED

_EXACT = 2**53
"""Above it a float may be another whole number than the one that was written."""

Name = Annotated[str, Field(min_length=1, max_length=256)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Instructions = Annotated[str, Field(max_length=200_000)]


class Body(BaseModel):
    """An object of which no field is guessed at, and none is unknown."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def whole(fields: Any) -> Any:
    """An object with its whole numbers as such, also if they were written with a point."""
    if not isinstance(fields, dict):
        return fields
    return {name: int(value) if _is_whole(value) else value for name, value in fields.items()}


def _is_whole(value: object) -> bool:
    """Whether it is a float that is exactly the whole number that was written."""
    return isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT


class Parameters(Body):
    """What steers the answer; forwarded as the model and the upstream accept it."""

    temperature: Number | None = Field(None, ge=0, le=2, description="0 is sober, 2 is wild")
    top_p: Number | None = Field(
        None, ge=0, le=1, description="share of probability the next token is drawn from"
    )
    top_k: int | None = Field(
        None, ge=1, le=1_000_000, description="how many tokens the next one is drawn from"
    )
    max_tokens: int | None = Field(None, ge=1, le=10_000_000, description="length of the answer")
    stop: str | list[str] | None = Field(
        None,
        description="one to four texts that end the answer",
        json_schema_extra={
            "anyOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "array",
                    "items": {"type": "string", "minLength": 1},
                    "minItems": 1,
                    "maxItems": 4,
                },
                {"type": "null"},
            ]
        },
    )
    presence_penalty: Number | None = Field(None, ge=-2, le=2, description="above 0: new subjects")
    frequency_penalty: Number | None = Field(
        None, ge=-2, le=2, description="above 0: fewer repetitions"
    )
    seed: int | None = Field(
        None, ge=-(2**63), le=2**63 - 1, description="the same tends to give the same answer"
    )
    reasoning_effort: Effort | None = Field(None, description="how long a reasoning model thinks")
    response_format: dict[str, Any] | None = Field(None, description="as in OpenAI's API")
    tools: list[dict[str, Any]] | None = Field(
        None, min_length=1, max_length=128, description="as in OpenAI's API"
    )
    tool_choice: str | dict[str, Any] | None = Field(
        None,
        description="none, auto, required or a function's object",
        json_schema_extra={
            "anyOf": [
                {"enum": ["none", "auto", "required"]},
                {"type": "object", "additionalProperties": True},
                {"type": "null"},
            ]
        },
    )
    metadata: dict[str, str] | None = Field(
        None,
        max_length=16,
        description="kept by OpenAI",
        json_schema_extra={
            "anyOf": [
                {
                    "type": "object",
                    "propertyNames": {"maxLength": 64},
                    "additionalProperties": {"type": "string", "maxLength": 512},
                    "maxProperties": 16,
                },
                {"type": "null"},
            ]
        },
    )

    @field_validator("stop", mode="before")
    @classmethod
    def _stop_is_short(cls, value: object) -> object:
        texts = [value] if isinstance(value, str) else value
        if texts is None or (
            isinstance(texts, list)
            and 1 <= len(texts) <= 4
            and all(isinstance(text, str) and text for text in texts)
        ):
            return value
        raise PydanticCustomError("stop", "Input should be a text or a list of one to four texts")

    @field_validator("tool_choice", mode="before")
    @classmethod
    def _tool_choice_is_known(cls, value: object) -> object:
        if value is None or isinstance(value, dict) or value in ("none", "auto", "required"):
            return value
        raise PydanticCustomError(
            "tool_choice", "Input should be 'none', 'auto', 'required' or a function's object"
        )

    @field_validator("metadata")
    @classmethod
    def _metadata_is_short(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        if value and any(len(key) > 64 or len(text) > 512 for key, text in value.items()):
            raise PydanticCustomError(
                "metadata", "Input should have keys of at most 64 and values of 512 characters"
            )
        return value

    def given(self) -> dict[str, Any]:
        """The parameters that were sent, by name."""
        return self.model_dump(include=set(FORWARDED), exclude_none=True)
