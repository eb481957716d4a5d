"""A caller of OpenAI's interface without an SDK, which sees every byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from tests.support.service import Client
    from tests.support.simulator import Control

CHAT, RESPONSES, EMBEDDINGS = "/v1/chat/completions", "/v1/responses", "/v1/embeddings"
SAID = 'You said: "Hello"'
ASKS: dict[str, dict[str, Any]] = {
    CHAT: {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hello"}]},
    RESPONSES: {"model": "gpt-6-luna", "input": "Hello"},
    EMBEDDINGS: {"model": "text-embedding-3-small", "input": "Hello"},
}
"""A good body for each route."""
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
DONE = b"data: [DONE]\n\n"
REQUESTS, TOKENS = 100, 1_200
"""What `thrifty` may take at once."""


def ask(client: Client, path: str = CHAT, **fields: Any) -> requests.Response:
    """POST a good body with these fields on top; `headers` and `messages` as they are given."""
    headers = fields.pop("headers", None)
    return client.post(path, json=ASKS[path] | fields, headers=headers)


def say(client: Client, text: str, **fields: Any) -> requests.Response:
    """POST a chat completion whose only message is this text."""
    return ask(client, messages=[{"role": "user", "content": text}], **fields)


def listen(client: Client, path: str = CHAT, **fields: Any) -> requests.Response:
    """POST for a stream that is not read yet; leaving the `with` block closes its connection."""
    headers = fields.pop("headers", None)
    body = ASKS[path] | {"stream": True} | fields
    return client.post(path, json=body, headers=headers, stream=True)


def data(raw: bytes) -> list[Any]:
    """The data of a stream's events, without the [DONE]."""
    lines = [line[6:] for line in raw.split(b"\n") if line.startswith(b"data: ")]
    return [orjson.loads(line) for line in lines if line != b"[DONE]"]


def words(raw: bytes) -> str:
    """The text of a streamed chat completion."""
    choices = [choice for chunk in data(raw) for choice in chunk.get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def hear(pieces: Iterator[bytes], characters: int) -> str:
    """Listen to a streamed chat completion until there are so many characters of words."""
    got = b""
    while len(words(got)) < characters:
        got += next(pieces)
    return words(got)


def failed(answer: requests.Response) -> tuple[int, str, str | None]:
    """Status, code and param of an error, whose form is checked."""
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"]
    assert answer.headers["X-Request-ID"]
    return answer.status_code, error["code"], error["param"]


def gone_upstream(chatgpt: Control) -> bool:
    """Whether ChatGPT has no answer under way, and noticed that its client left."""
    stats = chatgpt.stats()
    return stats["open_requests"] == 0 and chatgpt.requests()[-1].client_gone
