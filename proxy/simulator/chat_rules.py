"""What OpenAI refuses though each field by itself is well: models, order of messages, length."""

from __future__ import annotations

from typing import Any

from proxy.simulator.chat_fields import CHAT_FIELDS, EFFORTS
from proxy.simulator.fields import check_body
from proxy.simulator.models import Model, find_model
from proxy.simulator.refusals import (
    Refusal,
    listed,
    unknown_arguments,
    unsupported_parameter,
    unsupported_value,
)

_REFUSED_BY_REASONING = ("presence_penalty", "frequency_penalty", "stop", "logit_bias")
_REFUSED_WHILE_REASONING = ("top_p", "logprobs", "top_logprobs")


def check_chat(body: dict[str, Any], *, lenient: bool) -> Model:
    """Check a chat completion request.

    Args:
        body: the parsed JSON object.
        lenient: as a compatible server does, let unknown fields pass, and let reasoning models take
            what OpenAI's refuse.

    Returns:
        The model that it asks.

    Raises:
        Refusal: the first thing that is wrong.
    """
    check_body(body, CHAT_FIELDS, ("model", "messages"), lenient=lenient)
    model = find_model(body["model"])
    if model.dimensions:
        raise Refusal(
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint. "
            "Did you mean to use v1/embeddings?",
            status=404,
            param="model",
        )
    if not lenient:
        _check_model_takes(model, body)
    _check_company(body)
    _check_output(model, body)
    _check_tool_messages(body["messages"])
    return model


def _check_model_takes(model: Model, body: dict[str, Any]) -> None:
    """Raise a Refusal for a field that this model does not take, reasoning or not."""
    if model.default_effort is None:
        if body.get("reasoning_effort") is not None:
            raise unknown_arguments(["reasoning_effort"])
        return
    if body.get("max_tokens") is not None:
        raise unsupported_parameter("max_tokens", " Use 'max_completion_tokens' instead.")
    _refuse_any(_REFUSED_BY_REASONING, body)
    effort = body.get("reasoning_effort") or model.default_effort
    check_effort(model, effort, "reasoning_effort")
    if effort != "none":
        _check_while_reasoning(model, body)


def check_effort(model: Model, effort: str, param: str) -> None:
    """Raise a Refusal for a reasoning effort that this model does not support."""
    if effort in model.efforts_refused:
        supported = tuple(name for name in EFFORTS if name not in model.efforts_refused)
        raise unsupported_value(
            param,
            f"'{effort}' is not supported with the '{model.name}' model. "
            f"Supported values are: {listed(supported)}.",
        )


def _check_while_reasoning(model: Model, body: dict[str, Any]) -> None:
    temperature = body.get("temperature")
    if temperature not in (None, 1):
        raise unsupported_value(
            "temperature",
            f"'temperature' does not support {temperature} with this model. "
            "Only the default (1) value is supported.",
        )
    _refuse_any(_REFUSED_WHILE_REASONING, body)
    if body.get("tools") and not model.tools_with_reasoning:
        raise Refusal(
            f"Function tools with reasoning are not supported for {model.name} in "
            "/v1/chat/completions. Please use /v1/responses instead.",
            param="tools",
            code="unsupported_parameter",
        )


def _refuse_any(names: tuple[str, ...], body: dict[str, Any]) -> None:
    for name in names:
        if body.get(name) is not None:
            raise unsupported_parameter(name)


def _check_company(body: dict[str, Any]) -> None:
    """Fields that make sense only beside another one."""
    if body.get("stream_options") is not None and not body.get("stream"):
        raise Refusal(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    for name in ("tool_choice", "parallel_tool_calls"):
        if body.get(name) not in (None, "none") and not body.get("tools"):
            raise Refusal(
                f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.",
                param=name,
            )
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        _check_named(choice, body["tools"])
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        raise Refusal(
            "Invalid value for 'top_logprobs': 'logprobs' must be true to use 'top_logprobs'.",
            param="top_logprobs",
        )


def _check_named(choice: dict[str, Any], tools: list[dict[str, Any]]) -> None:
    wanted = (choice.get("function") or {}).get("name")
    if wanted and wanted not in [(tool.get("function") or {}).get("name") for tool in tools]:
        raise Refusal(
            f"Invalid value for 'tool_choice': no function named `{wanted}` was specified in the "
            "'tools' parameter.",
            param="tool_choice",
        )


def _check_output(model: Model, body: dict[str, Any]) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        wanted = body.get(name)
        if wanted is not None and wanted > model.max_output:
            raise Refusal(
                f"{name} is too large: {wanted}. This model supports at most {model.max_output} "
                f"completion tokens, whereas you provided {wanted}.",
                param=name,
                code="invalid_value",
            )
    asked_for_json = (body.get("response_format") or {}).get("type") == "json_object"
    if asked_for_json and "json" not in str(body["messages"]).lower():
        raise Refusal(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of "
            "type 'json_object'.",
            param="messages",
        )


def _check_tool_messages(messages: list[dict[str, Any]]) -> None:
    """Every tool call has its result right behind it, and no result is without its call."""
    unanswered: list[str] = []
    for position, message in enumerate(messages):
        if message["role"] == "tool":
            _check_is_answer(message, unanswered, position)
            unanswered.remove(message["tool_call_id"])
            continue
        _check_all_answered(unanswered, position)
        unanswered = [call["id"] for call in message.get("tool_calls") or ()]
    _check_all_answered(unanswered, len(messages))


def _check_is_answer(message: dict[str, Any], unanswered: list[str], position: int) -> None:
    if message["tool_call_id"] not in unanswered:
        raise Refusal(
            "Invalid parameter: messages with role 'tool' must be a response to a preceding "
            "message with 'tool_calls'.",
            param=f"messages.[{position}].role",
        )


def _check_all_answered(unanswered: list[str], position: int) -> None:
    if unanswered:
        raise Refusal(
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            f"{', '.join(unanswered)}",
            param=f"messages.[{position}].role",
        )


def check_context(model: Model, prompt_tokens: int) -> None:
    """Raise a Refusal for a prompt that is longer than the model's window."""
    if prompt_tokens > model.context:
        raise Refusal(
            f"This model's maximum context length is {model.context} tokens. However, your "
            f"messages resulted in {prompt_tokens} tokens. Please reduce the length of the "
            "messages.",
            param="messages",
            code="context_length_exceeded",
        )
