"""Spans by OpenTelemetry, sent by OTLP over HTTP. Needs requirements-otel.txt.

OpenTelemetry reads more from the environment by itself: headers for the collector
(OTEL_EXPORTER_OTLP_HEADERS), how many requests are traced (OTEL_TRACES_SAMPLER), how spans are
gathered (OTEL_BSP_*).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode, format_trace_id, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from proxy import __version__
from proxy.telemetry import logs
from proxy.telemetry.spans import code_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry import trace
    from opentelemetry.sdk.trace import ReadableSpan

    from proxy.telemetry.current import Current
    from proxy.telemetry.spans import Kind, Value
    from proxy.telemetry.traces import Headers

_TIMEOUT_S = 2
"""A collector that is gone must not hold up the end of a worker."""
_SAID_EVERY_S = 60.0
_w3c = TraceContextTextMapPropagator()


class OpenTelemetry:
    """Gathers spans, and sends them from time to time."""

    def __init__(self, url: str) -> None:
        """Nothing is sent yet.

        Args:
            url: the collector's, without /v1/traces.
        """
        theirs = logging.getLogger("opentelemetry")  # tells each failure, at length and in no order
        theirs.addHandler(logging.NullHandler())
        theirs.propagate = False
        resource = Resource.create({"service.name": "chat-proxy", "service.version": __version__})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(_Exporter(url)))
        self._tracer = self._provider.get_tracer("chat-proxy", __version__)

    def request(self, now: Current, name: str, headers: Headers) -> OtelSpan:
        """A request begins, within what its `traceparent` names if it has one."""
        given = {key: headers.get(key) or "" for key in ("traceparent", "tracestate")}
        context = _w3c.extract(given)
        span = self._tracer.start_span(name, context, SpanKind.SERVER)
        return OtelSpan(self._tracer, span, now, None)

    def close(self) -> None:
        """Send what was not sent yet."""
        self._provider.shutdown()


class OtelSpan:
    """A span, and how to begin others within it."""

    __slots__ = ("_now", "_parent", "_span", "_tracer")

    def __init__(
        self, tracer: trace.Tracer, span: trace.Span, now: Current, parent: OtelSpan | None
    ) -> None:
        self._tracer = tracer
        self._span = span
        self._now = now
        self._parent = parent

    @property
    def trace_id(self) -> str:
        """Which trace it belongs to."""
        return format_trace_id(self._span.get_span_context().trace_id)

    @property
    def headers(self) -> dict[str, str]:
        """What tells another service that its work belongs here."""
        headers: dict[str, str] = {}
        _w3c.inject(headers, set_span_in_context(self._span))
        return headers

    def child(self, now: Current, name: str, kind: Kind) -> OtelSpan:
        """One within it."""
        within = set_span_in_context(self._span)
        kinds = {"client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}
        span = self._tracer.start_span(name, within, kinds[kind])
        now.step = OtelSpan(self._tracer, span, now, self)
        return now.step

    def tell(self, attributes: Mapping[str, Value], name: str | None = None) -> None:
        """Say more of it."""
        for key, value in attributes.items():
            if value is not None:
                self._span.set_attribute(key, value)
        if name:
            self._span.update_name(name)

    def end(self, code: str | None = None) -> None:
        """It is over."""
        if code:
            self._span.set_attribute("error.type", code)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()
        if self._parent is not None:
            self._now.step = self._parent

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.end(code_of(error))


class _Exporter(SpanExporter):
    """Sends spans; says once a minute that it cannot, in place of a traceback each time."""

    def __init__(self, url: str) -> None:
        self._sender = OTLPSpanExporter(endpoint=f"{url}/v1/traces", timeout=_TIMEOUT_S)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._sender.export(spans)
        if result is not SpanExportResult.SUCCESS:
            logs.problem("traces", ConnectionError(), every_s=_SAID_EVERY_S, lost=len(spans))
        return result

    def shutdown(self) -> None:
        self._sender.shutdown()  # type: ignore[no-untyped-call]
