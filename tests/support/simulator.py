"""The controls of the simulated ChatGPT: script its answers, see what it was sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request as the simulated ChatGPT got it, and how its answer ended.

    Attributes:
        at: when it came, Unix time in seconds.
        method: the HTTP method.
        path: with the query, if there was one.
        headers: names in lower case.
        body: parsed; text when it is not JSON; None when there is none.
        status: of the answer; None while it is not decided.
        streamed: whether the answer is a stream.
        chunks_sent: events of a stream that were handed to the network.
        client_gone: whether the client left before the end.
        finished: whether the answer was sent to its end.
    """

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    status: int | None
    streamed: bool
    chunks_sent: int
    client_gone: bool
    finished: bool


class Control:
    """Speaks to `/_simulator`; each call is a connection of its own."""

    def __init__(self, url: str) -> None:
        """Control the simulated ChatGPT of this base URL, with its /v1."""
        self._url = url.removesuffix("/v1") + "/_simulator"

    def queue(self, **reply: Any) -> None:
        """Answer one request to come so: the fields of `proxy.simulator.script.Reply`."""
        self._post("replies", reply)

    def defaults(self, **options: Any) -> None:
        """Let these fields of `Reply` hold for all replies; no fields: none does any more."""
        self._post("defaults", options)

    def limits(
        self, requests: int | None = None, tokens: int | None = None, *, enforce: bool = False
    ) -> None:
        """Advertise so many a minute, all left, and none of what is None; enforce them or not."""
        self._post("limits", {"requests": requests, "tokens": tokens, "enforce": enforce})

    def requests(self) -> list[SentRequest]:
        """The last requests, at most 1,000, the oldest first."""
        return [SentRequest(**fields) for fields in self._get("requests")]

    def stats(self) -> dict[str, int]:
        """Counters since the last reset.

        requests, open_requests, max_open_requests, open_streams, max_open_streams and
        aborted_streams (those that the client left).
        """
        counters: dict[str, int] = self._get("stats")
        return counters

    def reset(self) -> None:
        """Forget replies, defaults, limits, requests and counters."""
        self._post("reset", None)

    def _get(self, what: str) -> Any:
        answer = requests.get(f"{self._url}/{what}", timeout=10)
        answer.raise_for_status()
        return answer.json()

    def _post(self, what: str, body: Any) -> None:
        answer = requests.post(f"{self._url}/{what}", json=body, timeout=10)
        assert answer.ok, answer.text
