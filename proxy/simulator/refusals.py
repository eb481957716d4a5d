"""What OpenAI says when it refuses a request, in its own words and shape."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A request that is answered with an error.

    Attributes:
        status: the HTTP status.
        headers: headers of this answer alone, such as `retry-after`.
        body: the JSON body, `{"error": {"message", "type", "param", "code"}}`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {
            "error": {"message": message, "type": kind, "param": param, "code": code}
        }


def unknown_arguments(names: list[str]) -> Refusal:
    """Fields at the top of the body that this endpoint does not have."""
    plural = "s" if len(names) > 1 else ""
    return Refusal(
        f"Unrecognized request argument{plural} supplied: {', '.join(names)}",
        param=names[0],
        code="unknown_parameter",
    )


def unknown_parameter(param: str) -> Refusal:
    """A field further down that is not known, e.g. `messages[0].mood`."""
    return Refusal(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")


def missing(param: str) -> Refusal:
    """A required field is not there."""
    return Refusal(
        f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
    )


def invalid_type(param: str, expected: str, got: object) -> Refusal:
    """A field has another JSON type than `expected`, which comes with its article."""
    return Refusal(
        f"Invalid type for '{param}': expected {expected}, but got {json_type(got)} instead.",
        param=param,
        code="invalid_type",
    )


def invalid_value(param: str, got: object, supported: tuple[str, ...]) -> Refusal:
    """A field's value is not one of those supported."""
    return Refusal(
        f"Invalid value: '{got}'. Supported values are: {listed(supported)}.",
        param=param,
        code="invalid_value",
    )


def unsupported_parameter(param: str, advice: str = "") -> Refusal:
    """A field that this model does not take at all."""
    message = f"Unsupported parameter: '{param}' is not supported with this model.{advice}"
    return Refusal(message, param=param, code="unsupported_parameter")


def unsupported_value(param: str, message: str) -> Refusal:
    """A value that this model does not take, though others do."""
    return Refusal(f"Unsupported value: {message}", param=param, code="unsupported_value")


def model_not_found(model: str) -> Refusal:
    """No such model, or none any more."""
    return Refusal(
        f"The model `{model}` does not exist or you do not have access to it.",
        status=404,
        code="model_not_found",
    )


def invalid_api_key(key: str | None) -> Refusal:
    """No key, or a wrong one; the message repeats the key with its middle masked, as OpenAI's."""
    if key is None:
        return Refusal(
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            status=401,
        )
    return Refusal(
        f"Incorrect API key provided: {_masked(key)}. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        status=401,
        code="invalid_api_key",
    )


def _masked(key: str) -> str:
    if len(key) <= 12:
        return "*" * len(key)
    return f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"


def json_type(value: object) -> str:
    """The JSON type of a parsed value, with its article."""
    if isinstance(value, bool):
        return "a boolean"
    names = {
        str: "a string",
        int: "an integer",
        float: "a decimal number",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(value), "null")


def listed(values: tuple[str, ...]) -> str:
    """The values quoted, with commas and an `and` before the last."""
    quoted = [f"'{value}'" for value in values]
    if len(quoted) < 3:
        return " and ".join(quoted)
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
