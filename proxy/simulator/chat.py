"""Chat completions: from the request to an `Ask`, and from its answer to OpenAI's bodies."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from proxy.simulator.answers import Answer, Ask, ToolCall
from proxy.simulator.examples import ANY_OBJECT
from proxy.simulator.outgoing import DONE
from proxy.simulator.tokens import count_messages

if TYPE_CHECKING:
    from collections.abc import Iterator

_PADDING = "0123456789abcdef"


def read_chat(body: dict[str, Any]) -> Ask:
    """What a request that `check_chat` has passed asks for."""
    tools = body.get("tools") or []
    stop = body.get("stop") or ()
    choice = body.get("tool_choice") or "auto"
    functions = [tool["function"] for tool in tools if tool["type"] == "function"]
    return Ask(
        model=body["model"],
        messages=body["messages"],
        parameters={name: value for name, value in body.items() if name != "messages"},
        prompt_tokens=count_messages(body["messages"], tools),
        tools={function["name"]: function.get("parameters") or {} for function in functions},
        tool_choice=choice if isinstance(choice, str) else _named(choice),
        parallel=body.get("parallel_tool_calls") is not False,
        schema=_schema(body.get("response_format") or {}),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        choices=body.get("n") or 1,
    )


def _named(choice: dict[str, Any]) -> str:
    """The function that a `tool_choice` object names; any, when it names none."""
    return str((choice.get("function") or {}).get("name", "required"))


def _schema(response_format: dict[str, Any]) -> dict[str, Any] | None:
    match response_format.get("type"):
        case "json_schema":
            schema = response_format["json_schema"]["schema"]
            return schema if isinstance(schema, dict) else None
        case "json_object":
            return ANY_OBJECT
    return None


def chat_completion(ask: Ask, answer: Answer) -> dict[str, Any]:
    """The whole answer as one object; without `usage` when there is none to report."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": answer.text if not answer.tool_calls else None,
        "refusal": None,
        "annotations": [],
    }
    if answer.tool_calls:
        message["tool_calls"] = [_described(call) for call in answer.tool_calls]
    choices = [
        {
            "index": index,
            "message": message,
            "logprobs": None,
            "finish_reason": answer.finish_reason,
        }
        for index in range(ask.choices)
    ]
    content = _envelope(ask, "chat.completion") | {"choices": choices}
    return content if answer.usage is None else content | {"usage": answer.usage}


def _envelope(ask: Ask, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": f"simulated-{ask.model}",
        "service_tier": "default",
        "system_fingerprint": "fp_simulated",
    }


def _described(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def chat_events(ask: Ask, answer: Answer, chunk_size: int) -> Iterator[bytes]:
    """The answer as events, with so many characters each; [DONE] is the last."""
    options = ask.parameters.get("stream_options") or {}
    chunks = _Chunks(ask, options)
    for index in range(ask.choices):
        content = None if answer.tool_calls else ""
        yield chunks.event(index, {"role": "assistant", "content": content, "refusal": None})
        if answer.tool_calls:
            for delta in _call_deltas(answer.tool_calls, chunk_size):
                yield chunks.event(index, {"tool_calls": [delta]})
        else:
            yield from chunks.words(index, answer.text, chunk_size)
        yield chunks.event(index, {}, answer.finish_reason)
    if options.get("include_usage") and answer.usage is not None:
        yield chunks.last(answer.usage)
    yield DONE


def _call_deltas(calls: tuple[ToolCall, ...], chunk_size: int) -> Iterator[dict[str, Any]]:
    """Each call's id and name in its first fragment, its arguments in those that follow."""
    for index, call in enumerate(calls):
        yield {"index": index, **_described(ToolCall(call.id, call.name, ""))}
        for start in range(0, len(call.arguments), chunk_size):
            part = call.arguments[start : start + chunk_size]
            yield {"index": index, "function": {"arguments": part}}


class _Chunks:
    """Writes chunks; what all of them share is written once."""

    def __init__(self, ask: Ask, options: dict[str, Any]) -> None:
        """Prepare them for a request with these `stream_options`."""
        shared = orjson.dumps(_envelope(ask, "chat.completion.chunk"))[:-1]
        self._head = b"data: " + shared + b',"choices":['
        self._tail = b"]" + (b',"usage":null' if options.get("include_usage") else b"")
        self._obfuscated = options.get("include_obfuscation") is not False

    def event(self, index: int, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        """One chunk of one choice."""
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._head + orjson.dumps(choice) + self._tail + b"}\n\n"

    def words(self, index: int, text: str, size: int) -> Iterator[bytes]:
        """The chunks of a text, cheaply; they are padded unless the request forbids it."""
        head = b'%b{"index":%d,"delta":{"content":' % (self._head, index)
        tail = b'},"logprobs":null,"finish_reason":null}' + self._tail
        for start in range(0, len(text), size):
            part = text[start : start + size]
            padding = self._padding(part) if self._obfuscated else b""
            yield head + orjson.dumps(part) + tail + padding + b"}\n\n"

    def last(self, usage: dict[str, Any]) -> bytes:
        """The chunk with the usage and without a choice."""
        return self._head + b'],"usage":' + orjson.dumps(usage) + b"}\n\n"

    @staticmethod
    def _padding(part: str) -> bytes:
        return b',"obfuscation":"%b"' % _PADDING[len(part) % len(_PADDING) :].encode()
