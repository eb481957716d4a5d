"""The interface for people: GET /openapi.json as GET /docs shows it, route by route."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxy.errors import ApiError
from proxy.web import refusals, samples
from proxy.web.answers import ANSWERS
from proxy.web.routes import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxy.web.operation import Operation

    Schema = Mapping[str, Any]

GROUPS = ("Chat", "OpenAI's interface", "Sessions", "Browsers", "Admin", "Operations")
_OPENED_BY = {"client_key": "a client key or a browser token", "admin_token": "the admin token"}
_TYPES = {"string": "text", "integer": "whole number", "boolean": "true or false"}
_PLURALS = {"string": "texts", "object": "objects"}
_DEEPEST = 3
_ANY = 2**53
"""A bound beyond which any number passes."""


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body or an answer; what is within another has a dotted name.

    Attributes:
        of: the object that it is, or lists, if that is shown by itself.
    """

    name: str
    type: str
    about: str
    required: bool = False
    of: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that a route may answer with."""

    status: int
    code: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Route:
    """A route as the page shows it.

    Attributes:
        id: names it in the page's address.
        opened_by: what it needs; empty if nothing.
        also: other paths that do the same.
        answers: media types.
        answer: the object that is answered, if it is shown by itself.
        sample: a line for the shell.
    """

    id: str
    method: str
    path: str
    summary: str
    opened_by: str
    also: tuple[str, ...]
    status: int
    answers: tuple[str, ...]
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answer: str
    refusals: tuple[Refusal, ...]
    sample: str


def groups(document: Mapping[str, Any]) -> list[tuple[str, list[Route]]]:
    """All routes of the document, those of a kind together."""
    shown = [operation for operation in OPERATIONS if not _with_v1(operation)]
    return [
        (group, [_route(each, document) for each in shown if each.group == group])
        for group in GROUPS
    ]


def objects(document: Mapping[str, Any]) -> list[tuple[str, list[Field]]]:
    """What routes answer, by name."""
    schemas = document["components"]["schemas"]
    return [(name, [*_fields(schemas[name], schemas)]) for name in ANSWERS if ANSWERS[name]]


def errors() -> list[Refusal]:
    """Every error of a name of its own, by status."""
    named = [error for error in _below(ApiError) if "code" in vars(error)]
    named.sort(key=lambda error: (error.status, error.code))
    return [Refusal(int(error.status), error.code, refusals.meaning(error)) for error in named]


def _below(error: type[ApiError]) -> Iterator[type[ApiError]]:
    for special in error.__subclasses__():
        yield special
        yield from _below(special)


def _with_v1(operation: Operation) -> str:
    """The path of the same under /v1, which stands for both; empty if there is none."""
    paths = {each.path for each in OPERATIONS}
    return f"/v1{operation.path}" if f"/v1{operation.path}" in paths else ""


def _route(operation: Operation, document: Mapping[str, Any]) -> Route:
    told = document["paths"][operation.path][operation.method]
    schemas = document["components"]["schemas"]
    body = told.get("requestBody", {}).get("content", {}).get("application/json", {})
    content = told["responses"][str(operation.status)].get("content", {})
    short = operation.path.removeprefix("/v1")
    return Route(
        id=told["operationId"],
        method=operation.method.upper(),
        path=operation.path,
        summary=operation.summary,
        opened_by="" if operation.open else _OPENED_BY[operation.opened_by],
        also=(short,) if short != operation.path else (),
        status=operation.status,
        answers=tuple(content),
        parameters=tuple(map(_parameter, told["parameters"])),
        body=_telling_first(_fields(body.get("schema", {}), schemas), operation.example or {}),
        answer=str(operation.answer) if ANSWERS.get(str(operation.answer)) else "",
        refusals=tuple(_refusals(operation)),
        sample=samples.curl(operation),
    )


def _telling_first(fields: Iterator[Field], example: Mapping[str, Any]) -> tuple[Field, ...]:
    """In the order of the example; those that it does not send come after it."""
    order = {name: place for place, name in enumerate(example)}
    return tuple(sorted(fields, key=lambda one: order.get(one.name, len(order))))


def _refusals(operation: Operation) -> Iterator[Refusal]:
    for error in refusals.of(operation):
        yield Refusal(int(error.status), error.code, refusals.meaning(error))


def _parameter(told: Mapping[str, Any]) -> Field:
    return Field(told["name"], _type(told["schema"], {}), told["description"], told["required"])


def _fields(schema: Schema, schemas: Schema, prefix: str = "", depth: int = 0) -> Iterator[Field]:
    """The fields of an object, each followed by those within it."""
    known = _known(schema, schemas)
    for name, told in known.get("properties", {}).items():
        inner, path = _known(told, schemas), prefix + name
        of = _name(inner.get("items", told))
        required = name in known.get("required", ())
        yield Field(path, _type(inner, schemas), told.get("description", ""), required, of)
        if depth < _DEEPEST and not of:
            listed = "items" in inner
            within = _known(inner["items"], schemas) if listed else inner
            yield from _fields(within, schemas, f"{path}[]." if listed else f"{path}.", depth + 1)


def _name(schema: Schema) -> str:
    """The object that a schema stands for, if that is shown by itself."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return name if name in ANSWERS else ""


def _known(schema: Schema, schemas: Schema) -> Schema:
    """A schema without its detours: where it points to, or what it is if it is not null."""
    if "anyOf" in schema:
        choices = [each for each in schema["anyOf"] if each.get("type") != "null"]
        if len(choices) == 1:
            return _known(choices[0], schemas)
    if "$ref" in schema:
        named: Schema = schemas[schema["$ref"].rpartition("/")[2]]
        return named
    return schema


def _type(schema: Schema, schemas: Schema) -> str:
    """What a value is, in words."""
    if "anyOf" in schema:
        choices = [each for each in schema["anyOf"] if each.get("type") != "null"]
        return " or ".join(_type(each, schemas) for each in choices)
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        *others, last = [str(each) for each in schema["enum"] if each is not None]
        return f"{', '.join(others)} or {last}"
    told = schema.get("type", "anything")
    kind: str = told[0] if isinstance(told, list) else told
    if kind == "array":
        return f"list of {_PLURALS[_known(schema['items'], schemas)['type']]}"
    return _TYPES.get(kind, kind) + _bounds(schema)


def _bounds(schema: Schema) -> str:
    least: float | None = schema.get("minimum", schema.get("minLength"))
    most: float | None = schema.get("maximum", schema.get("maxLength"))
    unit = " characters" if "maxLength" in schema else ""
    if "exclusiveMinimum" in schema:
        return f", above {schema['exclusiveMinimum']:g}, up to {most:,}"
    if most is None or least is None:
        return f", up to {most:,}{unit}" if most is not None else ""
    return f", {least:,} to {most:,}{unit}" if most < _ANY else ""
