"""A request's body: read under a deadline and a size limit, parsed strictly."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import gevent
import orjson
from flask import request
from gunicorn.http.errors import ParseException

from proxy.errors import InvalidRequest, RequestTimeout, RequestTooLarge, UnsupportedMediaType

if TYPE_CHECKING:
    from proxy.settings import Settings

_JSON_TYPES = {"application/json", "application/x-www-form-urlencoded", ""}
"""What may hold JSON; the second is what curl says of any body unless told otherwise."""
_DRAINED = 16
"""How many times the limit is read and thrown away, so that the refusal reaches the sender."""
_CHUNK = 65_536
_MOST_VALUES = 310_000
"""As many commas and brackets may be in a body outside its texts: a request for embeddings holds up
to 300,000 tokens. Its worker understands them within a quarter of a second: millions would hold up
everybody else for many."""
_QUOTES_A_VALUE = 4
"""A name and a text have two each."""


def read_json(settings: Settings, *, optional: bool = False) -> dict[str, Any]:
    """The body as a JSON object. Raises as `read` and `as_json` do."""
    return as_json(read(settings), settings, optional=optional)


def as_json(raw: bytes, settings: Settings, *, optional: bool = False) -> dict[str, Any]:
    """A body that was read as a JSON object; an empty one where there is none and it is `optional`.

    Raises:
        UnsupportedMediaType: it says that it is something else.
        InvalidRequest: it is not UTF-8, not JSON, not an object, nested too deeply, of too many
            values, or holds a name twice.
    """
    if optional and not raw:
        return {}
    if request.mimetype not in _JSON_TYPES:
        raise UnsupportedMediaType(
            f"The body is {request.mimetype}: send Content-Type: application/json."
        )
    return parse_json(raw, settings.json_max_depth)


def read(settings: Settings, limit: int | None = None) -> bytes:
    """The body's bytes.

    Raises:
        RequestTooLarge: it is larger than `limit`, or else than `body_max_bytes`.
        RequestTimeout: it did not arrive within `body_deadline`.
        InvalidRequest: its chunks are malformed, or the connection broke.
    """
    limit = limit or settings.body_max_bytes
    late = RequestTimeout(f"The body did not arrive within {settings.body_deadline:g} s.")
    stream = request.environ["wsgi.input"]
    try:
        with gevent.Timeout(settings.body_deadline, late):
            body = _read_up_to(stream, limit + 1)
            if len(body) > limit:
                _drain(stream, limit * _DRAINED)
    except (ParseException, OSError):
        raise InvalidRequest("The body did not arrive as HTTP sends one: try again.") from None
    if len(body) > limit:
        raise RequestTooLarge(f"The body is larger than {limit} bytes: send less.")
    return body


def _drain(stream: Any, limit: int) -> None:
    drained = 0
    while drained < limit and (chunk := stream.read(_CHUNK)):
        drained += len(chunk)


def _read_up_to(stream: Any, limit: int) -> bytes:
    chunks, size = [], 0
    while size < limit and (chunk := stream.read(min(_CHUNK, limit - size))):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


def parse_json(body: bytes, max_depth: int) -> dict[str, Any]:
    """Parse a JSON object strictly.

    orjson refuses NaN, lone surrogates and bytes that are not UTF-8; a name that is there twice,
    which parsers read differently, is found by a second pass of the standard parser.

    Raises:
        InvalidRequest: it is none; the message says why.
    """
    if _too_many_values(body):
        raise InvalidRequest(f"The body holds more than {_MOST_VALUES} values: send fewer.")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        hint = "" if body.lstrip()[:1] == b"{" else " For a text send Content-Type: text/plain."
        raise InvalidRequest(f"The body is not JSON: {error}.{hint}") from None
    if not isinstance(value, dict):
        raise InvalidRequest('The body must be a JSON object, such as {"message": "Hello"}.')
    if _deeper_than(value, max_depth):
        raise InvalidRequest(f"The body is nested deeper than {max_depth} levels.")
    gevent.sleep(0)  # others may go on between two steps that take long with a large body
    json.loads(body, object_pairs_hook=_without_repeats)
    gevent.sleep(0)
    return value


def _too_many_values(body: bytes) -> bool:
    """Whether a body holds more values than it may; commas and brackets in its texts are none."""
    if _separators(body) <= _MOST_VALUES:
        return False
    start = values = quotes = 0
    while start < len(body):
        chunk = body[start : start + _CHUNK]
        start += len(chunk)
        if start < len(body) and (len(chunk) - len(chunk.rstrip(b"\\"))) % 2:
            chunk, start = chunk[:-1], start - 1  # what it escapes is in the next one
        pieces = chunk.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        values += _separators(b"".join(pieces[quotes % 2 :: 2]))
        quotes += len(pieces) - 1
        if values > _MOST_VALUES or quotes > _MOST_VALUES * _QUOTES_A_VALUE:
            return True
        gevent.sleep(0)
    return False


def _separators(part: bytes) -> int:
    return sum(map(part.count, (b",", b"[", b"{")))


def _deeper_than(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def _without_repeats(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        counted = Counter(name for name, _ in pairs)
        name = next(name for name, times in counted.items() if times > 1)
        raise InvalidRequest(f"The body holds {name[:100]!r} twice.", param=name[:100])
