"""The floor to compare with: the least that Flask and requests can do to pass a stream on.

No keys, no limits, no session, no log, no parsing: bytes come in and go out.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import requests
from flask import Flask, Response, request

if TYPE_CHECKING:
    from collections.abc import Iterator

app = Flask(__name__)
upstream = requests.Session()
upstream.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=10_000))


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
