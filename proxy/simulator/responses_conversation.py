"""Requests to the Responses API, and the conversations that they go on with."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from proxy.simulator.answers import Answer, Ask
from proxy.simulator.examples import ANY_OBJECT
from proxy.simulator.refusals import Refusal, missing
from proxy.simulator.tokens import count_messages

_MOST_REMEMBERED = 1_000

_Messages = list[dict[str, Any]]


class Memory:
    """Conversations by the id of their last response, or by their own."""

    def __init__(self) -> None:
        self._conversations: OrderedDict[str, _Messages] = OrderedDict()

    def recall(self, body: dict[str, Any]) -> _Messages:
        """The messages that a request continues; a conversation not heard of yet has none.

        Raises:
            Refusal: 400, no such previous response.
        """
        previous = body.get("previous_response_id")
        if previous is None:
            return self._conversations.get(_conversation(body) or "", [])
        if previous not in self._conversations:
            raise Refusal(
                f"Previous response with id '{previous}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        return self._conversations[previous]

    def keep(self, body: dict[str, Any], response_id: str, messages: _Messages) -> None:
        """Remember the messages up to this response, unless the request says `store: false`."""
        key = _conversation(body) or response_id
        if body.get("store") is not False:
            self._conversations[key] = messages
            self._conversations.move_to_end(key)
        if len(self._conversations) > _MOST_REMEMBERED:
            self._conversations.popitem(last=False)


def _conversation(body: dict[str, Any]) -> str | None:
    given = body.get("conversation")
    return given.get("id") if isinstance(given, dict) else given


def read_response(body: dict[str, Any], before: _Messages) -> Ask:
    """What a request that `check_response` has passed asks for, after the messages before it.

    Raises:
        Refusal: 400, there is nothing to answer, or the result of a call that was never made.
    """
    messages = before + _read_input(body["input"])
    if not messages:
        raise missing("input")
    _check_outputs(messages)
    if body.get("instructions"):
        messages.insert(0, {"role": "developer", "content": body["instructions"]})
    tools = [tool for tool in body.get("tools") or () if tool["type"] == "function"]
    choice = body.get("tool_choice") or "auto"
    return Ask(
        model=body["model"],
        messages=messages,
        parameters={name: value for name, value in body.items() if name != "input"},
        prompt_tokens=count_messages(messages, tools),
        tools={tool["name"]: tool.get("parameters") or {} for tool in tools},
        tool_choice=choice if isinstance(choice, str) else str(choice.get("name", "required")),
        parallel=body.get("parallel_tool_calls") is not False,
        schema=_schema((body.get("text") or {}).get("format") or {}),
        max_tokens=body.get("max_output_tokens"),
    )


def messages_after(body: dict[str, Any], before: _Messages, answer: Answer) -> _Messages:
    """The conversation with a request's input and its answer; instructions are not kept."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if answer.tool_calls:
        message["tool_calls"] = [
            _read_call(call.id, call.name, call.arguments) for call in answer.tool_calls
        ]
    return [*before, *_read_input(body["input"]), message]


def _schema(wanted: dict[str, Any]) -> dict[str, Any] | None:
    if wanted.get("type") == "json_object":
        return ANY_OBJECT
    return wanted.get("schema")


def _read_input(given: str | _Messages) -> _Messages:
    """An input as the messages that a chat completion has."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    return [message for item in given if (message := _read_item(item)) is not None]


def _read_item(item: dict[str, Any]) -> dict[str, Any] | None:
    match item.get("type", "message"):
        case "message":
            return {"role": item["role"], "content": item["content"]}
        case "function_call":
            call = _read_call(item["call_id"], item["name"], item["arguments"])
            return {"role": "assistant", "content": None, "tool_calls": [call]}
        case "function_call_output":
            return {"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]}
    return None


def _read_call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def _check_outputs(messages: _Messages) -> None:
    called = {call["id"] for message in messages for call in message.get("tool_calls") or ()}
    for message in messages:
        if message["role"] == "tool" and message["tool_call_id"] not in called:
            raise Refusal(
                "No tool call found for function call output with call_id "
                f"{message['tool_call_id']}.",
                param="input",
            )
