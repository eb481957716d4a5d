"""What the simulated ChatGPT was sent and how each exchange ended."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import orjson

_MOST_RECORDS = 1_000
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class Record:
    """One request.

    Attributes:
        at: when it came, Unix time in seconds.
        method: the HTTP method.
        path: the path, with the query if there was one.
        headers: what was sent, names in lower case, nothing hidden.
        raw_body: the body's bytes.
        status: of the answer; None until it is decided.
        streamed: whether the answer is a stream.
        chunks_sent: pieces of the body handed to the network: events of a stream.
        client_gone: the client went away before the end.
        finished: the answer was sent to its end.
    """

    at: float
    method: str
    path: str
    headers: dict[str, str]
    raw_body: bytes
    status: int | None = None
    streamed: bool = False
    chunks_sent: int = 0
    client_gone: bool = False
    finished: bool = False

    @property
    def described(self) -> dict[str, Any]:
        """The record as JSON has it: `body` parsed, or as text when it is not JSON."""
        told = {name: getattr(self, name) for name in self.__slots__ if name != "raw_body"}
        try:
            body = orjson.loads(self.raw_body) if self.raw_body else None
        except orjson.JSONDecodeError:
            body = self.raw_body.decode(errors="replace")
        return told | {"body": body}


class History:
    """The last 1,000 requests, fewer when they are big, and counters over all."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque()
        self._bytes = 0
        self.stats = {
            "requests": 0,
            "open_requests": 0,
            "max_open_requests": 0,
            "open_streams": 0,
            "max_open_streams": 0,
            "aborted_streams": 0,
        }

    @property
    def records(self) -> list[Record]:
        """The requests that are remembered, oldest first."""
        return list(self._records)

    def add(self, record: Record) -> None:
        """Remember a request as it comes in."""
        self._records.append(record)
        self._bytes += len(record.raw_body)
        while len(self._records) > _MOST_RECORDS or self._bytes > _MOST_BYTES:
            self._bytes -= len(self._records.popleft().raw_body)
        self.stats["requests"] += 1

    def open(self, record: Record) -> None:
        """Count an answer that is about to be sent."""
        self._count_open("requests")
        if record.streamed:
            self._count_open("streams")

    def close(self, record: Record) -> None:
        """Count its end, whatever it was."""
        self.stats["open_requests"] -= 1
        if record.streamed:
            self.stats["open_streams"] -= 1
            self.stats["aborted_streams"] += record.client_gone

    def _count_open(self, what: str) -> None:
        self.stats[f"open_{what}"] += 1
        most = max(self.stats[f"max_open_{what}"], self.stats[f"open_{what}"])
        self.stats[f"max_open_{what}"] = most
