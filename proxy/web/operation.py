"""A route as GET /openapi.json describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from proxy.errors import ApiError

TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}
NUMBER: dict[str, Any] = {"type": "number"}
TRUTH: dict[str, Any] = {"type": "boolean"}


def told(schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    """A schema with what it means."""
    return {**schema, "description": description}


def maybe(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same, or null."""
    return {**schema, "type": [schema["type"], "null"]}


def thing(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object with these properties."""
    return {"type": "object", "properties": dict(properties)}


def items(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A list of these."""
    return {"type": "array", "items": dict(schema)}


def named(schema: str) -> dict[str, str]:
    """The schema of this name."""
    return {"$ref": f"#/components/schemas/{schema}"}


def listed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of an answer that lists these."""
    return {"object": {"const": "list"}, "data": items(schema)}


class Parameter(NamedTuple):
    """A parameter in a path or a query.

    Attributes:
        name: as it is sent.
        description: what it means.
        example: what the route's example sends; None where it leaves the parameter out.
        schema: what it may be.
        many: whether it may be there more than once.
    """

    name: str
    description: str
    example: str | None = None
    schema: Mapping[str, Any] = TEXT
    many: bool = False


IN_PATHS = (
    Parameter("session_id", "a session of the caller's", "$SESSION_ID"),
    Parameter("turn_id", "a turn that streamed lately", "$TURN_ID"),
    Parameter("model", "a model's name", "gpt-6-luna"),
    Parameter("key_id", "a client key's id, not its secret", "$KEY_ID"),
    Parameter("team_id", "a team's name", "$TEAM_ID"),
)
"""All parameters of paths; what begins with $ is the caller's to set."""


class Operation(NamedTuple):
    """A route: what it does, what it takes, what it answers.

    Attributes:
        body: a schema, or the name of one.
        answer: the name of a schema, or a media type where it is not JSON.
        open: whether it needs no key.
        example: a body that works.
        errors: of its own, beyond those that `refusals` knows of every such route.
    """

    method: str
    path: str
    summary: str
    body: type[BaseModel] | str | None = None
    status: int = 200
    answer: str | None = None
    query: tuple[Parameter, ...] = ()
    open: bool = False
    example: Mapping[str, Any] | None = None
    errors: tuple[type[ApiError], ...] = ()

    @property
    def opened_by(self) -> str:
        """What opens it, by its name among the document's security schemes."""
        return "admin_token" if self.path.startswith("/admin/") else "client_key"

    @property
    def in_path(self) -> tuple[Parameter, ...]:
        """The parameters in its path."""
        return tuple(known for known in IN_PATHS if f"{{{known.name}}}" in self.path)

    @property
    def asks(self) -> bool:
        """Whether ChatGPT answers it, within the caller's limits."""
        return self.method == "post" and self.answer in {"Turn", "OpenAI"}

    @property
    def group(self) -> str:
        """Where it stands among the others."""
        if self.open:
            return "Operations"
        if self.answer == "OpenAI":
            return "OpenAI's interface"
        begins = {"chat": "Chat", "sessions": "Sessions", "admin": "Admin"}
        begins |= dict.fromkeys(("tokens", "markdown"), "Browsers")
        return begins[self.path.split("/")[1]]
