"""Streams in OpenAI's own form: events without numbers, errors as data, ``[DONE]`` at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from proxy.errors import ApiError
from proxy.store.turn_log import frame
from proxy.upstream.assembly import DONE
from proxy.web import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import gevent

    from proxy.upstream.sse import Event

_DONE = b"data: " + DONE + b"\n\n"


def unnamed(event: Event) -> bytes:
    """An event of chat completions."""
    return _data(event.data)


def named(event: Event) -> bytes:
    """An event of the responses API."""
    return (b"event: " + event.name + b"\n" if event.name else b"") + _data(event.data)


def _data(data: bytes) -> bytes:
    """An event's data, which may be of several lines."""
    return b"data: " + data.replace(b"\n", b"\ndata: ") + b"\n\n"


def written(
    events: Iterator[list[Event]],
    write: Callable[[Event], bytes],
    watcher: gevent.Greenlet,
    *,
    done: bool,
) -> Iterator[bytes]:
    """What is sent of a relayed stream, to its end or to the error that ends it.

    Args:
        events: ChatGPT's.
        write: one of them as it is sent.
        watcher: ended with the stream.
        done: whether ``[DONE]`` ends it.
    """
    try:
        for batch in events:
            yield b"".join(map(write, batch))
        if done:
            yield _DONE
    except ApiError as error:
        yield b"data: " + orjson.dumps(error.body()) + b"\n\n"
    finally:
        watcher.kill(block=False)
        events.close()  # type: ignore[attr-defined]


def chunks_of(frames: Iterator[bytes]) -> Iterator[bytes]:
    """A turn's events without their numbers and names, which OpenAI's streams do not have."""
    for batch in frames:
        data = (data for _, data in streams.parsed(batch))
        yield b"".join(map(_data, data))


def made_up(answer: bytes) -> Iterator[bytes]:
    """The events of a stream whose log is gone, from its chunks, a line each."""
    for number, chunk in enumerate([*answer.split(b"\n"), DONE], 1):
        yield frame(number, "chunk", chunk)
