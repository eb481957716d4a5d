"""The smallest values that satisfy a JSON schema, for structured answers and tool arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxy.simulator.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

_DEEPEST = 16
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}

ANY_OBJECT: dict[str, Any] = {"type": "object", "properties": {"answer": {"type": "string"}}}
"""The schema for an answer that may be any object."""


def example(schema: dict[str, Any], words: Callable[[str], str]) -> Any:
    """A value that satisfies the schema.

    It knows types, properties, items, enum, const, anyOf, oneOf, allOf, references within the
    schema, the common formats and the bounds of numbers, strings and arrays; not patterns. A
    schema that is deeper than 16 levels everywhere ends in null.

    Args:
        schema: a JSON schema.
        words: what a string says where the schema leaves that free, by its property's name.

    Raises:
        Refusal: 400, it is no schema; that shows in as many ways as there are to be none.
    """
    try:
        return _Examples(schema, words).of(schema, "", 0)
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise Refusal(f"Invalid schema: {error}.", code="invalid_json_schema") from None


@dataclass(frozen=True, slots=True)
class _Examples:
    root: dict[str, Any]
    words: Callable[[str], str]

    def of(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        """An example of a part of the schema: of the property `name`, `depth` levels down."""
        schema = self._resolved(schema)
        fixed = [schema["const"]] if "const" in schema else schema.get("enum")
        if fixed:
            return fixed[0]
        if depth > _DEEPEST:
            return None
        match _type(schema):
            case "object":
                value: Any = self._object(schema, depth)
            case "array":
                value = self._array(schema, name, depth)
            case "string":
                value = _string(schema, self.words(name))
            case "integer" | "number":
                value = _number(schema)
            case kind:
                value = True if kind == "boolean" else None
        return value

    def _array(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        item = schema.get("items") or {}
        return [self.of(item, name, depth + 1) for _ in range(schema.get("minItems", 0))]

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """All properties at the top, further down only those that must be there."""
        properties = schema.get("properties") or {}
        names = properties if depth == 0 else schema.get("required", ())
        return {name: self.of(properties.get(name, {}), name, depth + 1) for name in names}

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema with its references followed and the first of its alternatives taken."""
        for _ in range(_DEEPEST):
            if "$ref" in schema:
                schema = self._target(schema["$ref"])
            elif alternatives := schema.get("anyOf") or schema.get("oneOf"):
                schema = {**schema, "anyOf": None, "oneOf": None, **alternatives[0]}
            elif schema.get("allOf"):
                schema = self._merged(schema)
            else:
                break
        return schema

    def _merged(self, schema: dict[str, Any]) -> dict[str, Any]:
        parts = [self._resolved(part) for part in schema["allOf"]]
        merged = {**schema, "allOf": None}
        for part in parts:
            properties = merged.get("properties", {}) | part.get("properties", {})
            required = [*merged.get("required", ()), *part.get("required", ())]
            merged |= part | {"properties": properties, "required": required}
        return merged

    def _target(self, reference: str) -> dict[str, Any]:
        target: Any = self.root
        for name in reference.removeprefix("#").split("/"):
            if name:
                target = target.get(name, {})
        return target if isinstance(target, dict) else {}


def _type(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if kind is None:
        return "object" if schema.get("properties") else "string"
    return str(kind)


def _string(schema: dict[str, Any], words: str) -> str:
    text = _FORMATS.get(schema.get("format", ""), words)
    text = text.ljust(schema.get("minLength", 0), ".")
    return text[: schema.get("maxLength", len(text))]


def _number(schema: dict[str, Any]) -> Any:
    step = schema.get("multipleOf") or 1
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None:
        return 0 if high is None or high > 0 else (high // step - 1) * step
    value = -(-low // step) * step
    return value + step if value == schema.get("exclusiveMinimum") else value
