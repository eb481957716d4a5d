"""The fields of a request to the Responses API, and what it refuses."""

from __future__ import annotations

from typing import Any

from proxy.simulator.chat_fields import EFFORTS, tool_choice
from proxy.simulator.chat_rules import check_effort
from proxy.simulator.fields import (
    Check,
    array,
    boolean,
    check_body,
    choice,
    integer,
    mapping,
    metadata,
    number,
    record,
    string,
)
from proxy.simulator.models import Model, find_model
from proxy.simulator.refusals import (
    Refusal,
    invalid_type,
    missing,
    unsupported_parameter,
)

_ROLES = ("user", "assistant", "system", "developer")
_items = array(mapping, 1)


def _input(path: str, value: Any) -> None:
    if isinstance(value, str):
        return
    if not isinstance(value, list):
        raise invalid_type(path, "one of a string or array of objects", value)
    _items(path, value)
    for position, item in enumerate(value):
        _item(f"{path}[{position}]", item)


def _item(path: str, item: dict[str, Any]) -> None:
    match item.get("type", "message"):
        case "message":
            needed: dict[str, Check] = {"role": choice(*_ROLES), "content": _content}
        case "function_call":
            needed = {"call_id": string(), "name": string(), "arguments": string()}
        case "function_call_output":
            needed = {"call_id": string(), "output": _content}
        case _:
            return
    for name, check in needed.items():
        if item.get(name) is None:
            raise missing(f"{path}.{name}")
        check(f"{path}.{name}", item[name])


def _content(path: str, value: Any) -> None:
    if not isinstance(value, str):
        _parts(path, value)


def _part(path: str, value: Any) -> None:
    mapping(path, value)
    if value.get("text") is not None:
        string()(f"{path}.text", value["text"])


_parts = array(_part, 1)


def _conversation(path: str, value: Any) -> None:
    if not isinstance(value, str):
        record({"id": string()}, ("id",))(path, value)


def _text(path: str, value: Any) -> None:
    mapping(path, value)
    wanted = value.get("format") or {}
    mapping(f"{path}.format", wanted)
    mapping(f"{path}.format.schema", wanted.get("schema") or {})


def _tool(path: str, value: Any) -> None:
    mapping(path, value)
    for name in ("type", "name") if value.get("type") == "function" else ("type",):
        if value.get(name) is None:
            raise missing(f"{path}.{name}")
        string()(f"{path}.{name}", value[name])
    mapping(f"{path}.parameters", value.get("parameters") or {})


_FIELDS: dict[str, Check] = {
    "model": string(),
    "input": _input,
    "background": boolean,
    "context_management": array(mapping),
    "conversation": _conversation,
    "include": array(string()),
    "instructions": string(),
    "max_output_tokens": integer(16),
    "max_tool_calls": integer(1),
    "metadata": metadata,
    "moderation": mapping,
    "parallel_tool_calls": boolean,
    "previous_response_id": string(),
    "prompt": mapping,
    "prompt_cache_key": string(64),
    "prompt_cache_options": mapping,
    "prompt_cache_retention": choice("in_memory", "24h"),
    "reasoning": mapping,
    "safety_identifier": string(64),
    "service_tier": choice("auto", "default", "flex", "scale", "priority", "fast"),
    "store": boolean,
    "stream": boolean,
    "stream_options": record({"include_obfuscation": boolean}),
    "temperature": number(0, 2),
    "text": _text,
    "tool_choice": tool_choice,
    "tools": array(_tool, 0, 128),
    "top_logprobs": integer(0, 20),
    "top_p": number(0, 1),
    "truncation": choice("auto", "disabled"),
    "user": string(),
}


def check_response(body: dict[str, Any], *, lenient: bool) -> Model:
    """Check a request to the Responses API.

    Args:
        body: the parsed JSON object.
        lenient: let unknown fields pass, and let reasoning models take what OpenAI's refuse.

    Returns:
        The model that it asks.

    Raises:
        Refusal: the first thing that is wrong.
    """
    check_body(body, _FIELDS, ("model", "input"), lenient=lenient)
    model = find_model(body["model"])
    if not lenient and model.default_effort is not None:
        given = body.get("reasoning") or {}
        _check_reasoning(model, given.get("effort") or model.default_effort, body)
    if body.get("previous_response_id") and body.get("conversation"):
        raise Refusal(
            "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. Ensure you "
            "are only providing one of: 'previous_response_id' or 'conversation'.",
            param="previous_response_id",
            code="mutually_exclusive_parameters",
        )
    return model


def _check_reasoning(model: Model, effort: str, body: dict[str, Any]) -> None:
    choice(*EFFORTS)("reasoning.effort", effort)
    check_effort(model, effort, "reasoning.effort")
    for name in ("temperature", "top_p"):
        if effort != "none" and body.get(name) not in (None, 1):
            raise unsupported_parameter(name)


def check_input_fits(model: Model, prompt_tokens: int) -> None:
    """Raise a Refusal for an input that is longer than the model's window."""
    if prompt_tokens > model.context:
        raise Refusal(
            "Your input exceeds the context window of this model. Please adjust your input and "
            "try again.",
            param="input",
            code="context_length_exceeded",
        )
