"""A turn that is answered word for word: followed to its end, or stopped by Ctrl-C."""

from __future__ import annotations

import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
import urllib3

from proxy.cli import events, refusals
from proxy.cli.answers import reply_text
from proxy.cli.refusals import ConnectionLost, NotThere, ServiceError, in_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from proxy.cli.growing import Answer

SILENCE_S = 45.0
"""After so long without a byte the connection is dead: the service shows life every 15 s."""

PAUSES_S = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Before each try to go on after a lost connection."""

_CHUNK = 65_536
_LOST = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


class Stopped(KeyboardInterrupt):
    """Ctrl-C stopped the turn; what was written until then was passed on."""


class TurnStream:
    """One turn; its events are taken up again where a lost connection left them.

    Attributes:
        session_id: the turn's session; empty until the turn has begun, as is turn_id.
    """

    def __init__(
        self,
        send: Callable[..., requests.Response],
        url: str,
        path: str,
        payload: dict[str, Any],
        pauses: Sequence[float] = PAUSES_S,
    ) -> None:
        """Nothing is sent yet.

        Args:
            send: sends a request, given method and path; raises ServiceError unless it is 2xx.
            url: where it is, for messages.
            path: what begins the turn, with POST.
            payload: its body.
            pauses: seconds before each try to go on; an event that comes begins them anew.
        """
        self.session_id = ""
        self.turn_id = ""
        self._send = send
        self._url = url
        self._path = path
        self._payload = payload | {"stream": True}
        self._pauses = pauses
        self._key = uuid.uuid4().hex
        self._last = 0
        self._request_id: str | None = None
        self._written: list[str] = []

    def write_to(self, answer: Answer) -> dict[str, Any]:
        """Have the turn answered, pass the words on as they come, and give the reply.

        Raises:
            Stopped: Ctrl-C cancelled the turn.
            KeyboardInterrupt: Ctrl-C once more while it was being stopped.
            ServiceError: the service refused or the turn failed.
        """
        try:
            return self._pass_on(answer)
        except KeyboardInterrupt:
            self.cancel()
        return self._end(answer)

    def cancel(self) -> None:
        """Ask the service to stop the turn; Stopped if it never began."""
        if not self.turn_id:
            self._find()
        self._send("POST", self._turn_path("cancel"))

    def _find(self) -> None:
        """Learn the id of a turn that was asked for, by asking once more with the same key."""
        try:
            with closing(self._open()) as response:
                self.turn_id = response.headers.get("X-Turn-ID", "")
        except ServiceError:
            raise Stopped from None

    def _end(self, answer: Answer) -> dict[str, Any]:
        """Pass on what still comes of a turn that is being cancelled; perhaps it was done."""
        try:
            return self._pass_on(answer)
        except ServiceError as error:
            if error.code == "turn_cancelled":
                raise Stopped from None
            raise

    def _pass_on(self, answer: Answer) -> dict[str, Any]:
        reply: dict[str, Any] = {}
        for event in self._events():
            reply = event.data
            if event.kind == "start":
                self.session_id, self.turn_id = reply["session_id"], reply["turn_id"]
            elif event.kind == "queue":
                answer.waiting(_place(reply))
            elif event.kind == "delta" and "text" in reply:
                self._written.append(reply["text"])
                answer.add(reply["text"])
            elif event.kind == "error":
                raise refusals.failure(reply["error"], self._request_id)
        answer.add(self._unwritten(reply))
        return reply

    def _unwritten(self, reply: dict[str, Any]) -> str:
        """What the whole reply has beyond the words that came, such as calls of tools."""
        whole, written = reply_text(reply), "".join(self._written)
        return whole[len(written) :] if whole.startswith(written) else ""

    def _events(self) -> Iterator[events.Event]:
        """Each event once, through lost connections; the last is `done` or `error`."""
        pauses = iter(self._pauses)
        while True:
            lost: ServiceError = ConnectionLost(f"{self._url} ended the connection.")
            try:
                for event in self._connected():
                    pauses = iter(self._pauses)
                    yield event
                    if event.kind in {"done", "error"}:
                        return
            except ServiceError as error:
                lost = error
            pause = next(pauses, None) if self._may_go_on(lost) else None
            if pause is None:
                raise self._given_up(lost)
            time.sleep(pause)

    def _connected(self) -> Iterator[events.Event]:
        """The events that come over one connection and were not seen before."""
        with closing(self._open()) as response:
            self._request_id = response.headers.get("X-Request-ID")
            if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                raise refusals.not_a_proxy(self._url, response)
            self.turn_id = response.headers.get("X-Turn-ID", self.turn_id)
            try:
                for event in events.parse(self._chunks(response)):
                    if event.number > self._last:
                        self._last = event.number
                        yield event
            except (ValueError, TypeError) as error:
                raise refusals.not_a_proxy(self._url, response) from error

    def _open(self) -> requests.Response:
        """Begin the turn, or go on with it; a repeat with the same key does not begin another."""
        headers = {"Accept-Encoding": "identity"}
        if self.turn_id:
            headers["Last-Event-ID"] = str(self._last)
            path = self._turn_path("events")
            return self._send("GET", path, headers=headers, stream=True, timeout=SILENCE_S)
        return self._send(
            "POST",
            self._path,
            json=self._payload,
            headers=headers | {"Idempotency-Key": self._key},
            stream=True,
            timeout=SILENCE_S,
        )

    def _turn_path(self, action: str) -> str:
        return f"/chat/turns/{quote(self.turn_id, safe='')}/{action}"

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        try:
            while chunk := response.raw.read1(_CHUNK):
                yield chunk
        except _LOST as error:
            raise refusals.broken(self._url, error) from error

    def _may_go_on(self, lost: ServiceError) -> bool:
        if isinstance(lost, ConnectionLost):
            return True
        return bool(self.turn_id) and (isinstance(lost, NotThere) or lost.status >= 500)

    def _given_up(self, lost: ServiceError) -> ServiceError:
        if not self.turn_id:
            return lost
        told = f"The answer broke off and cannot be resumed. {lost.message}"
        return ServiceError(told, code=lost.code, request_id=lost.request_id)


def _place(waiting: dict[str, Any]) -> str:
    return f"Place {waiting['position']} in the queue, about {in_seconds(waiting['eta_s'])}"
