"""The service over HTTP, for the commands that a person runs."""

from __future__ import annotations

from typing import Any, Self
from urllib.parse import quote

import requests

from proxy import __version__
from proxy.cli import refusals
from proxy.cli.streams import TurnStream

Json = dict[str, Any]

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
ANSWER_TIMEOUT_S = 600.0
"""How long ChatGPT may think about one turn; the service gives up before."""

PAGE = 100
"""The most sessions that are asked for at once."""


class ProxyClient:
    """Speaks to one chat-proxy with one client key; close it, or use it in a `with`.

    Every method raises ServiceError when the service refuses, fails or is not there, and
    otherwise gives the service's JSON as it came.
    """

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["User-Agent"] = f"chat-proxy-cli/{__version__}"
        if key:
            self._http.headers["Authorization"] = f"Bearer {key}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def chat(self, payload: Json) -> Json:
        """Send one turn, `message` and what goes with it, and give the reply."""
        return self._json("POST", "/chat", json=payload, timeout=ANSWER_TIMEOUT_S)

    def stream_chat(self, payload: Json) -> TurnStream:
        """A turn whose words come as they are written; it is sent when it is first read."""
        return TurnStream(self._send, self.url, "/chat", payload)

    def stream_regeneration(self, session_id: str, payload: Json) -> TurnStream:
        """The session's last turn answered anew, as in `stream_chat`."""
        return TurnStream(self._send, self.url, _session_path(session_id, "/regenerate"), payload)

    def sessions(self, limit: int, query: str | None = None) -> Json:
        """The caller's newest sessions, page after page until there are `limit` of them."""
        found: list[Json] = []
        cursor: str | None = None
        while len(found) < limit:
            wanted = {"limit": min(limit - len(found), PAGE), "q": query, "cursor": cursor}
            page = self._json("GET", "/sessions", params=wanted)
            found += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        return {"object": "list", "data": found, "next_cursor": cursor}

    def session(self, session_id: str) -> Json:
        """A session with its newest turns."""
        return self._json("GET", _session_path(session_id))

    def change_session(self, session_id: str, changes: Json) -> Json:
        """Change a session's title, system, model, parameters or ttl."""
        return self._json("PATCH", _session_path(session_id), json=changes)

    def undo(self, session_id: str) -> Json:
        """Take a session's last turn back."""
        return self._json("POST", _session_path(session_id, "/undo"))

    def export(self, session_id: str, form: str) -> str:
        """The whole session as text, `json` or `markdown`."""
        path = _session_path(session_id, "/export")
        return self._send("GET", path, params={"format": form}).content.decode()

    def delete_session(self, session_id: str) -> None:
        """Delete a session and all its turns."""
        self._send("DELETE", _session_path(session_id))

    def holds(self, session_id: str, turn_id: str) -> bool:
        """Whether this is the newest turn that the session has stored; False if that is unknown."""
        try:
            turns = self.session(session_id)["turns"]
        except refusals.ServiceError:
            return False
        return bool(turns) and turns[-1]["turn_id"] == turn_id

    def _json(self, method: str, path: str, **request: Any) -> Json:
        response = self._send(method, path, **request)
        try:
            body = response.json()
        except requests.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise refusals.not_a_proxy(self.url, response)
        return body

    def _send(
        self, method: str, path: str, *, timeout: float = READ_TIMEOUT_S, **request: Any
    ) -> requests.Response:
        try:
            response = self._http.request(
                method,
                self.url + path,
                timeout=(CONNECT_TIMEOUT_S, timeout),
                allow_redirects=False,
                **request,
            )
            if 200 <= response.status_code < 300:
                return response
            raise refusals.refusal(self.url, response)
        except requests.RequestException as error:
            raise refusals.unreached(self.url, error, timeout) from error


def _session_path(session_id: str, action: str = "") -> str:
    return f"/sessions/{quote(session_id, safe='')}{action}"
