"""Callers of the simulated ChatGPT: one that speaks HTTP well, one that sees every byte."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests

QUESTION = [{"role": "user", "content": "Hello"}]


class Caller:
    """Sends requests with a key; a field given as None stays in the body as null."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {key}"}

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(self.url + path, headers=self.headers, timeout=10, **more)

    def post(self, path: str, body: Any, **more: Any) -> requests.Response:
        return requests.post(
            self.url + path,
            data=body if isinstance(body, bytes) else orjson.dumps(body),
            headers={**self.headers, "Content-Type": "application/json", **more.pop("headers", {})},
            timeout=more.pop("timeout", 10),
            allow_redirects=False,
            **more,
        )

    def chat(self, said: str | list[dict[str, Any]] = "Hello", **fields: Any) -> requests.Response:
        """POST /chat/completions with this message, or these, for gpt-6-luna if not said."""
        more = {name: fields.pop(name) for name in ("timeout", "headers") if name in fields}
        return self.post("/chat/completions", chat_body(said, **fields), **more)

    def reply(self, said: str | list[dict[str, Any]] = "Hello", **fields: Any) -> dict[str, Any]:
        """The first choice of a chat completion."""
        answer = self.chat(said, **fields)
        assert answer.ok, answer.text
        choice: dict[str, Any] = answer.json()["choices"][0]
        return choice

    def words(self, said: str | list[dict[str, Any]] = "Hello", **fields: Any) -> str:
        """The words of a chat completion."""
        return str(self.reply(said, **fields)["message"]["content"])

    def chunks(self, said: str | list[dict[str, Any]] = "Hello", **fields: Any) -> list[Any]:
        """A stream's chunks, without the [DONE] that it must end with."""
        *events, done = self.events(said, **fields)
        assert done == "[DONE]"
        return [orjson.loads(event) for event in events]

    def events(self, said: str | list[dict[str, Any]] = "Hello", **fields: Any) -> list[str]:
        """The data of a stream's events, as text."""
        text = self.chat(said, stream=True, **fields).content.decode()
        return [
            line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data")
        ]

    def connect(self, said: str = "Hello", **fields: Any) -> socket.socket:
        """A socket over which a chat request has just been sent; it gives up after 10 s."""
        address = urlsplit(self.url)
        connection = socket.create_connection((address.hostname, address.port), timeout=10)
        body = orjson.dumps(chat_body(said, **fields))
        head = [
            f"POST {address.path}/chat/completions HTTP/1.1",
            f"Host: {address.netloc}",
            f"Authorization: {self.headers['Authorization']}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        return connection

    def raw(self, said: str = "Hello", **fields: Any) -> bytes:
        """Every byte of an answer that ends with its connection."""
        with self.connect(said, **fields) as connection:
            return b"".join(iter(lambda: connection.recv(65_536), b""))


def chat_body(said: str | list[dict[str, Any]] = "Hello", **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": said}] if isinstance(said, str) else said
    return {"model": "gpt-6-luna", "messages": messages, **fields}


def text_of(chunks: list[Any]) -> str:
    """The words of a stream."""
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)
