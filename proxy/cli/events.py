"""Server-sent events of the service, taken apart as they come.

Source: WHATWG HTML, section 9.2 "Server-sent events".
"""

from __future__ import annotations

import codecs
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_UTF_8 = codecs.getincrementaldecoder("utf-8")


@dataclass(frozen=True, slots=True)
class Event:
    """An event: its number within the turn, its kind (start, delta, ...) and its JSON object."""

    number: int
    kind: str
    data: dict[str, Any]


def parse(chunks: Iterable[bytes]) -> Iterator[Event]:
    """The events in these bytes, however they are split; one that is cut off at the end is none.

    Raises:
        ValueError, TypeError: this is no stream of the service.
    """
    decoder = io.IncrementalNewlineDecoder(_UTF_8(errors="replace"), translate=True)
    rest = ""
    for chunk in chunks:
        *blocks, rest = (rest + decoder.decode(chunk)).split("\n\n")
        for block in blocks:
            fields = _fields(block)
            if "data" in fields:
                yield _event(fields)


def _fields(block: str) -> dict[str, str]:
    """A block's fields; comments are none, and several lines of data are one text."""
    fields: dict[str, str] = {}
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        fields[name] = f"{fields[name]}\n{value}" if name == "data" in fields else value
    return fields


def _event(fields: dict[str, str]) -> Event:
    data = json.loads(fields["data"])
    if not isinstance(data, dict):
        raise TypeError("the data of an event is no JSON object")
    return Event(int(fields.get("id", "")), fields.get("event", "message"), data)
