"""The fields of a chat completion request and of what is in it."""

from __future__ import annotations

import re
from typing import Any

from proxy.simulator.fields import (
    Check,
    alone_or_array,
    array,
    boolean,
    choice,
    integer,
    mapping,
    metadata,
    number,
    record,
    string,
    text_or_mapping,
)
from proxy.simulator.refusals import Refusal, invalid_type, missing

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

_NAME = re.compile(r"[a-zA-Z0-9_-]+")


def _function_name(path: str, value: Any) -> None:
    string(64)(path, value)
    if not _NAME.fullmatch(value):
        raise Refusal(
            f"Invalid '{path}': string does not match pattern. Expected a string that matches the "
            "pattern '^[a-zA-Z0-9_-]+$'.",
            param=path,
            code="invalid_value",
        )


def _tagged(kinds: dict[str, Check], **beside: Check) -> Check:
    """An object whose `type` names the field that it must have, and those that stand beside it."""
    fields = record({"type": choice(*kinds)} | kinds | beside, ("type", *beside))

    def check(path: str, value: Any) -> None:
        fields(path, value)
        if value.get(value["type"]) is None:
            raise missing(f"{path}.{value['type']}")

    return check


_part = _tagged(
    {
        "text": string(),
        "refusal": string(),
        "image_url": mapping,
        "input_audio": mapping,
        "file": mapping,
    }
)
_parts = array(_part, 1)

_tool_call = _tagged(
    {
        "function": record({"name": string(), "arguments": string()}, ("name", "arguments")),
        "custom": record({"name": string(), "input": string()}, ("name", "input")),
    },
    id=string(),
)


def _content(path: str, value: Any) -> None:
    if not isinstance(value, str | list):
        raise invalid_type(path, "one of a string or array of objects", value)
    if isinstance(value, list):
        _parts(path, value)


_fields_of_message = record(
    {
        "role": choice("system", "assistant", "user", "developer", "tool"),
        "content": _content,
        "name": string(),
        "tool_calls": array(_tool_call, 1),
        "tool_call_id": string(),
        "refusal": string(),
        "audio": mapping,
        "annotations": array(mapping),
        "function_call": mapping,
    },
    required=("role",),
)


def _message(path: str, value: Any) -> None:
    _fields_of_message(path, value)
    if value["role"] == "tool" and value.get("tool_call_id") is None:
        raise missing(f"{path}.tool_call_id")
    speechless = value.get("content") is None
    if speechless and not (value["role"] == "assistant" and value.get("tool_calls")):
        raise Refusal(
            "Invalid value for 'content': expected a string, got null.", param=f"{path}.content"
        )


_function = record(
    {
        "name": _function_name,
        "description": string(),
        "parameters": mapping,
        "strict": boolean,
    },
    required=("name",),
)
_tool = _tagged({"function": _function, "custom": mapping})

_json_schema = record(
    {
        "name": _function_name,
        "description": string(),
        "schema": mapping,
        "strict": boolean,
    },
    required=("name", "schema"),
)
_format_fields = record(
    {"type": choice("text", "json_object", "json_schema"), "json_schema": _json_schema}, ("type",)
)


def _response_format(path: str, value: Any) -> None:
    _format_fields(path, value)
    if value["type"] == "json_schema" and value.get("json_schema") is None:
        raise missing(f"{path}.json_schema")


def tool_choice(path: str, value: Any) -> None:
    """One of three words, or an object that names what to call."""
    if not isinstance(value, dict):
        choice("none", "auto", "required")(path, value)
    elif value.get("function") is not None:
        mapping(f"{path}.function", value["function"])


def _logit_bias(path: str, value: Any) -> None:
    mapping(path, value)
    for token, bias in value.items():
        number(-100, 100)(f"{path}.{token}", bias)


CHAT_FIELDS: dict[str, Check] = {
    "model": string(),
    "messages": array(_message, 1),
    "audio": mapping,
    "frequency_penalty": number(-2, 2),
    "function_call": text_or_mapping,
    "functions": array(mapping, 1),
    "logit_bias": _logit_bias,
    "logprobs": boolean,
    "max_completion_tokens": integer(1),
    "max_tokens": integer(1),
    "metadata": metadata,
    "modalities": array(choice("text", "audio"), 1),
    "moderation": mapping,
    "n": integer(1, 128),
    "parallel_tool_calls": boolean,
    "prediction": mapping,
    "presence_penalty": number(-2, 2),
    "prompt_cache_key": string(64),
    "prompt_cache_options": mapping,
    "prompt_cache_retention": choice("in_memory", "24h"),
    "reasoning_effort": choice(*EFFORTS),
    "response_format": _response_format,
    "safety_identifier": string(64),
    "seed": integer(),
    "service_tier": choice("auto", "default", "flex", "scale", "priority", "fast"),
    "stop": alone_or_array(string(), 1, 4),
    "store": boolean,
    "stream": boolean,
    "stream_options": record({"include_usage": boolean, "include_obfuscation": boolean}),
    "temperature": number(0, 2),
    "tool_choice": tool_choice,
    "tools": array(_tool, 1, 128),
    "top_logprobs": integer(0, 20),
    "top_p": number(0, 1),
    "user": string(),
    "verbosity": choice("low", "medium", "high"),
    "web_search_options": mapping,
}
