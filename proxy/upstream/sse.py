"""Server-sent events, taken apart as they come: any split, any line end, comments, bounded size.

Source: WHATWG HTML, section 9.2 "Server-sent events".
"""

from __future__ import annotations

from typing import NamedTuple

from proxy.errors import UpstreamBroken


class Event(NamedTuple):
    """An event: its name (nothing for the unnamed ones of chat completions) and its data."""

    name: bytes
    data: bytes


class Parser:
    """Turns bytes into events; what is not complete waits for the rest."""

    def __init__(self, most_bytes: int) -> None:
        """Nothing was read yet.

        Args:
            most_bytes: the largest event that is taken.
        """
        self._most = most_bytes
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._after_cr = False
        self._name = b""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that these bytes complete.

        Raises:
            UpstreamBroken: an event is larger than is taken.
        """
        waits = self._rest or self._data or self._name or self._after_cr
        if not waits and len(chunk) <= self._most and (event := _alone(chunk)):
            return [event]
        if self._after_cr:
            chunk = chunk.removeprefix(b"\n")  # the other half of a CRLF
        self._after_cr = chunk.endswith(b"\r")
        if b"\n" not in chunk and b"\r" not in chunk:
            self._keep(chunk)
            return []
        lines = b"".join((*self._rest, chunk)).splitlines()
        self._rest, self._rest_bytes = [], 0
        if not chunk.endswith((b"\n", b"\r")):
            self._keep(lines.pop())
        events: list[Event] = []
        for line in lines:
            self._line(line, events)
        return events

    def _line(self, line: bytes, events: list[Event]) -> None:
        if not line:
            if self._data:
                events.append(Event(self._name, b"\n".join(self._data)))
            self._name, self._data, self._data_bytes = b"", [], 0
            return
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
            self._data_bytes += len(line)
            self._check(self._data_bytes)
        elif field == b"event":
            self._name = value.removeprefix(b" ")

    def _keep(self, part: bytes) -> None:
        self._rest.append(part)
        self._rest_bytes += len(part)
        self._check(self._rest_bytes + self._data_bytes)

    def _check(self, size: int) -> None:
        if size > self._most:
            raise UpstreamBroken("ChatGPT sent an event larger than the service takes.")


def _alone(chunk: bytes) -> Event | None:
    """The event of bytes that are one unnamed event of one line, as nearly all are: 1 us less."""
    if not (chunk.startswith(b"data: ") and chunk.endswith(b"\n\n")):
        return None
    data = chunk[6:-2]
    return None if b"\n" in data or b"\r" in data else Event(b"", data)
