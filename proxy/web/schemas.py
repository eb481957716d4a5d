"""What callers may send: the fields of each body, their ranges, and how a mistake is told."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from proxy.errors import InvalidRequest
from proxy.settings import LARGEST_LIMIT, is_origin
from proxy.web.parameters import Body, Instructions, Name, Number, Parameters, whole

if TYPE_CHECKING:
    from collections.abc import Iterable

M = TypeVar("M", bound=BaseModel)


class ToolResult(Body):
    """The result of a tool call that the last turn asked for."""

    tool_call_id: Name = Field(description="of the call")
    content: str = Field(description="what it gave")


class Options(Parameters):
    """All fields of POST /chat but the message and its session; the body of a regeneration."""

    system: Instructions | None = Field(None, description="instructions for the session")
    persona: Name | None = Field(None, description="a name from config/personas.toml")
    model: Name | None = Field(None, description="which model answers this turn")
    drop_params: bool = Field(
        False,  # noqa: FBT003 - a default, not an argument
        description="leave out what the model would refuse; X-Dropped-Params names it",
    )
    stream: bool = Field(False, description="answer with events as the words come")  # noqa: FBT003
    wait: Number | None = Field(
        None, ge=0, le=86_400, description="seconds to wait for its turn in place of a 429"
    )
    on_disconnect: Literal["finish", "cancel"] = Field(
        "finish", description="what becomes of the turn when the client goes away"
    )


class ChatRequest(Options):
    """The body of POST /chat."""

    message: str | None = Field(None, min_length=1, description="the user's text")
    session_id: str | None = Field(None, description="absent: a new session")
    tool_results: list[ToolResult] = Field(
        default_factory=list, max_length=128, description="of all tool calls of the turn before"
    )


class SessionSettings(Body):
    """The body of POST /sessions and PATCH /sessions/{id}; null clears a setting."""

    title: str | None = Field(None, max_length=200, description="what the list shows")
    system: Instructions | None = Field(None, description="instructions for ChatGPT")
    persona: Name | None = Field(None, description="a name from config/personas.toml")
    model: Name | None = Field(None, description="which model answers")
    parameters: Parameters | None = Field(None, description="what steers the answers")
    ttl: int | None = Field(
        None, ge=60, le=366 * 86_400, description="seconds that it is kept after its last change"
    )

    @field_validator("parameters", mode="before")
    @classmethod
    def _whole_is_whole(cls, value: object) -> object:
        return whole(value)

    def changed(self) -> dict[str, Any]:
        """The settings that were sent, by name."""
        values = self.model_dump(include=self.model_fields_set - {"parameters"})
        if "parameters" in self.model_fields_set:
            values["parameters"] = self.parameters.given() if self.parameters else {}
        return values


class ForkRequest(Body):
    """The body of POST /sessions/{id}/fork."""

    turn: str | int | None = Field(
        None, description="the last turn to keep: its id, or how many turns; absent: all"
    )

    @field_validator("turn", mode="before")
    @classmethod
    def _turn_is_id_or_count(cls, value: object) -> object:
        if value is None or (isinstance(value, str | int) and not isinstance(value, bool)):
            return value
        raise PydanticCustomError("turn", "Input should be a turn's id or a whole number of turns")


class TokenLimits(Body):
    """The user's own limits in the body of POST /tokens; 0 for none."""

    rpm: int = Field(0, ge=0, le=LARGEST_LIMIT, description="requests a minute")
    tpm: int = Field(0, ge=0, le=LARGEST_LIMIT, description="tokens a minute")
    burst: int = Field(0, ge=0, le=LARGEST_LIMIT, description="requests at once")
    max_parallel: int = Field(0, ge=0, le=LARGEST_LIMIT, description="requests in flight")

    @field_validator("burst")
    @classmethod
    def _burst_has_a_rate(cls, value: int, others: ValidationInfo) -> int:
        if value and not others.data.get("rpm"):
            raise PydanticCustomError("burst", "Input should go with 'rpm', which it belongs to")
        return value


class TokenRequest(Body):
    """The body of POST /tokens."""

    user: str = Field(description="whom the key vouches for: 1 to 128 printable characters")
    ttl: int = Field(3600, ge=1, le=3600, description="seconds")
    origin: str | None = Field(None, description="the pages that may use it; absent: all")
    limits: TokenLimits | None = Field(None, description="the user's own")

    @field_validator("limits", mode="before")
    @classmethod
    def _whole_is_whole(cls, value: object) -> object:
        return whole(value)

    @field_validator("user")
    @classmethod
    def _user_is_printable(cls, value: str) -> str:
        if 1 <= len(value) <= 128 and value.isprintable():
            return value
        raise PydanticCustomError("user", "Input should be 1 to 128 printable characters")

    @field_validator("origin")
    @classmethod
    def _origin_is_exact(cls, value: str | None) -> str | None:
        if value is None or is_origin(value):
            return value
        raise PydanticCustomError(
            "origin", "Input should be an origin such as https://app.example.com"
        )


class MarkdownRequest(Body):
    """The body of POST /markdown."""

    texts: list[str] = Field(max_length=50, description="at most 50 texts of Markdown")


def validate(schema: type[M], value: dict[str, Any]) -> M:
    """Check a JSON object against a schema; to JSON 5.0 is as whole a number as 5.

    Raises:
        InvalidRequest: the message names the field and what would be right.
    """
    try:
        return schema.model_validate(whole(value))
    except ValidationError as error:
        raise refusal(error, schema) from None


def validate_query(schema: type[M], query: dict[str, str]) -> M:
    """Check query options, which are texts, against a schema.

    Raises:
        InvalidRequest: as in `validate`.
    """
    try:
        return schema.model_validate_strings(query)
    except ValidationError as error:
        raise refusal(error, schema) from None


def refusal(error: ValidationError, schema: type[BaseModel]) -> InvalidRequest:
    """The first mistake as a sentence that names the field."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    param = ".".join(str(part) for part in first["loc"])[:200]
    if first["type"] == "extra_forbidden" and len(first["loc"]) > 1:  # within one of its fields
        return InvalidRequest(f"'{param}' is no field here.", param=param)
    if first["type"] == "extra_forbidden":
        return unknown(param, schema.model_fields)
    if first["type"] == "missing":
        return InvalidRequest(f"'{param}' is missing.", param=param)
    said = first["msg"].replace("Input should", "should", 1)
    return InvalidRequest(f"'{param}' {said[0].lower()}{said[1:]}.", param=param)


def unknown(param: str, fields: Iterable[str]) -> InvalidRequest:
    """There is no such field: which one may be meant, and all there are."""
    known = list(fields)
    close = get_close_matches(param, known, 1)
    meant = f"did you mean '{close[0]}'? The" if close else "the"
    told = f"'{param}' is no field here; {meant} fields are {', '.join(known)}."
    return InvalidRequest(told, param=param)
