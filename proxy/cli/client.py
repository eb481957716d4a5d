"""The service over HTTP, for the commands that a person runs."""

from __future__ import annotations

from typing import Any, Self
from urllib.parse import quote

import click
import requests
from urllib3.exceptions import MaxRetryError

from proxy import __version__

Json = dict[str, Any]

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
ANSWER_TIMEOUT_S = 600.0
"""How long ChatGPT may think about one turn; the service gives up before."""

LONGEST_WAIT_S = 60.0
"""A longer Retry-After is shown and not waited for."""

PAGE = 100
"""The most sessions that are asked for at once."""


class ServiceError(click.ClickException):
    """The service refused, failed, or could not be reached.

    Attributes:
        wait: seconds after which the same request would pass, if that is worth waiting for.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        wait: float | None = None,
    ) -> None:
        super().__init__(message)
        self.wait = wait
        self._code = code
        self._request_id = request_id
        self._retry_after = retry_after

    def format_message(self) -> str:
        """One line: the message, then the code, the wait and the request's id."""
        facts = [
            self._code,
            f"retry after {in_seconds(self._retry_after)}" if self._retry_after else None,
            f"request {self._request_id}" if self._request_id else None,
        ]
        known = ", ".join(fact for fact in facts if fact)
        line = " ".join(self.message.split())
        return f"{line} [{known}]" if known else line


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

    def regenerate(self, session_id: str, payload: Json) -> Json:
        """Have the session's last turn answered anew, and give the reply."""
        path = _session_path(session_id, "/regenerate")
        return self._json("POST", path, json=payload, timeout=ANSWER_TIMEOUT_S)

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

    def _json(self, method: str, path: str, **request: Any) -> Json:
        response = self._send(method, path, **request)
        try:
            body = response.json()
        except requests.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise self._not_a_proxy(response)
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
        except requests.RequestException as error:
            raise self._unreached(error, timeout) from error
        if not 200 <= response.status_code < 300:
            raise self._refusal(response)
        return response

    def _unreached(self, error: requests.RequestException, timeout: float) -> ServiceError:
        if isinstance(error, requests.exceptions.SSLError):
            return ServiceError(f"No secure connection to {self.url}: {error}")
        if isinstance(error, requests.ReadTimeout):
            return ServiceError(f"{self.url} did not answer within {timeout:g} s.")
        if error.args and isinstance(error.args[0], MaxRetryError):
            return ServiceError(
                f"no chat-proxy answers at {self.url}; start one with 'make run', or set PROXY_URL"
            )
        return ServiceError(f"The connection to {self.url} broke: {error}")

    def _refusal(self, response: requests.Response) -> ServiceError:
        try:
            error = response.json()["error"]
            message, code = str(error["message"]), error["code"]
        except (ValueError, KeyError, TypeError):
            return self._not_a_proxy(response)
        retry_after = _retry_after(response)
        return ServiceError(
            message,
            code=code,
            request_id=response.headers.get("X-Request-ID"),
            retry_after=retry_after,
            wait=retry_after if _is_worth_waiting(response, retry_after) else None,
        )

    def _not_a_proxy(self, response: requests.Response) -> ServiceError:
        return ServiceError(
            f"{self.url} answered {response.status_code} {response.reason}, "
            "but not as a chat-proxy does; is PROXY_URL right?"
        )


def in_seconds(wait: float) -> str:
    """A wait for people: 2 s, 0.4 s, 244.8 s."""
    return f"{wait:.1f}".removesuffix(".0") + " s"


def _session_path(session_id: str, action: str = "") -> str:
    return f"/sessions/{quote(session_id, safe='')}{action}"


def _retry_after(response: requests.Response) -> float | None:
    headers = response.headers
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        return max(0.0, float(headers["Retry-After"]))
    except (KeyError, ValueError):
        return None


def _is_worth_waiting(response: requests.Response, retry_after: float | None) -> bool:
    return (
        response.status_code in {409, 429}
        and retry_after is not None
        and retry_after <= LONGEST_WAIT_S
        and response.headers.get("x-should-retry") != "false"
    )
