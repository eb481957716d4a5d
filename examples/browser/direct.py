"""A page that talks to the proxy itself: `python examples/browser/direct.py`.

With PROXY_URL and PROXY_KEY, and the proxy started with PROXY_CORS_ORIGINS=http://127.0.0.1:8091.
The client key stays here: the page is given a token, good for its user and for ten minutes.
"""

import os
from pathlib import Path

import requests
from flask import Flask, Response, jsonify, request, send_from_directory

URL = os.environ.get("PROXY_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("PROXY_KEY", "")
PORT = int(os.environ.get("PORT", "8091"))
ORIGIN = f"http://127.0.0.1:{PORT}"
HERE = Path(__file__).resolve().parent

app = Flask(__name__, static_folder=None)


@app.get("/", defaults={"name": "direct.html"})
@app.get("/<any('chat-stream.js'):name>")
def page(name: str) -> Response:
    """The page's files."""
    return send_from_directory(HERE, name)


@app.post("/token")
def token() -> Response:
    """A token for who is logged in, to be asked for again when it has ended."""
    if request.headers.get("Origin", ORIGIN) != ORIGIN:
        return Response(status=403)
    user = "ada"  # put your own login here
    minted = requests.post(
        URL + "/tokens",
        json={"user": user, "ttl": 600, "origin": ORIGIN, "limits": {"rpm": 20}},
        headers={"Authorization": f"Bearer {KEY}"} if KEY else {},
        timeout=10,
    )
    if not minted.ok:
        return Response(minted.content, minted.status_code, mimetype="application/json")
    answer = jsonify(url=URL, token=minted.json()["token"])
    answer.headers["Cache-Control"] = "no-store"
    return answer


if __name__ == "__main__":
    app.run(port=PORT, threaded=True)
