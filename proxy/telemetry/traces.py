"""Traces: what took how long within a request, as spans. None, and no cost, unless a setting asks.

OpenTelemetry is loaded only then (`otel.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from proxy.telemetry import current

if TYPE_CHECKING:
    from proxy.settings import Settings
    from proxy.telemetry.current import Current
    from proxy.telemetry.spans import Kind, Span


class Headers(Protocol):
    """A request's, whatever the case of their names."""

    def get(self, key: str, /) -> str | None:
        """One of them, if it is there."""


class Tracer(Protocol):
    """Where the spans of requests come from."""

    def request(self, now: Current, name: str, headers: Headers) -> Span:
        """A request begins; its headers may say within what."""

    def close(self) -> None:
        """Send what was not sent yet."""


_tracers: list[Tracer] = []


def configure(settings: Settings) -> None:
    """Send the spans of this process where the settings say, if they do."""
    if settings.traces_url and not _tracers:
        from proxy.telemetry.otel import OpenTelemetry  # noqa: PLC0415 - an extra, loaded on use

        _tracers.append(OpenTelemetry(settings.traces_url))


def request(name: str, headers: Headers) -> None:
    """The request of this greenlet begins.

    Args:
        name: its method and route.
        headers: its own; `traceparent` says within what of its caller it is.
    """
    for tracer in _tracers:
        now = current.get()
        now.root = now.step = tracer.request(now, name, headers)


def begin(name: str, kind: Kind = "internal") -> Span:
    """A step of the request begins, within the one that runs; whoever is given it ends it.

    Args:
        name: what is done.
        kind: whether it is somebody else who is asked.
    """
    now = current.get()
    return now.step.child(now, name, kind)


def close() -> None:
    """Send what was not sent yet."""
    for tracer in _tracers:
        tracer.close()
