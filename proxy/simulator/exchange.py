"""One request and its answer: recorded, let in or refused, read, answered as scripted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from proxy.simulator.connection import Connection
from proxy.simulator.faults import FAULTS
from proxy.simulator.history import Record
from proxy.simulator.outgoing import Outgoing, deliver, json_answer, stream_answer
from proxy.simulator.refusals import Refusal, invalid_api_key
from proxy.simulator.script import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Request, Response

    from proxy.simulator.state import State

_USUAL_ERRORS = {
    400: ("invalid_request_error", "invalid_value"),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
    503: ("server_error", "server_is_overloaded"),
}
"""The type and code of an error of that status, unless the script says otherwise."""


class Exchange:
    """A request while it is answered."""

    def __init__(self, request: Request, state: State) -> None:
        """Record the request as it came."""
        self._request = request
        self._state = state
        self._started = time.monotonic()
        self._history = state.history
        self._record = Record(
            at=time.time(),
            method=request.method,
            path=request.full_path.rstrip("?"),
            headers={name.lower(): value for name, value in request.headers.items()},
            raw_body=request.get_data(),
        )
        self._history.add(self._record)

    def authorise(self) -> None:
        """Raise a Refusal, 401, unless the request has the right key."""
        scheme, _, key = self._request.headers.get("authorization", "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise invalid_api_key(None)
        if self._state.api_key is not None and key != self._state.api_key:
            raise invalid_api_key(key)

    def read_json(self) -> dict[str, Any]:
        """The body.

        Raises:
            Refusal: it is not declared as JSON, is not JSON or not an object.
        """
        declared = self._request.headers.get("content-type", "")
        if self._request.mimetype != "application/json":
            raise Refusal(
                f"Unsupported content type: '{declared}'. This API method only accepts "
                "'application/json' requests, but you specified the header "
                f"'Content-Type: {declared}'. Please try again with a supported content type.",
                code="unsupported_content_type",
            )
        try:
            body = orjson.loads(self._record.raw_body)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise Refusal(
                "We could not parse the JSON body of your request. (HINT: This likely means you "
                "aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, "
                "but what was sent was not valid JSON.)"
            )
        return body

    def refuse(self, refusal: Refusal) -> Response:
        """Answer with an error of our own."""
        outgoing = json_answer(refusal.body, Reply(), self._connection, refusal.status)
        return self._send(outgoing.with_headers(refusal.headers))

    def answer(self, content: dict[str, Any], reply: Reply) -> Response:
        """Answer with one JSON object."""
        return self._send(json_answer(content, reply, self._connection))

    def stream(self, events: Iterator[bytes], reply: Reply) -> Response:
        """Answer with a stream of events."""
        return self._send(stream_answer(events, reply, self._connection))

    def fail(self, reply: Reply) -> Response:
        """Answer with the scripted status, and body where that is scripted."""
        kind, code = _USUAL_ERRORS.get(reply.status, ("server_error", None))
        refusal = Refusal(f"Scripted status {reply.status}.", kind=kind, code=code)
        error = {"error": refusal.body["error"] | reply.error}
        return self._send(json_answer(error, reply, self._connection, reply.status))

    @property
    def _connection(self) -> Connection:
        connection = self._request.environ[Connection.KEY]
        assert isinstance(connection, Connection)  # noqa: S101
        return connection

    def _send(self, outgoing: Outgoing) -> Response:
        reply = outgoing.reply
        if reply.body is not None:
            outgoing = outgoing.with_body(reply.body.encode())
        outgoing = outgoing.with_headers(self._usual_headers()).with_headers(reply.headers)
        if reply.fault is not None:
            outgoing = FAULTS[reply.fault](outgoing)
        return deliver(outgoing, self._record, self._history)

    def _usual_headers(self) -> dict[str, str]:
        took_ms = (time.monotonic() - self._started) * 1000
        return {
            "x-request-id": f"req_{uuid4().hex}",
            "openai-processing-ms": str(int(took_ms)),
            "openai-version": "2020-10-01",
            "set-cookie": "__cf_bm=simulated; path=/; HttpOnly",
        } | self._state.limits.headers
