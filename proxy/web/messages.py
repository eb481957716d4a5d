"""What a session must be able to read of the messages that OpenAI's interface gives it to store."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag


class _Part(BaseModel):
    type: str
    text: str | None = None


class _Called(BaseModel):
    name: str
    arguments: str


class _CalledCustom(BaseModel):
    name: str
    input: str


class _FunctionCall(BaseModel):
    id: str
    function: _Called


class _CustomCall(BaseModel):
    id: str
    custom: _CalledCustom


def _kind(call: Any) -> str:
    return "custom" if isinstance(call, dict) and "custom" in call else "function"


_ToolCall = Annotated[
    Annotated[_FunctionCall, Tag("function")] | Annotated[_CustomCall, Tag("custom")],
    Discriminator(_kind),
]


class _Spoken(BaseModel):
    role: Literal["user", "system", "developer"]
    content: str | list[_Part]


class _Answered(BaseModel):
    role: Literal["assistant"]
    content: str | list[_Part] | None = None
    tool_calls: list[_ToolCall] | None = None


class _ToolResult(BaseModel):
    role: Literal["tool"]
    content: str | list[_Part]
    tool_call_id: str


class Conversation(BaseModel):
    """Messages of any role, each with what its role needs."""

    model_config = ConfigDict(strict=True)

    messages: list[Annotated[_Spoken | _Answered | _ToolResult, Field(discriminator="role")]]
