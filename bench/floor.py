"""The floor to compare with: the least that Flask, requests and redis can do to pass an answer on.

No keys, no limits, no session, no log, no parsing: bytes come in and go out. Whole answers cost it
three round trips to Redis, as many as the service takes for a turn.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import redis
import requests
from flask import Flask, Response, request

if TYPE_CHECKING:
    from collections.abc import Iterator

app = Flask(__name__)
upstream = requests.Session()
upstream.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=10_000))
store = redis.Redis.from_url(os.environ.get("REDIS_URL") or "redis://127.0.0.1")


@app.post("/v1/chat/completions")
def completion() -> Response:
    """Pass the body on, and the whole answer back."""
    store.get("floor")
    store.incr("floor:count")
    body = upstream.post(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        request.get_data(),
        headers={"Authorization": "Bearer bench", "Content-Type": "application/json"},
    ).content
    store.set("floor", body)
    return Response(body, mimetype="application/json")


@app.post("/chat")
def chat() -> Response:
    """Pass the body on as it is, and the answer back as it comes."""
    answer = upstream.post(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions", request.get_data(), stream=True
    )

    def relayed() -> Iterator[bytes]:
        with answer:
            while chunk := answer.raw.read1(65_536):
                yield chunk

    return Response(relayed(), mimetype="text/event-stream")


@app.get("/livez")
def livez() -> str:
    """Whether it is up."""
    return "ok"
