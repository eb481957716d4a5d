"""The page and its backend: `python examples/browser/serve.py`, with PROXY_URL and PROXY_KEY.

The client key stays here: the page asks this server, which passes on what it needs and no more.
Put your own login before it; as it is, whoever reaches it may chat.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import requests
from flask import Flask, Response, request, send_from_directory

URL = os.environ.get("PROXY_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("PROXY_KEY", "")
HERE = Path(__file__).resolve().parent
PAGE = {"": "index.html", "chat.js": "chat.js", "chat-stream.js": "chat-stream.js"}
PASSED_ON = ("Content-Type", "Idempotency-Key", "Last-Event-ID")
PASSED_BACK = ("Cache-Control", "Content-Type", "Retry-After", "X-Request-ID", "X-Turn-ID")

app = Flask(__name__, static_folder=None)


@app.get("/", defaults={"name": ""})
@app.get("/<any('chat.js', 'chat-stream.js'):name>")
def page(name: str) -> Response:
    """The page's files."""
    return send_from_directory(HERE, PAGE[name])


@app.post("/chat")
def chat() -> Response:
    """A turn."""
    return passed_on("/chat")


@app.get("/chat/turns/<turn_id>/events")
def events(turn_id: str) -> Response:
    """The rest of a turn."""
    return passed_on(f"/chat/turns/{quote(turn_id, safe='')}/events")


@app.post("/chat/turns/<turn_id>/cancel")
def cancel(turn_id: str) -> Response:
    """The end of a turn."""
    return passed_on(f"/chat/turns/{quote(turn_id, safe='')}/cancel")


def passed_on(path: str) -> Response:
    """The proxy's answer, as it comes."""
    headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
    if KEY:
        headers["Authorization"] = f"Bearer {KEY}"
    answer = requests.request(
        request.method,
        URL + path,
        data=request.get_data(),
        headers=headers,
        stream=True,
        timeout=(5, 600),
        allow_redirects=False,
    )
    back = {name: answer.headers[name] for name in PASSED_BACK if name in answer.headers}
    return Response(chunks(answer), answer.status_code, back)


def chunks(answer: requests.Response) -> Iterator[bytes]:
    """The body, piece for piece."""
    with answer:
        yield from answer.iter_content(None)


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "8090")), threaded=True)
