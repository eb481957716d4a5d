"""Checks of a request's fields, worded as OpenAI words them.

A check takes a field's path, e.g. `messages[0].content`, and its value, and raises a Refusal when
it is not what it should be. null stands for an absent optional field, as at OpenAI.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proxy.simulator.refusals import (
    Refusal,
    invalid_type,
    invalid_value,
    missing,
    unknown_arguments,
    unknown_parameter,
)

Check = Callable[[str, Any], None]


def check_body(
    body: dict[str, Any], fields: Mapping[str, Check], required: tuple[str, ...], *, lenient: bool
) -> None:
    """Check a whole body.

    Args:
        body: the parsed JSON object.
        fields: every field that the endpoint knows.
        required: those that must be there.
        lenient: let unknown fields pass, as vLLM and llama.cpp do.
    """
    unknown = sorted(body.keys() - fields.keys())
    if unknown and not lenient:
        raise unknown_arguments(unknown)
    _check_each("", body, fields, required)


def record(fields: Mapping[str, Check], required: tuple[str, ...] = ()) -> Check:
    """An object with these fields and no others."""

    def check(path: str, value: Any) -> None:
        mapping(path, value)
        for name in value:
            if name not in fields:
                raise unknown_parameter(f"{path}.{name}")
        _check_each(f"{path}.", value, fields, required)

    return check


def _check_each(
    prefix: str, value: dict[str, Any], fields: Mapping[str, Check], required: tuple[str, ...]
) -> None:
    for name in required:
        if value.get(name) is None:
            raise missing(prefix + name)
    for name, item in value.items():
        if item is not None and name in fields:
            fields[name](prefix + name, item)


def number(low: float, high: float) -> Check:
    """A number from low to high."""

    def check(path: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid_type(path, "a decimal number", value)
        _check_range(path, value, low, high, "decimal")

    return check


def integer(low: int | None = None, high: int | None = None) -> Check:
    """A whole number, from low and to high where they are given."""

    def check(path: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid_type(path, "an integer", value)
        _check_range(path, value, low, high, "integer")

    return check


def _check_range(path: str, value: float, low: float | None, high: float | None, kind: str) -> None:
    if low is not None and value < low:
        side, sign, bound, code = "below minimum", ">=", low, "below_min_value"
    elif high is not None and value > high:
        side, sign, bound, code = "above maximum", "<=", high, "above_max_value"
    else:
        return
    raise Refusal(
        f"Invalid '{path}': {kind} {side} value. Expected a value {sign} {bound}, "
        f"but got {value} instead.",
        param=path,
        code=f"{kind}_{code}",
    )


def string(max_length: int | None = None) -> Check:
    """A string, of at most so many characters where it is given."""

    def check(path: str, value: Any) -> None:
        if not isinstance(value, str):
            raise invalid_type(path, "a string", value)
        if max_length is not None and len(value) > max_length:
            raise Refusal(
                f"Invalid '{path}': string too long. Expected a string with maximum length "
                f"{max_length}, but got a string with length {len(value)} instead.",
                param=path,
                code="string_above_max_length",
            )

    return check


def choice(*values: str) -> Check:
    """One of these strings."""

    def check(path: str, value: Any) -> None:
        if not isinstance(value, str):
            raise invalid_type(path, f"one of {', '.join(values)}", value)
        if value not in values:
            raise invalid_value(path, value, values)

    return check


def array(item: Check, low: int = 0, high: int | None = None) -> Check:
    """An array of such items, at least low and at most high of them."""

    def check(path: str, value: Any) -> None:
        if not isinstance(value, list):
            raise invalid_type(path, "an array", value)
        if len(value) < low:
            raise Refusal(
                f"Invalid '{path}': empty array. Expected an array with minimum length {low}, "
                "but got an empty array instead.",
                param=path,
                code="empty_array",
            )
        if high is not None and len(value) > high:
            raise Refusal(
                f"Invalid '{path}': array too long. Expected an array with maximum length {high}, "
                f"but got an array with length {len(value)} instead.",
                param=path,
                code="array_above_max_length",
            )
        for position, element in enumerate(value):
            item(f"{path}[{position}]", element)

    return check


def alone_or_array(item: Check, low: int = 0, high: int | None = None) -> Check:
    """Such an item, or an array of them."""
    many = array(item, low, high)

    def check(path: str, value: Any) -> None:
        (many if isinstance(value, list) else item)(path, value)

    return check


def boolean(path: str, value: Any) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise invalid_type(path, "a boolean", value)


def mapping(path: str, value: Any) -> None:
    """An object, whatever is in it."""
    if not isinstance(value, dict):
        raise invalid_type(path, "an object", value)


def text_or_mapping(path: str, value: Any) -> None:
    """A string or an object, as in `tool_choice`."""
    if not isinstance(value, str | dict):
        raise invalid_type(path, "a string or an object", value)


def metadata(path: str, value: Any) -> None:
    """At most 16 pairs, keys of at most 64 and values of at most 512 characters."""
    mapping(path, value)
    if len(value) > 16:
        raise Refusal(
            f"Invalid '{path}': too many properties. Expected an object with at most 16 "
            f"properties, but got an object with {len(value)} properties instead.",
            param=path,
            code="object_above_max_properties",
        )
    for key, item in value.items():
        string(64)(f"{path} key", key)
        string(512)(f"{path}.{key}", item)
