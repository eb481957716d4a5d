"""Examples made from JSON schemas satisfy them, as the jsonschema library judges."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from proxy.simulator.examples import example

TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "left": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]},
            },
            "required": ["name", "left"],
            "additionalProperties": False,
        }
    },
}
BASE = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 30},
        {"type": "string", "maxLength": 3},
        {"type": "string", "format": "date-time"},
        {"type": ["null", "string"]},
        {"type": "integer", "minimum": 3, "maximum": 4},
        {"type": "integer", "exclusiveMinimum": 3},
        {"type": "integer", "exclusiveMaximum": 0},
        {"type": "number", "minimum": 7, "multipleOf": 5},
        {"type": "boolean"},
        {"type": "null"},
        {"const": {"a": 1}},
        {"enum": [None, 1]},
        {"type": "array", "items": {"type": "integer"}, "minItems": 2},
        {"type": "array"},
        {"properties": {"a": {"type": "string"}}},
        {"oneOf": [{"type": "integer"}, {"type": "string"}]},
        {"allOf": [BASE, {"properties": {"name": {"type": "string"}}, "required": ["name"]}]},
        {"type": "object", "properties": {"inner": BASE}, "required": ["inner"]},
        TREE,
    ],
    ids=str,
)
def test_an_example_satisfies_its_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator(schema).validate(example(schema, "words for {}".format))


def test_strings_say_what_is_wanted_of_their_property() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    assert example(schema, "some {}".format) == {"city": "some city"}


def test_a_schema_without_an_end_ends_in_null() -> None:
    schema = {"type": "object", "properties": {"self": {"$ref": "#"}}, "required": ["self"]}
    deepest = example(schema, str)
    while deepest is not None:
        deepest = deepest["self"]
    assert deepest is None
